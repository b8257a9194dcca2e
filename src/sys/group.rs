//! Ending a command together with everything it has started.

use std::io;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Kills the process group of a command that was started as its own group's leader.
///
/// Safe only while the leader is our own child and has not been waited for: until then its number, and so the
/// group's, can't be given to a stranger. A group that is gone is no error.
pub fn kill_group(leader: u32) -> io::Result<()> {
    let leader = i32::try_from(leader).map_err(|_| io::ErrorKind::InvalidInput)?;
    if leader <= 1 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    match killpg(Pid::from_raw(leader), Signal::SIGKILL) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
