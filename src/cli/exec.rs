//! `fdguard exec`: starts a command and guards it.

use crate::agent::Ends;
use crate::cli::args::ExecArgs;
use crate::cli::exit::Exit;
use crate::cli::load::{self, Source};
use crate::cli::print;
use crate::cli::run::serve;
use crate::model::action::Word;
use crate::model::diagnostic::suggest;

/// The policy that guards a child where none is named.
const BUILT_IN: (&str, &str) = ("default.toml (built in)", include_str!("../../policies/default.toml"));

/// Starts and guards.
pub(super) fn run(args: ExecArgs) -> Exit {
    match source(args) {
        Ok(source) => serve(&source, Ends::WithChild),
        Err(why) => {
            print::complain(&why);
            Exit::Usage
        }
    }
}

fn source(args: ExecArgs) -> Result<Source, String> {
    let argv = args
        .child
        .into_iter()
        .map(|word| word.into_string().map_err(|word| format!("`{}` is no UTF-8", word.to_string_lossy())));
    let mut target = load::child_target(argv.collect::<Result<_, _>>()?);
    let mut sets = args.set;
    if args.dry_run {
        sets.push("agent.dry_run=true".to_owned());
    }
    if args.config.is_none() {
        // A child without a file keeps no history behind, and shares no socket with an agent of the system.
        sets.insert(0, "history.store=none".to_owned());
        let socket = load::folders().runtime.join(format!("exec-{}.sock", std::process::id()));
        sets.insert(1, format!("admin.socket={}", socket.display()));
    }
    for word in &args.allow {
        let word = Word::parse(word).ok_or_else(|| no_word(word))?;
        target.allow.insert(word);
    }
    let mut policies = Vec::new();
    if args.policy.is_empty() {
        policies.push((BUILT_IN.0.to_owned(), BUILT_IN.1.to_owned()));
        target.policies.push(BUILT_IN.0.into());
    }
    target.policies.extend(args.policy);
    Ok(Source { file: args.config, sets, child: Some(target), policies })
}

fn no_word(text: &str) -> String {
    let known = Word::ALL.iter().map(|word| word.name());
    match suggest(text, known.clone()) {
        Some(word) => format!("no action `{text}`; did you mean `{word}`?"),
        None => format!("no action `{text}`; there is {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// The keeper: undoes what must not outlast the agent.
pub(super) fn keeper() -> Exit {
    match crate::sys::keeper::keeper_main() {
        Ok(()) => Exit::Good,
        Err(error) => {
            print::complain(&error.to_string());
            Exit::Finding
        }
    }
}
