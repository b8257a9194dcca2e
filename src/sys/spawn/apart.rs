//! What a guarded child is given instead of what it would inherit from its guard.
//!
//! The agent has more descriptors than a bot should start with, is spared by the OOM killer, and lives in a control
//! group of its own. None of that is meant for the bot: with the agent's OOM score it would be the last to go of all
//! that leaks.
#![expect(unsafe_code, reason = "what a child does between fork and exec is not checked by the compiler")]

use std::fs::File;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::libc;

use crate::sys::limits::NoFile;

const OOM: &str = "/proc/self/oom_score_adj";
const OOM_C: &std::ffi::CStr = c"/proc/self/oom_score_adj";

/// What sets a child apart.
#[derive(Debug, Clone, Default)]
pub struct Apart {
    /// Its limits on descriptors; those of the agent where not given.
    pub nofile: Option<NoFile>,
    /// How likely it is the OOM killer's choice.
    pub oom: Oom,
    /// `cgroup.procs` of the group it begins in; that of the agent where not given.
    pub group: Option<std::sync::Arc<OwnedFd>>,
}

/// How likely a child is the OOM killer's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Oom {
    /// As the agent itself.
    #[default]
    Inherited,
    /// As if it had been started without the agent: the agent is spared, the child is not.
    Usual,
}

impl Oom {
    /// Usual where this process is spared. One that is more likely to go than others is so for all it starts.
    pub fn beside_us() -> Self {
        Self::beside(&std::fs::read_to_string(OOM).unwrap_or_default())
    }

    fn beside(score: &str) -> Self {
        let spared = score.trim().parse::<i32>().is_ok_and(|score| score < 0);
        if spared { Self::Usual } else { Self::Inherited }
    }
}

/// Sets a child apart before its program runs. What the kernel refuses stays as inherited: no reason not to start.
pub(super) fn set_apart(command: &mut Command, apart: &Apart) {
    let nofile = apart.nofile.map(|nofile| libc::rlimit64 { rlim_cur: nofile.soft, rlim_max: nofile.hard });
    let (oom, group) = (apart.oom, apart.group.clone());
    let set = move || {
        // The group first: what the child uses from here on counts there.
        if let Some(group) = &group {
            write_to(group.as_raw_fd(), b"0");
        }
        if oom == Oom::Usual {
            // SAFETY: a path that ends in NUL, and flags; open may be called between fork and exec.
            let file = unsafe { libc::open(OOM_C.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
            write_to(file, b"0");
        }
        if let Some(nofile) = &nofile {
            // SAFETY: the limits outlive the call, which writes nothing.
            unsafe { libc::setrlimit64(libc::RLIMIT_NOFILE, nofile) };
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls on its own copies, allocates nothing and takes no lock.
    unsafe { command.pre_exec(set) };
}

/// Writes to a descriptor, or not at all. What is not open is refused by the kernel.
fn write_to(file: RawFd, bytes: &[u8]) {
    // SAFETY: the bytes outlive the call, which reads so many of them; write may be called between fork and exec.
    unsafe { libc::write(file, bytes.as_ptr().cast(), bytes.len()) };
}

/// The file that moves whoever writes `0` to it into a group.
pub fn entrance(dir: &std::path::Path) -> std::io::Result<OwnedFd> {
    Ok(File::options().write(true).open(dir.join("cgroup.procs"))?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_child_of_one_that_is_spared_is_given_another_score() {
        let scores = ["-900\n", "-1", "0\n", "300\n", "", "x"].map(Oom::beside);
        let (usual, inherited) = (Oom::Usual, Oom::Inherited);
        assert_eq!(scores, [usual, usual, inherited, inherited, inherited, inherited]);
    }
}
