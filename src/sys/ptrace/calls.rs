//! What is known of system calls by number: which may be started again, and which must not be cut short.
//!
//! The stop itself makes sleeping calls return early. Most are restarted by the kernel. Some answer EINTR although no
//! signal came (signal(7), "interruption of system calls by stop signals"): those that have done nothing yet are
//! restarted by us, with their full timeout: a wait may grow once, to at most twice its length, and none ends early.
//! A few do part of their work and return that part: nothing can hide this, so a process in one of them is not stopped.

use std::fs;

use nix::libc;

use super::arch::Call;

/// Not yet named by libc.
#[cfg(target_arch = "x86_64")]
const IO_PGETEVENTS: i64 = 333;
#[cfg(not(target_arch = "x86_64"))]
const IO_PGETEVENTS: i64 = 292;

/// A thread asleep in a call, as procfs told it: the call with its arguments, stack and program counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asleep {
    pub(super) call: Call,
    pub(super) sp: u64,
    /// The instruction after the call.
    pub(super) pc: u64,
}

impl Asleep {
    /// Reads `/proc/PID/task/TID/syscall`; `None` where the thread runs, is in no call, or may not be looked at.
    pub(super) fn read(pid: i32, tid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/task/{tid}/syscall")).ok()?)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let number = words.next()?.parse().ok().filter(|number| *number >= 0)?;
        let mut next = || u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
        let arguments = [next()?, next()?, next()?, next()?, next()?, next()?];
        Some(Self { call: Call { number, arguments }, sp: next()?, pc: next()? })
    }

    /// Whether stopping the thread now could make it return with only part of its work done.
    pub(super) fn is_mid_transfer(&self) -> bool {
        let [_, second, third, fourth, ..] = self.call.arguments;
        let wait_all = libc::MSG_WAITALL.unsigned_abs();
        let asks_all = |flags: u64| flags & u64::from(wait_all) != 0;
        match self.call.number {
            libc::SYS_recvfrom => asks_all(fourth),
            libc::SYS_recvmsg => asks_all(third),
            libc::SYS_write | libc::SYS_writev | libc::SYS_pwritev2 => second != 0,
            libc::SYS_sendto
            | libc::SYS_sendmsg
            | libc::SYS_sendmmsg
            | libc::SYS_sendfile
            | libc::SYS_splice
            | libc::SYS_tee
            | libc::SYS_vmsplice
            | libc::SYS_copy_file_range => true,
            _ => false,
        }
    }

    /// Whether the thread waits for a child that shares its memory to run a program.
    pub(super) fn may_be_vfork(&self) -> bool {
        #[cfg(target_arch = "x86_64")]
        if self.call.number == libc::SYS_vfork {
            return true;
        }
        matches!(self.call.number, libc::SYS_clone | libc::SYS_clone3)
    }
}

/// Whether the first argument of a call that sleeps is a descriptor. Yes, unless it is known to be something else: a
/// semaphore or queue, a process, or how many descriptors a set has.
pub(super) fn starts_with_descriptor(number: i64) -> bool {
    #[cfg(target_arch = "x86_64")]
    if number == libc::SYS_select {
        return false;
    }
    !matches!(
        number,
        libc::SYS_semop
            | libc::SYS_semtimedop
            | libc::SYS_msgrcv
            | libc::SYS_msgsnd
            | libc::SYS_pselect6
            | libc::SYS_wait4
            | libc::SYS_waitid
    )
}

/// Whether a call that answered EINTR has done nothing yet, so that running it again is the same as never having
/// stopped it. `close` is not one: its descriptor is gone whatever it answers.
pub(super) fn restarts_cleanly(number: i64) -> bool {
    #[cfg(target_arch = "x86_64")]
    if matches!(number, libc::SYS_epoll_wait | libc::SYS_poll | libc::SYS_select | libc::SYS_pause) {
        return true;
    }
    matches!(
        number,
        libc::SYS_epoll_pwait
            | libc::SYS_epoll_pwait2
            | libc::SYS_ppoll
            | libc::SYS_pselect6
            | libc::SYS_semop
            | libc::SYS_semtimedop
            | libc::SYS_io_getevents
            | IO_PGETEVENTS
            | libc::SYS_io_uring_enter
            | libc::SYS_rt_sigtimedwait
            | libc::SYS_rt_sigsuspend
            | libc::SYS_futex
            | libc::SYS_futex_waitv
            | libc::SYS_msgrcv
            | libc::SYS_msgsnd
            | libc::SYS_mq_timedreceive
            | libc::SYS_mq_timedsend
            | libc::SYS_read
            | libc::SYS_readv
            | libc::SYS_write
            | libc::SYS_writev
            | libc::SYS_recvfrom
            | libc::SYS_recvmsg
            | libc::SYS_recvmmsg
            | libc::SYS_sendto
            | libc::SYS_sendmsg
            | libc::SYS_sendmmsg
            | libc::SYS_accept
            | libc::SYS_accept4
            | libc::SYS_connect
    )
}

/// Whether the kernel restarts the call from a note of its own, with the time that remains.
#[cfg(target_arch = "aarch64")]
pub(super) fn restarts_by_note(number: i64) -> bool {
    matches!(
        number,
        libc::SYS_nanosleep
            | libc::SYS_clock_nanosleep
            | libc::SYS_futex
            | libc::SYS_futex_waitv
            | libc::SYS_restart_syscall
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_sleeping_thread_is_read() {
        let line = "7 0x7ffd1 0x1 0xffffffffffffffff 0x0 0x0 0x0 0x7ffc9d8 0x7f29b2\n";
        let asleep = Asleep::parse(line).expect("asleep");
        assert_eq!(asleep.call.number, 7);
        assert_eq!(asleep.call.arguments, [0x7_ffd1, 1, u64::MAX, 0, 0, 0]);
        assert_eq!((asleep.sp, asleep.pc), (0x7ff_c9d8, 0x7f_29b2));
    }

    #[test]
    fn a_semaphore_is_not_taken_for_a_descriptor() {
        assert!(!starts_with_descriptor(libc::SYS_semop));
        assert!(!starts_with_descriptor(libc::SYS_pselect6));
        assert!(starts_with_descriptor(libc::SYS_recvfrom));
    }

    #[test]
    fn running_and_callless_threads_are_not_asleep() {
        assert_eq!(Asleep::parse("running\n"), None);
        assert_eq!(Asleep::parse("-1 0x7ffd 0x7f29\n"), None);
        assert_eq!(Asleep::parse(""), None);
        assert_eq!(Asleep::parse("7 0x1"), None);
    }

    #[test]
    fn a_blocked_send_is_mid_transfer_and_a_plain_receive_is_not() {
        let asleep = |number, arguments| Asleep { call: Call { number, arguments }, sp: 0, pc: 0 };
        assert!(asleep(libc::SYS_sendto, [3, 1, 9, 0, 0, 0]).is_mid_transfer());
        assert!(!asleep(libc::SYS_recvfrom, [3, 1, 9, 0, 0, 0]).is_mid_transfer());
        assert!(asleep(libc::SYS_recvfrom, [3, 1, 9, 0x100, 0, 0]).is_mid_transfer());
        assert!(!asleep(libc::SYS_read, [0, 1, 9, 0, 0, 0]).is_mid_transfer());
    }
}
