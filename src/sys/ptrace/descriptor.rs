//! What a doomed descriptor is at this moment, and whether a sleeping call is about to use it.

use std::collections::HashSet;
use std::fs;

use nix::libc;

use super::arch::Call;
use super::calls;
use super::gadget;
use super::hold::Hold;
use crate::sys::deadline::Deadline;

/// Sets larger than this are not searched: no honest poll is so large.
const POLL_MAX: usize = 65_536;
const POLL_ENTRY: usize = 8;

/// What a descriptor number refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Referent {
    /// Nothing is open under it.
    Nothing,
    /// A socket with this inode.
    Socket(u64),
    /// Something else.
    Other,
}

/// What descriptor `number` of one thread refers to. By thread, because threads may have separate tables.
pub(super) fn referent(pid: i32, tid: i32, number: u32) -> Referent {
    let Ok(link) = fs::read_link(format!("/proc/{pid}/task/{tid}/fd/{number}")) else {
        return Referent::Nothing;
    };
    let inode = link.to_str().and_then(|name| name.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
    inode.map_or(Referent::Other, Referent::Socket)
}

/// The descriptors that calls of stopped threads name and will use again when they restart; `None` where the time
/// was up before all threads were asked.
pub(super) fn awaited(hold: &Hold, deadline: Deadline) -> Option<HashSet<u32>> {
    let mut found = HashSet::new();
    for (tid, _, regs) in hold.still() {
        if deadline.passed() {
            return None;
        }
        if let Some(call) = regs.pending_call(hold.asleep(tid)) {
            let first = calls::starts_with_descriptor(call.number).then_some(call.arguments[0]);
            // A pointer is no number of a descriptor: too large.
            found.extend(first.and_then(|first| u32::try_from(first).ok()));
            found.extend(sets(hold.pid(), &call));
        }
    }
    Some(found)
}

fn sets(pid: i32, call: &Call) -> Vec<u32> {
    let [first, second, third, fourth, ..] = call.arguments;
    #[cfg(target_arch = "x86_64")]
    match call.number {
        libc::SYS_poll => return polled(pid, first, second),
        libc::SYS_select => return selected(pid, first, [second, third, fourth]),
        _ => {}
    }
    match call.number {
        // A poll that was interrupted before shows as its restart, with its arguments still in place.
        libc::SYS_ppoll | libc::SYS_restart_syscall => polled(pid, first, second),
        libc::SYS_pselect6 => selected(pid, first, [second, third, fourth]),
        _ => Vec::new(),
    }
}

fn polled(pid: i32, address: u64, count: u64) -> Vec<u32> {
    let Some(count) = usize::try_from(count).ok().filter(|count| *count <= POLL_MAX) else {
        return Vec::new();
    };
    let mut bytes = vec![0u8; count * POLL_ENTRY];
    let got = gadget::read(pid, address, &mut bytes);
    let numbers = bytes.chunks_exact(POLL_ENTRY).take(got / POLL_ENTRY);
    numbers
        .filter_map(|entry| u32::try_from(i32::from_ne_bytes(entry.first_chunk().copied()?)).ok())
        .collect()
}

fn selected(pid: i32, highest: u64, sets: [u64; 3]) -> Vec<u32> {
    let bits = usize::try_from(highest).unwrap_or(0).min(POLL_MAX);
    let mut found = Vec::new();
    for address in sets.into_iter().filter(|address| *address != 0) {
        let mut bytes = vec![0u8; bits.div_ceil(64) * 8];
        let got = gadget::read(pid, address, &mut bytes);
        for (at, byte) in bytes.iter().take(got).enumerate() {
            let numbers = (0..8).filter(|bit| byte & (1 << bit) != 0).map(|bit| at * 8 + bit);
            found.extend(numbers.filter_map(|number| u32::try_from(number).ok()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsRawFd;

    use super::*;

    fn own() -> i32 {
        i32::try_from(std::process::id()).expect("a pid fits")
    }

    #[test]
    fn a_socket_is_named_by_inode_and_a_file_is_other() {
        let socket = TcpListener::bind("127.0.0.1:0").expect("bind");
        let file = fs::File::open("/dev/null").expect("open");
        let number = |fd: i32| u32::try_from(fd).expect("open");
        assert!(
            matches!(referent(own(), own(), number(socket.as_raw_fd())), Referent::Socket(inode) if inode > 0)
        );
        assert_eq!(referent(own(), own(), number(file.as_raw_fd())), Referent::Other);
        assert_eq!(referent(own(), own(), 1_000_000), Referent::Nothing);
    }

    #[test]
    fn poll_and_select_sets_are_read_from_memory() {
        let polls =
            [libc::pollfd { fd: 5, events: 1, revents: 0 }, libc::pollfd { fd: -1, events: 0, revents: 0 }];
        assert_eq!(polled(own(), polls.as_ptr() as u64, 2), [5]);
        let set: [u64; 2] = [1 << 3, 1 << 1];
        assert_eq!(selected(own(), 70, [set.as_ptr() as u64, 0, 0]), [3, 65]);
    }

    #[test]
    fn absurd_sets_are_not_read() {
        assert!(polled(own(), 0x1000, u64::MAX).is_empty());
        assert!(polled(own(), 0x1000, 4).is_empty(), "unmapped");
    }
}
