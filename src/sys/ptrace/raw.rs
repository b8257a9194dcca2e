//! The ptrace requests we use, each as one checked call. Nothing here keeps state.
#![expect(unsafe_code, reason = "ptrace(2) and waitid(2) on tracees have no complete safe wrapper")]

use std::io;
use std::ptr;

use nix::libc;

use super::arch::Regs;

const GETREGSET: u32 = 0x4204;
const SETREGSET: u32 = 0x4205;
const SEIZE: u32 = 0x4206;
const INTERRUPT: u32 = 0x4207;
const GETSIGMASK: u32 = 0x420a;
const SETSIGMASK: u32 = 0x420b;
const GET_RSEQ_CONFIGURATION: u32 = 0x420f;
const GET_SYSCALL_USER_DISPATCH_CONFIG: u32 = 0x4211;
const CONT: u32 = 7;
const DETACH: u32 = 17;
const SYSCALL: u32 = 24;
/// Marks system call stops with bit 7, so that they cannot be taken for a real SIGTRAP.
const TRACESYSGOOD: usize = 1;
/// The event of a stop made by INTERRUPT or by a group stop.
const EVENT_STOP: i32 = 128;

/// What a seized thread reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Our interrupt; the thread is inside the kernel's signal code, where restarts are still to be decided.
    Interrupted,
    /// A job control stop of the whole process.
    Group,
    /// A real signal on its way to the thread; also inside the kernel's signal code.
    Signal(i32),
    /// Entry to or exit from a system call.
    Call,
}

/// What a look at a seized thread found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing new: it runs, or sleeps where it cannot be interrupted.
    Running,
    /// It has stopped for us.
    Stopped(Stop),
    /// It has ended.
    Ended,
}

/// How to look: whether an ended thread may be collected, or belongs to somebody else's wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Collect {
    /// Take the exit status, so that the real parent hears of it.
    Take,
    /// Leave it: the thread leads a child of this process, whose status the child's owner takes.
    Leave,
}

pub(super) fn seize(tid: i32) -> io::Result<()> {
    request(SEIZE, tid, 0, TRACESYSGOOD)
}

pub(super) fn interrupt(tid: i32) -> io::Result<()> {
    request(INTERRUPT, tid, 0, 0)
}

/// Lets a stopped thread go, delivering `signal` where it is not zero and the stop was its delivery.
pub(super) fn detach(tid: i32, signal: i32) -> io::Result<()> {
    request(DETACH, tid, 0, usize::try_from(signal).unwrap_or(0))
}

/// Runs a stopped thread to its next system call entry or exit.
pub(super) fn run_to_call(tid: i32) -> io::Result<()> {
    request(SYSCALL, tid, 0, 0)
}

/// Runs a stopped thread to its next stop of another kind, delivering `signal` as [`detach`] does.
pub(super) fn run(tid: i32, signal: i32) -> io::Result<()> {
    request(CONT, tid, 0, usize::try_from(signal).unwrap_or(0))
}

/// The signals the thread blocks, without those a waiting call has set aside for its own time only.
pub(super) fn signal_mask(tid: i32) -> io::Result<u64> {
    let mut mask = 0u64;
    request(GETSIGMASK, tid, size_of::<u64>(), (&raw mut mask) as usize)?;
    Ok(mask)
}

pub(super) fn set_signal_mask(tid: i32, mask: u64) -> io::Result<()> {
    request(SETSIGMASK, tid, size_of::<u64>(), (&raw const mask) as usize)
}

/// Reads one register set; returns how many bytes of it the kernel has filled.
pub(super) fn read_set(tid: i32, set: usize, into: &mut Regs) -> io::Result<usize> {
    let mut vector = libc::iovec { iov_base: ptr::from_mut(into).cast(), iov_len: size_of::<Regs>() };
    request(GETREGSET, tid, set, (&raw mut vector) as usize)?;
    Ok(vector.iov_len)
}

pub(super) fn write_set(tid: i32, set: usize, from: &Regs) -> io::Result<()> {
    let base = ptr::from_ref(from).cast_mut().cast();
    let mut vector = libc::iovec { iov_base: base, iov_len: size_of::<Regs>() };
    request(SETREGSET, tid, set, (&raw mut vector) as usize)
}

/// Sets the number of the system call the kernel believes the thread to be in (aarch64; elsewhere a register).
#[cfg(target_arch = "aarch64")]
pub(super) fn write_call_number(tid: i32, number: i32) -> io::Result<()> {
    const NT_ARM_SYSTEM_CALL: usize = 0x404;
    let mut number = number;
    let mut vector = libc::iovec { iov_base: (&raw mut number).cast(), iov_len: size_of::<i32>() };
    request(SETREGSET, tid, NT_ARM_SYSTEM_CALL, (&raw mut vector) as usize)
}

/// Where the thread's restartable-sequence area lies, where it has registered one (Linux 5.13 and later tell).
pub(super) fn rseq_area(tid: i32) -> Option<u64> {
    #[repr(C)]
    #[derive(Default)]
    struct Configuration {
        area: u64,
        size: u32,
        signature: u32,
        flags: u32,
        pad: u32,
    }
    let mut found = Configuration::default();
    let size = size_of::<Configuration>();
    request(GET_RSEQ_CONFIGURATION, tid, size, (&raw mut found) as usize).ok()?;
    (found.area != 0).then_some(found.area)
}

/// Whether the thread's system calls go to a handler of its own (Wine does this; Linux 6.4 and later tell).
pub(super) fn dispatches_calls(tid: i32) -> bool {
    #[repr(C)]
    #[derive(Default)]
    struct Configuration {
        mode: u64,
        selector: u64,
        offset: u64,
        len: u64,
    }
    let mut found = Configuration::default();
    let size = size_of::<Configuration>();
    request(GET_SYSCALL_USER_DISPATCH_CONFIG, tid, size, (&raw mut found) as usize).is_ok() && found.mode != 0
}

/// Looks once, without waiting, whether the thread has stopped or ended.
///
/// A stop of a traced thread is reported whatever is asked for, so one question asks for both and the answer tells.
pub(super) fn look(tid: i32, collect: Collect) -> io::Result<Seen> {
    let keep = if collect == Collect::Leave { libc::WNOWAIT } else { 0 };
    let Some(info) = waited(tid, libc::WSTOPPED | libc::WEXITED | keep)? else { return Ok(Seen::Running) };
    if info.si_code != libc::CLD_TRAPPED && info.si_code != libc::CLD_STOPPED {
        return Ok(Seen::Ended);
    }
    // SAFETY: waitid found a stopped thread and so has filled the child fields.
    let status = unsafe { info.si_status() };
    if collect == Collect::Leave {
        // The stop was only looked at so far. Taken now; nothing but a kill can come between.
        waited(tid, libc::WSTOPPED)?;
    }
    Ok(Seen::Stopped(stop_of(status)))
}

/// A stop from its wait status: the low byte is the signal, the next one the ptrace event.
fn stop_of(status: i32) -> Stop {
    let (signal, event) = (status & 0xff, status >> 8);
    if event == EVENT_STOP {
        return if signal == libc::SIGTRAP { Stop::Interrupted } else { Stop::Group };
    }
    if signal == libc::SIGTRAP | 0x80 { Stop::Call } else { Stop::Signal(signal) }
}

fn waited(tid: i32, what: libc::c_int) -> io::Result<Option<libc::siginfo_t>> {
    // SAFETY: siginfo_t is plain data for which all zeroes is a valid value.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let options = what | libc::WNOHANG | libc::__WALL | libc::__WNOTHREAD;
    let id = libc::id_t::try_from(tid).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: `info` outlives the call and only the kernel writes to it.
    let answer = unsafe { libc::waitid(libc::P_PID, id, &raw mut info, options) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has filled the child fields, or left the zeroes of ours.
    let found = unsafe { info.si_pid() };
    Ok((found != 0).then_some(info))
}

fn request(request: u32, tid: i32, address: usize, data: usize) -> io::Result<()> {
    // SAFETY: requests above pass pointers to live local values of the size the kernel reads or writes, or plain
    // numbers; ptrace acts on a thread we have seized and cannot touch our own memory otherwise.
    let answer = unsafe { libc::syscall(libc::SYS_ptrace, libc::c_long::from(request), tid, address, data) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Puts the calling thread before all that share the processor fairly, for the rest of its life. Where that is not
/// allowed, it only takes longer.
pub(super) fn go_first() {
    // SAFETY: no memory is passed; 0 is the calling thread.
    let _refused = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, FIRST) };
}

/// The highest priority of `nice`.
const FIRST: libc::c_int = -20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_statuses_are_told_apart() {
        assert_eq!(stop_of((128 << 8) | 0x05), Stop::Interrupted);
        assert_eq!(stop_of((128 << 8) | 0x13), Stop::Group);
        assert_eq!(stop_of(0x85), Stop::Call);
        assert_eq!(stop_of(5), Stop::Signal(5));
        assert_eq!(stop_of(0x13), Stop::Signal(19));
    }
}
