//! Pipes that close early, and output that is no terminal.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use crate::fdguard::{command, fdguard, file};
use crate::leaker::Leaker;

/// Runs it with a reader that takes one line and goes; what it then says on standard error, and whether it
/// ended by itself.
fn cut_short(arguments: &[&str]) -> (Option<i32>, String) {
    let mut child = command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::with_capacity(16, child.stdout.take().unwrap());
    reader.read_line(&mut String::new()).unwrap();
    drop(reader);
    let mut noise = String::new();
    child.stderr.take().unwrap().read_to_string(&mut noise).unwrap();
    (child.wait().unwrap().code(), noise)
}

#[test]
fn a_reader_that_leaves_makes_no_noise() {
    let leaker = Leaker::start("[left() for _ in range(30)]\n");
    let everything = file("tests/policies/agent/accepted/everything.toml");
    for arguments in [
        &["--help"][..],
        &["completions", "bash"],
        &["man"],
        &["config", "schema"],
        &["policy", "schema"],
        &["config", "show", everything.to_str().unwrap()],
        &["inspect", &leaker.pid(), "--for", "100ms"],
        &["inspect", &leaker.pid(), "--for", "100ms", "--json"],
        &["doctor"],
    ] {
        let (code, noise) = cut_short(arguments);
        assert!(code.is_some_and(|code| code < 3), "{arguments:?} ended with {code:?}: {noise}");
        assert!(!noise.contains("panicked") && !noise.contains("roken pipe"), "{arguments:?}: {noise}");
    }
}

#[test]
fn no_colours_without_a_terminal() {
    let leaker = Leaker::start("[left() for _ in range(30)]\n");
    for arguments in [
        &["inspect", &leaker.pid(), "--for", "100ms"][..],
        &["doctor"],
        &["--help"],
        &["inspect", "--nonsense"],
        &["config", "check", "/no/such.toml"],
    ] {
        let ran = fdguard(arguments);
        assert!(!ran.out.contains('\x1b') && !ran.err.contains('\x1b'), "{arguments:?}: {ran:?}");
    }
}
