//! Agent files: `agent/rejected` with the diagnostics they get, `agent/accepted` with what they resolve to.
//!
//! A case is `NAME.toml`; beside it may stand `NAME.conf.d/*.toml`, `NAME.env` (`VARIABLE=value` lines) and
//! `NAME.flags` (one `--set` a line).

use std::fs;
use std::path::Path;

use fdguard::cli::render::diagnostics::{Style, render_report};
use fdguard::config::{Folders, Input, SourceFile, load};

use crate::golden::{Golden, cases, files};

const FOLDER: &str = "/etc/fdguard";

fn input(case: &Path) -> Input {
    let file = |path: &Path, inside: &str| SourceFile {
        path: Path::new(FOLDER).join(inside).join(path.file_name().unwrap()),
        text: fs::read_to_string(path).unwrap(),
    };
    let lines = |ending: &str| -> Vec<String> {
        let text = fs::read_to_string(case.with_extension(ending)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    let pair = |line: String| {
        let (name, value) = line.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    Input {
        file: Some(file(case, "")),
        drop_ins: files(&case.with_extension("conf.d"), "toml")
            .iter()
            .map(|path| file(path, "conf.d"))
            .collect(),
        env: lines("env").into_iter().map(pair).collect(),
        flags: lines("flags"),
        folders: Folders::system(),
    }
}

#[test]
fn broken_agent_files_get_the_diagnostics_they_deserve() {
    let mut golden = Golden::default();
    let found = files(&cases().join("agent/rejected"), "toml");
    assert!(found.len() >= 20, "{} cases", found.len());
    for case in found {
        let loaded = load(&input(&case));
        if loaded.config.is_some() || !loaded.report.any_error() {
            golden.refuse(&case, "is accepted");
        }
        golden.check(&case.with_extension("stderr"), &render_report(&loaded.report, Style::Plain));
    }
    golden.finish();
}

#[test]
fn good_agent_files_resolve_to_what_is_shown() {
    let mut golden = Golden::default();
    let found = files(&cases().join("agent/accepted"), "toml");
    assert!(!found.is_empty(), "there are no cases");
    for case in found {
        let loaded = load(&input(&case));
        if loaded.config.is_none() {
            golden.refuse(&case, "is rejected");
        }
        let shown: String = loaded.shown.iter().map(|line| format!("{line}\n")).collect();
        golden.check(&case.with_extension("show"), &shown);
        golden.check(&case.with_extension("stderr"), &render_report(&loaded.report, Style::Plain));
    }
    golden.finish();
}
