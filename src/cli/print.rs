//! What goes to standard output and standard error. A closed pipe is no error.

use std::io::{self, IsTerminal as _, Write as _};

/// Writes to standard output.
pub(super) fn out(text: &str) {
    drop(io::stdout().lock().write_all(text.as_bytes()));
}

/// Writes a line to standard error, under the program's name.
pub(super) fn complain(text: &str) {
    drop(writeln!(io::stderr().lock(), "fdguard: {text}"));
}

/// Writes to standard error as it stands.
pub(super) fn aside(text: &str) {
    drop(io::stderr().lock().write_all(text.as_bytes()));
}

/// Writes a value as JSON, a line.
pub(super) fn json(value: &impl serde::Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => out(&format!("{text}\n")),
        Err(error) => complain(&format!("the value can't be written as JSON: {error}")),
    }
}

/// Whether standard error is a terminal that wants colours.
pub(super) fn colours() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
