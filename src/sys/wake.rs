//! Waiting: for a time, for a wake-up from another thread, or for a descriptor such as a pidfd.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};

/// Why a wait is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Woken {
    /// Something woke it.
    Up,
    /// The time was over.
    InTime,
}

/// Wakes the one thread that waits on it. Cheap to clone; wake-ups before the wait are not lost.
#[derive(Clone, Debug)]
pub struct Waker(Arc<EventFd>);

impl Waker {
    /// A new one; costs one descriptor.
    pub fn new() -> std::io::Result<Self> {
        let event = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Self(Arc::new(event)))
    }

    /// Wakes the waiting thread.
    pub fn wake(&self) {
        // Only a full counter fails, and then the waiter is awake already.
        let _ = self.0.write(1);
    }

    /// Waits until woken, until one of `watched` is readable, or until `timeout` is over. Gives the places
    /// of the readable ones in `watched` into `ready`.
    pub fn wait(&self, watched: &[BorrowedFd<'_>], timeout: Duration, ready: &mut Vec<usize>) -> Woken {
        ready.clear();
        let mut fds = Vec::with_capacity(watched.len() + 1);
        fds.push(PollFd::new(self.0.as_fd(), PollFlags::POLLIN));
        fds.extend(watched.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)));
        let time = timeout.into();
        if nix::poll::ppoll(&mut fds, Some(time), None).unwrap_or(0) <= 0 {
            return Woken::InTime;
        }
        let is_ready = |fd: &PollFd<'_>| fd.any().unwrap_or(true);
        ready.extend(fds.iter().skip(1).enumerate().filter(|(_, fd)| is_ready(fd)).map(|(place, _)| place));
        if is_ready(&fds[0]) {
            let _ = self.0.read();
        }
        Woken::Up
    }
}

/// Whether a descriptor is readable now.
pub fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    nix::poll::poll(&mut fds, PollTimeout::ZERO).is_ok_and(|count| count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock::Clock as _;
    use crate::sys::clock::SystemClock;

    #[test]
    fn a_wake_up_ends_the_wait_even_if_it_came_first() {
        let waker = Waker::new().unwrap();
        waker.wake();
        let before = SystemClock.now();
        assert_eq!(waker.wait(&[], Duration::from_secs(20), &mut Vec::new()), Woken::Up);
        assert!(SystemClock.now().since(before) < Duration::from_secs(10));
        assert_eq!(waker.wait(&[], Duration::from_millis(1), &mut Vec::new()), Woken::InTime);
    }

    #[test]
    fn a_readable_descriptor_is_named_and_a_quiet_one_is_not() {
        let waker = Waker::new().unwrap();
        let (quiet, loud) = (Waker::new().unwrap(), Waker::new().unwrap());
        loud.wake();
        let mut ready = Vec::new();
        let woken = waker.wait(&[quiet.0.as_fd(), loud.0.as_fd()], Duration::from_secs(20), &mut ready);
        assert_eq!((woken, ready), (Woken::Up, vec![1]));
    }
}
