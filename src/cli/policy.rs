//! `fdguard policy`: check, test, replay and compare policy files.

mod check;
mod diff;
mod files;
mod lanes;
mod recording;
mod replay;
mod table;
mod test;
mod words;

use crate::cli::args::PolicyCommand;
use crate::cli::exit::Exit;
use crate::cli::print;

/// Does what was asked for.
pub(super) fn run(command: &PolicyCommand) -> Exit {
    match command {
        PolicyCommand::Check { files, strict, json } => {
            let wanted = if *strict { check::Wanted::NoDoubts } else { check::Wanted::NoFaults };
            check::run(files, wanted, Form::of(*json))
        }
        PolicyCommand::Test { files, mutate, transcript, json } => {
            let extras = test::Extras { mutate: *mutate, transcript: *transcript };
            test::run(files, extras, Form::of(*json))
        }
        PolicyCommand::Replay(args) => replay::run(args),
        PolicyCommand::Diff { old, new, from, json } => diff::run(old, new, from, Form::of(*json)),
        PolicyCommand::Words { json } => words::run(Form::of(*json)),
        PolicyCommand::Schema => {
            print::json(&crate::policy::schema());
            Exit::Good
        }
    }
}

/// How to print.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Form {
    fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}
