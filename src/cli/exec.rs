//! `fdguard exec`: starts a command and guards it.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

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

/// What a shell answers for a command that is not there.
const NOT_FOUND: u8 = 127;
/// What a shell answers for a file that is there and can't be run.
const NOT_EXECUTABLE: u8 = 126;

/// Starts and guards.
pub(super) fn run(args: ExecArgs) -> Exit {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let source = match args.child.first().map_or(Ok(()), |program| find(program, &path)) {
        Ok(()) => source(args).map_err(|why| (Exit::Usage, why)),
        Err(refused) => Err(refused),
    };
    match source {
        Ok(source) => {
            let child = source.child.as_ref().map(|child| child.name.clone());
            serve(&source, child.map_or(Ends::Never, Ends::WithChild))
        }
        Err((exit, why)) => {
            print::complain(&why);
            exit
        }
    }
}

/// Looks for the program before anything is started, as a shell does. What only the kernel can refuse, the agent tells.
fn find(program: &OsStr, path: &OsStr) -> Result<(), (Exit, String)> {
    let name = program.to_string_lossy();
    let candidates: Vec<PathBuf> = if program.as_encoded_bytes().contains(&b'/') {
        vec![PathBuf::from(program)]
    } else {
        std::env::split_paths(path).map(|folder| folder.join(program)).collect()
    };
    let files: Vec<&PathBuf> = candidates.iter().filter(|file| file.is_file()).collect();
    match files.first() {
        Some(_) if files.iter().any(|file| is_executable(file)) => Ok(()),
        Some(file) => {
            let why = format!("{} can't be run: nobody may execute it (`chmod +x`)", file.display());
            Err((Exit::Child(NOT_EXECUTABLE), why))
        }
        None if name.contains('/') => {
            Err((Exit::Child(NOT_FOUND), format!("the command `{name}` is not found: no such file")))
        }
        None => {
            let why = format!("the command `{name}` is not found in the folders of PATH");
            Err((Exit::Child(NOT_FOUND), why))
        }
    }
}

fn is_executable(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|file| file.permissions().mode() & 0o111 != 0)
}

fn source(args: ExecArgs) -> Result<Source, String> {
    let argv = args
        .child
        .into_iter()
        .map(|word| word.into_string().map_err(|word| format!("`{}` is no UTF-8", word.to_string_lossy())));
    let mut target = load::child_target(args.name, argv.collect::<Result<_, _>>()?);
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
