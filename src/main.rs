//! The `fdguard` command: parses what was typed and hands it to [`fdguard::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    fdguard::cli::main()
}
