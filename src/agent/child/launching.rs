//! How a child is started.

use std::ffi::OsString;

use super::Hands;
use crate::config::Child;
use crate::sys::cgroup::ChildGroup;
use crate::sys::pidfd::Signal;
use crate::sys::spawn::{Apart, Group, Launch, LaunchError, Oom, Output};

/// The code a shell would give for a command that it can't start.
pub(super) fn shell_code(error: &LaunchError) -> i32 {
    match error {
        LaunchError::NotFound { .. } => 127,
        LaunchError::NotExecutable { .. } => 126,
        LaunchError::Empty | LaunchError::Failed { .. } | LaunchError::Hold { .. } | LaunchError::Ended => 1,
    }
}

pub(super) fn launch(child: &Child, hands: &Hands, group: Option<&ChildGroup>) -> Launch {
    let added =
        child.env.iter().map(|(name, value)| (OsString::from(name), Some(OsString::from(value.reveal()))));
    let environment = child.without.iter().map(|name| (OsString::from(name), None)).chain(added);
    Launch {
        argv: child.argv.iter().map(OsString::from).collect(),
        environment: environment.collect(),
        folder: child.cwd.clone(),
        group: Group::Own,
        output: Output::Inherited,
        death_signal: Signal::TERM,
        apart: Apart { nofile: hands.nofile, oom: Oom::beside_us(), group: group.map(ChildGroup::entrance) },
    }
}
