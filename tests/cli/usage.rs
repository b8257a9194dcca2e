//! Help, wrong usage, exit codes.

use std::collections::BTreeSet;

use clap::CommandFactory as _;
use fdguard::cli::args::Cli;

use crate::fdguard::fdguard;

/// Every path of subcommands, `[]` for none.
fn paths() -> Vec<Vec<String>> {
    fn below(command: &clap::Command, path: &[String], found: &mut Vec<Vec<String>>) {
        found.push(path.to_vec());
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            let mut longer = path.to_vec();
            longer.push(sub.get_name().to_owned());
            below(sub, &longer, found);
        }
    }
    let mut found = Vec::new();
    below(&Cli::command(), &[], &mut found);
    found
}

#[test]
fn every_subcommand_has_help() {
    let paths = paths();
    assert!(paths.len() > 20, "{paths:?}");
    for path in paths {
        for flag in ["--help", "-h"] {
            let ran = fdguard(path.iter().map(String::as_str).chain([flag]));
            assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{path:?}");
            assert!(ran.out.contains("Usage: fdguard"), "{path:?}: {}", ran.out);
        }
    }
}

#[test]
fn every_argument_says_what_it_is() {
    fn told(command: &clap::Command, mute: &mut BTreeSet<String>) {
        for argument in command.get_arguments().filter(|argument| argument.get_help().is_none()) {
            mute.insert(format!("{} {}", command.get_name(), argument.get_id()));
        }
        command.get_subcommands().filter(|sub| !sub.is_hide_set()).for_each(|sub| told(sub, mute));
    }
    let mut mute = BTreeSet::new();
    told(&Cli::command(), &mut mute);
    assert_eq!(mute, BTreeSet::new());
}

#[test]
fn wrong_usage_exits_2_with_a_hint() {
    for (arguments, hint) in [
        (&["inpsect", "1"][..], "inspect"),
        (&["inspect"], "<PID>"),
        (&["inspect", "1", "--jsno"], "--json"),
        (&["inspect", "one"], "PID"),
        (&["inspect", "1", "--for", "3"], "3s"),
        (&["inspect", "1", "--for", "3 weeks"], "ms, s, m, h, d"),
        (&["exec"], "CHILD"),
        (&["ctl", "freeze", "bot", "--for", "10"], "10s"),
        (&["ctl", "release", "not a name"], "not a name"),
        (&["history", "--signal", "fd.opne"], "fd.open"),
        (&["exec", "--allow", "stpo", "--", "true"], "stop"),
        (&["completions", "bsh"], "bash"),
    ] {
        let ran = fdguard(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains(hint), "{arguments:?}: {}", ran.err);
        assert_eq!(ran.out, "", "{arguments:?}");
    }
}

#[test]
fn nothing_typed_is_wrong_usage_and_the_version_is_told() {
    let ran = fdguard(&[] as &[&str]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("Usage: fdguard"));
    let ran = fdguard(["--version"]);
    assert_eq!((ran.code, ran.out.trim()), (Some(0), concat!("fdguard ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn an_agent_that_is_not_there_exits_3() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none.sock");
    let socket = socket.to_str().unwrap();
    for arguments in [
        &["status", "--socket", socket][..],
        &["status", "--json", "--socket", socket],
        &["explain", "--socket", socket],
        &["ctl", "--socket", socket, "reload"],
        &["ctl", "--socket", socket, "stop", "bot"],
        &["ctl", "stop", "--socket", socket, "bot"],
        &["ctl", "stop", "bot", "--json", "--socket", socket],
        &["ctl", "pool", "pause", "db", "--socket", socket],
        &["explain", "bot", "--socket", socket],
    ] {
        let ran = fdguard(arguments);
        assert_eq!(ran.code, Some(3), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains(socket) && ran.err.contains("is one running?"), "{}", ran.err);
        assert_eq!(ran.out, "");
    }
}

#[test]
fn the_agents_file_is_named_in_either_way_and_not_in_both() {
    for command in [&["run"][..], &["config", "check"], &["config", "show"]] {
        for form in [&["/no/such.toml"][..], &["-c", "/no/such.toml"], &["--config", "/no/such.toml"]] {
            let ran = fdguard(command.iter().chain(form));
            assert_eq!(ran.code, Some(2), "{command:?} {form:?}: {ran:?}");
            assert!(ran.err.contains("can't read /no/such.toml"), "{command:?} {form:?}: {ran:?}");
        }
        let both = fdguard(command.iter().chain(&["a.toml", "-c", "b.toml"]));
        assert_eq!(both.code, Some(2));
        assert!(both.err.contains("cannot be used with"), "{both:?}");
        let help = fdguard(command.iter().chain(&["-h"])).out;
        for part in ["[FILE]", "--config <FILE>", "the same as", "/etc/fdguard/fdguard.toml"] {
            assert!(help.contains(part), "{part}: {help}");
        }
    }
}

#[test]
fn a_history_is_named_in_the_same_way_everywhere() {
    for command in [
        &["history"][..],
        &["policy", "replay", "policies/default.toml"],
        &["policy", "diff", "policies/default.toml", "policies/default.toml"],
    ] {
        for flag in ["--store", "--from"] {
            let ran = fdguard(command.iter().chain(&[flag, "/no/such.db"]));
            assert_eq!(ran.code, Some(2), "{command:?}: {ran:?}");
            assert!(
                ran.err.contains("there is no history at /no/such.db; `--store`"),
                "{command:?}: {ran:?}"
            );
        }
    }
}
