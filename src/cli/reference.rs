//! Completions and manual pages, both from the table of arguments.

use std::path::Path;

use clap::CommandFactory as _;

use crate::cli::args::Cli;
use crate::cli::exit::Exit;
use crate::cli::print;

/// Prints the completion script of a shell.
pub(super) fn completions(shell: clap_complete::Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible(&Cli::command()), "fdguard", &mut script);
    print::out(&String::from_utf8_lossy(&script));
    Exit::Good
}

/// The commands without the hidden ones, which the generators of scripts would offer.
fn visible(command: &clap::Command) -> clap::Command {
    let shown = command.get_subcommands().filter(|sub| !sub.is_hide_set()).cloned();
    clap::Command::new("fdguard")
        .version(env!("CARGO_PKG_VERSION"))
        .args(command.get_arguments().cloned())
        .subcommands(shown)
}

/// Writes the manual pages to a folder, or the main one to standard output.
pub(super) fn man(out: Option<&Path>) -> Exit {
    let result = if let Some(folder) = out {
        std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
    } else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
        print::out(&String::from_utf8_lossy(&page));
        rendered
    };
    match result {
        Ok(()) => Exit::Good,
        Err(error) => {
            print::complain(&format!("the manual can't be written: {error}"));
            Exit::Usage
        }
    }
}
