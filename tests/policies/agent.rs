//! Agent files: `agent/rejected` with the diagnostics they get, `agent/accepted` with what they resolve to.
//!
//! A case is `NAME.toml`; beside it may stand `NAME.conf.d/*.toml`, `NAME.env` (`VARIABLE=value` lines) and
//! `NAME.flags` (one `--set` a line).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fdguard::cli::render::diagnostics::{Style, render_report};
use fdguard::config::{Folders, Input, SourceFile, load, schema};

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
        let shown: Vec<String> = loaded.shown.iter().map(ToString::to_string).collect();
        golden.check(&case.with_extension("show"), &(shown.join("\n") + "\n"));
        golden.check(&case.with_extension("stderr"), &render_report(&loaded.report, Style::Plain));
    }
    golden.finish();
}

/// Whether `schema` knows the setting at `path`; tables of any names are entered by any name.
fn knows(schema: &serde_json::Value, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    let inner = schema["properties"].get(first).or_else(|| schema.get("additionalProperties"));
    let branches = schema["oneOf"].as_array().into_iter().flatten();
    inner.is_some_and(|inner| inner.is_object() && knows(inner, rest))
        || branches.into_iter().any(|one| knows(one, path))
}

/// The settings that `schema` describes, names given as `*`.
pub(crate) fn described(schema: &serde_json::Value, path: &str, found: &mut BTreeSet<String>) {
    let properties = schema["properties"].as_object().into_iter().flatten();
    for (key, inner) in properties {
        described(inner, &format!("{path}/{key}"), found);
    }
    let entry = &schema["additionalProperties"];
    if entry["properties"].is_object() {
        described(entry, &format!("{path}/*"), found);
    }
    for branch in schema["oneOf"].as_array().into_iter().flatten() {
        described(branch, path, found);
    }
    let leaf = schema.get("properties").is_none() && !entry["properties"].is_object();
    if leaf && schema.get("oneOf").is_none() {
        found.insert(path.to_owned());
    }
}

pub(crate) fn path_of(key: &str) -> Vec<String> {
    let mut table = toml::from_str::<toml::Table>(&format!("{key} = 0")).unwrap();
    let mut path = Vec::new();
    loop {
        let (name, value) = table.into_iter().next().unwrap();
        path.push(name);
        match value {
            toml::Value::Table(inner) => table = inner,
            _ => return path,
        }
    }
}

#[test]
fn the_schema_knows_what_the_reader_knows_and_nothing_else() {
    let schema = schema();
    let mut unused = BTreeSet::new();
    described(&schema, "", &mut unused);
    for case in files(&cases().join("agent/accepted"), "toml") {
        for line in load(&input(&case)).shown {
            let mut path = path_of(&line.key);
            assert!(knows(&schema, &path), "the schema does not know {}", line.key);
            if ["target", "proxy", "probe", "hook", "notify"].contains(&path[0].as_str()) {
                path[1] = "*".to_owned();
            }
            unused.remove(&format!("/{}", path.join("/")));
        }
    }
    assert!(unused.is_empty(), "the schema describes what no accepted file uses: {unused:?}");
}
