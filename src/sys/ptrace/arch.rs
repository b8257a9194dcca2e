//! The part of an injected call that differs between processors: registers, and how an interrupted call looks.
//!
//! Each processor module gives a `Regs` with the same methods. A processor without one gives [`Support::None`]
//! and registers that nothing is ever done with.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod other;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub(super) use aarch64::{CALL_INSTRUCTION, Regs, SUPPORT};
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) use other::{CALL_INSTRUCTION, Regs, SUPPORT};
#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::{CALL_INSTRUCTION, Regs, SUPPORT};

/// Whether a call can be injected on this processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "one word per build is in use")]
pub(super) enum Support {
    /// Yes.
    Full,
    /// No code for it here.
    None,
}

/// A system call by number, with its six arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call {
    /// The number, as this processor counts.
    pub(super) number: i64,
    /// All six, used or not.
    pub(super) arguments: [u64; 6],
}

/// Descriptor numbers without a gap, closed by one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) first: u32,
    pub(super) last: u32,
}

impl Numbers {
    /// The call that closes exactly these, with its first three arguments. `close` for one alone: every kernel has it.
    pub(super) fn closing(self) -> (i64, [u64; 3]) {
        let (first, last) = (u64::from(self.first), u64::from(self.last));
        if first == last {
            (nix::libc::SYS_close, [first, 0, 0])
        } else {
            (nix::libc::SYS_close_range, [first, last, 0])
        }
    }
}

/// Where a stopped thread was, as far as borrowing it for a call goes; best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(dead_code, reason = "each processor has some of these places")]
pub(super) enum Place {
    /// In a call that the kernel will restart from its registers alone.
    RestartsByItself,
    /// In a call that the kernel will restart from a note it keeps (remaining time), or that we restart.
    RestartsByNote,
    /// In the program's own code, or between two calls.
    Program,
    /// In a call that would start over with its whole timeout, or in the program's own code after one.
    RestartsInFull,
    /// In code of another word size: registers mean something else.
    Foreign,
}

/// What was done about an "interrupted" answer that only our stop has caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "each processor has some of these outcomes")]
pub(super) enum Concealed {
    /// There was none.
    Nothing,
    /// The registers were changed so that the call starts again; they must be written back.
    Restarted,
    /// It could not be told how to restart it: the program will see the interruption.
    Left,
}
