//! Exit codes.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// All is well.
    Good,
    /// There is a finding: a doubt under `--strict`, a failed scenario, a suspect.
    Finding,
    /// Wrong usage or a faulty file.
    Usage,
    /// The agent can't be reached.
    Unreachable,
    /// The code of the guarded child.
    Child(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Good => Self::SUCCESS,
            Exit::Finding => Self::from(1),
            Exit::Usage => Self::from(2),
            Exit::Unreachable => Self::from(3),
            Exit::Child(code) => Self::from(code),
        }
    }
}
