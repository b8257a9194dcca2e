//! aarch64: the kernel has already rewound an interrupted call when we see it, and forgotten which it was.
//!
//! At a stop inside the kernel's signal code of this processor, a call that restarts shows `pc` on its `svc` and
//! its first argument back in `x0`; `x8` still names it. Resuming from there at once restarts it, with its remaining
//! time where it has some. After an injected call the registers are put back and the `svc` simply runs again: with a
//! full timeout where the kernel kept a note, so a thread in such a call is borrowed only when no other is at hand.
//!
//! A call that answered EINTR by itself has lost its first argument (`orig_x0` is not in any register set). It is
//! restarted from what `/proc/PID/task/TID/syscall` said just before the stop, if everything else still agrees.

use std::io;

use nix::libc;

use super::{Call, Concealed, Numbers, Place, Support};
use crate::sys::ptrace::{calls, raw};

pub(in crate::sys::ptrace) const SUPPORT: Support = Support::Full;
/// `svc #0`
pub(in crate::sys::ptrace) const CALL_INSTRUCTION: &[u8] = &[0x01, 0x00, 0x00, 0xd4];

const NT_PRSTATUS: usize = 1;
/// The execution mode bit of the processor state: set in 32-bit code.
const PSTATE_32: u64 = 0x10;
/// "In no system call", in the register set of the call number.
const NO_CALL: i32 = -1;
const EINTR: i64 = -(libc::EINTR as i64);
const INSTRUCTION: u64 = 4;

/// The general registers of a stopped thread.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(in crate::sys::ptrace) struct Regs(libc::user_regs_struct);

impl Regs {
    /// No registers at all, to be read into; marked as 32-bit so that they are never used by mistake.
    const EMPTY: Self = Self(libc::user_regs_struct { regs: [0; 31], sp: 0, pc: 0, pstate: PSTATE_32 });

    pub(in crate::sys::ptrace) fn read(tid: i32) -> io::Result<Self> {
        let mut regs = Self::EMPTY;
        let filled = raw::read_set(tid, NT_PRSTATUS, &mut regs)?;
        if filled != size_of::<Self>() {
            regs = Self::EMPTY;
        }
        Ok(regs)
    }

    pub(in crate::sys::ptrace) fn write(&self, tid: i32) -> io::Result<()> {
        raw::write_set(tid, NT_PRSTATUS, self)
    }

    pub(in crate::sys::ptrace) fn place(&self) -> Place {
        if self.0.pstate & PSTATE_32 != 0 {
            return Place::Foreign;
        }
        // Which kind of restart is under way cannot be seen; calls with a kernel note are known by number.
        match i64::try_from(self.0.regs[8]) {
            Ok(number) if calls::restarts_by_note(number) => Place::RestartsInFull,
            Ok(_) | Err(_) => Place::Program,
        }
    }

    /// The call that will start again: what the thread slept in before the stop, if it still stands there.
    pub(in crate::sys::ptrace) fn pending_call(&self, asleep: Option<&calls::Asleep>) -> Option<Call> {
        let asleep = asleep.filter(|asleep| self.agrees(asleep))?;
        Some(asleep.call)
    }

    /// Makes an EINTR that only our stop has caused invisible.
    pub(in crate::sys::ptrace) fn conceal(&mut self, asleep: Option<&calls::Asleep>) -> Concealed {
        let number = i64::try_from(self.0.regs[8]).unwrap_or(-1);
        if self.result() != EINTR || !calls::restarts_cleanly(number) {
            return Concealed::Nothing;
        }
        match asleep {
            Some(asleep) if self.agrees(asleep) && self.0.pc == asleep.pc => {
                self.0.regs[0] = asleep.call.arguments[0];
                self.0.pc -= INSTRUCTION;
                Concealed::Restarted
            }
            Some(_) | None => Concealed::Left,
        }
    }

    /// These registers, but about to close these descriptors with the instruction at `address`.
    pub(in crate::sys::ptrace) fn closing(mut self, numbers: Numbers, address: u64) -> Self {
        self.0.pc = address;
        let (call, arguments) = numbers.closing();
        self.0.regs[8] = call.cast_unsigned();
        self.0.regs[..3].copy_from_slice(&arguments);
        self
    }

    pub(in crate::sys::ptrace) fn install(&self, tid: i32) -> io::Result<()> {
        self.write(tid)?;
        raw::write_call_number(tid, NO_CALL)
    }

    /// Whether the thread stands at the entry of closing these.
    pub(in crate::sys::ptrace) fn enters_close(&self, numbers: Numbers) -> bool {
        let (call, arguments) = numbers.closing();
        self.0.regs[8] == call.cast_unsigned() && self.0.regs[..3] == arguments
    }

    /// What the call has answered: negative is an errno.
    pub(in crate::sys::ptrace) fn result(&self) -> i64 {
        self.0.regs[0].cast_signed()
    }

    /// Whether the thread still is in the call it slept in, restarted or just ended: all but the first argument.
    fn agrees(&self, asleep: &calls::Asleep) -> bool {
        let at_call = self.0.pc == asleep.pc || self.0.pc + INSTRUCTION == asleep.pc;
        at_call
            && self.0.sp == asleep.sp
            && i64::try_from(self.0.regs[8]) == Ok(asleep.call.number)
            && self.0.regs[1..6] == asleep.call.arguments[1..6]
    }
}
