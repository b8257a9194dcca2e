//! A descriptor of any owner, watched by tokio's poll.
#![expect(unsafe_code, reason = "the poll trusts that a descriptor stays the same")]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Watches the descriptor of `owner` for both directions, edge-triggered. Within a runtime only.
///
/// The owner must keep the descriptor for as long as it lives, and have no other.
pub fn polled<T: AsFd + AsRawFd>(owner: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: what lends a descriptor by `AsFd` holds it open; that it never changes is the contract above.
    let watched = unsafe { AsyncFd::register_with_interest(owner, Interest::READABLE | Interest::WRITABLE) };
    watched.map_err(io::Error::from)
}
