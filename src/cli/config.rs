//! `fdguard config`: checks and shows the agent's file.

use std::path::Path;

use crate::cli::args::ConfigCommand;
use crate::cli::exit::Exit;
use crate::cli::load::{self, Source};
use crate::cli::print;
use crate::cli::render::diagnostics::render_report;

/// Runs it.
pub(super) fn run(command: ConfigCommand) -> Exit {
    match command {
        ConfigCommand::Check { file, strict, set } => check(file.path(), strict, set),
        ConfigCommand::Show { file, set } => show(file.path(), set),
        ConfigCommand::Schema => {
            print::json(&crate::config::schema());
            Exit::Good
        }
    }
}

/// The whole load, as `run` would do it, with every policy and secret file.
fn check(file: &Path, strict: bool, sets: Vec<String>) -> Exit {
    let source = Source { file: Some(file.to_owned()), sets, ..Source::default() };
    match load::load(&source) {
        Ok(loaded) => {
            print::aside(&loaded.doubts);
            let targets = loaded.settings.targets.len();
            let targets = if targets == 1 { "1 target".to_owned() } else { format!("{targets} targets") };
            if strict && loaded.warnings > 0 {
                print::out(&format!("{}: usable, with the doubts above\n", file.display()));
                return Exit::Finding;
            }
            print::out(&format!("{}: good, {targets}\n", file.display()));
            Exit::Good
        }
        Err(refused) => {
            print::aside(&refused.drawn);
            Exit::Usage
        }
    }
}

fn show(file: &Path, sets: Vec<String>) -> Exit {
    let source = Source { file: Some(file.to_owned()), sets, ..Source::default() };
    let input = match load::input(&source) {
        Ok((input, _)) => input,
        Err(refused) => {
            print::aside(&refused.drawn);
            return Exit::Usage;
        }
    };
    let loaded = crate::config::load(&input);
    print::aside(&render_report(&loaded.report, load::style()));
    let lines: Vec<String> = loaded.shown.iter().map(|shown| format!("{shown}\n")).collect();
    print::out(&lines.concat());
    if loaded.config.is_some() { Exit::Good } else { Exit::Usage }
}
