//! x86-64: an interrupted call shows in its result, and `orig_rax` says which call it was.
//!
//! At a stop inside the kernel's signal code `rax` holds one of the kernel's restart codes, which no program ever
//! sees. When the thread goes on, the kernel looks at `rax` once more, and with `orig_rax` not negative rewinds `rip`
//! over the two bytes of `syscall`, or turns the code into EINTR where a handler is to run. Two things follow:
//! - an injected call must be followed by a second such stop, where all registers are put back, so that this look
//!   happens with the original values;
//! - a call that answered EINTR by itself (`epoll_wait`, `semop`, sockets with a timeout) is restarted correctly
//!   by giving it the restart code ERESTARTNOHAND: again without a handler, EINTR with one.

use std::io;

use nix::libc;

use super::{Call, Concealed, Numbers, Place, Support};
use crate::sys::ptrace::{calls, raw};

pub(in crate::sys::ptrace) const SUPPORT: Support = Support::Full;
/// `syscall`
pub(in crate::sys::ptrace) const CALL_INSTRUCTION: &[u8] = &[0x0f, 0x05];

const NT_PRSTATUS: usize = 1;
/// Code segment of 64-bit programs; 32-bit code runs in another.
const CS_64: u64 = 0x33;
/// Set in the number of a call made through the x32 interface.
const X32_BIT: u64 = 0x4000_0000;

const EINTR: i64 = -(libc::EINTR as i64);
const ERESTARTSYS: i64 = -512;
const ERESTARTNOINTR: i64 = -513;
const ERESTARTNOHAND: i64 = -514;
const ERESTART_RESTARTBLOCK: i64 = -516;

/// The general registers of a stopped thread.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(in crate::sys::ptrace) struct Regs(libc::user_regs_struct);

impl Regs {
    /// No registers at all, to be read into.
    const EMPTY: Self = Self(libc::user_regs_struct {
        r15: 0,
        r14: 0,
        r13: 0,
        r12: 0,
        rbp: 0,
        rbx: 0,
        r11: 0,
        r10: 0,
        r9: 0,
        r8: 0,
        rax: 0,
        rcx: 0,
        rdx: 0,
        rsi: 0,
        rdi: 0,
        orig_rax: 0,
        rip: 0,
        cs: 0,
        eflags: 0,
        rsp: 0,
        ss: 0,
        fs_base: 0,
        gs_base: 0,
        ds: 0,
        es: 0,
        fs: 0,
        gs: 0,
    });

    pub(in crate::sys::ptrace) fn read(tid: i32) -> io::Result<Self> {
        let mut regs = Self::EMPTY;
        let filled = raw::read_set(tid, NT_PRSTATUS, &mut regs)?;
        // A 32-bit thread fills fewer bytes in another layout: make it plain that these are not ours to read.
        if filled != size_of::<Self>() {
            regs = Self::EMPTY;
        }
        Ok(regs)
    }

    pub(in crate::sys::ptrace) fn write(&self, tid: i32) -> io::Result<()> {
        raw::write_set(tid, NT_PRSTATUS, self)
    }

    pub(in crate::sys::ptrace) fn place(&self) -> Place {
        let x32 = !self.in_program() && self.0.orig_rax & X32_BIT != 0;
        if self.0.cs != CS_64 || x32 {
            return Place::Foreign;
        }
        match self.pending() {
            Some(ERESTARTSYS | ERESTARTNOINTR | ERESTARTNOHAND) => Place::RestartsByItself,
            Some(_) => Place::RestartsByNote,
            None => Place::Program,
        }
    }

    /// The call that will start again when the thread goes on.
    pub(in crate::sys::ptrace) fn pending_call(&self, _asleep: Option<&calls::Asleep>) -> Option<Call> {
        self.pending()?;
        Some(self.call())
    }

    /// Makes an EINTR that only our stop has caused invisible.
    pub(in crate::sys::ptrace) fn conceal(&mut self, _asleep: Option<&calls::Asleep>) -> Concealed {
        let interrupted = !self.in_program() && self.result() == EINTR;
        if !interrupted || !calls::restarts_cleanly(self.0.orig_rax.cast_signed()) {
            return Concealed::Nothing;
        }
        self.0.rax = ERESTARTNOHAND.cast_unsigned();
        Concealed::Restarted
    }

    /// These registers, but about to close these descriptors with the instruction at `address`.
    pub(in crate::sys::ptrace) fn closing(mut self, numbers: Numbers, address: u64) -> Self {
        self.0.rip = address;
        let (call, arguments) = numbers.closing();
        self.0.rax = call.cast_unsigned();
        [self.0.rdi, self.0.rsi, self.0.rdx] = arguments;
        // Not in a call: nothing for the kernel to restart.
        self.0.orig_rax = u64::MAX;
        self
    }

    pub(in crate::sys::ptrace) fn install(&self, tid: i32) -> io::Result<()> {
        self.write(tid)
    }

    /// Whether the thread stands at the entry of closing these.
    pub(in crate::sys::ptrace) fn enters_close(&self, numbers: Numbers) -> bool {
        let (call, arguments) = numbers.closing();
        self.0.orig_rax == call.cast_unsigned() && [self.0.rdi, self.0.rsi, self.0.rdx] == arguments
    }

    /// What the call has answered: negative is an errno.
    pub(in crate::sys::ptrace) fn result(&self) -> i64 {
        self.0.rax.cast_signed()
    }

    fn in_program(&self) -> bool {
        self.0.orig_rax.cast_signed() < 0
    }

    fn pending(&self) -> Option<i64> {
        let restarts =
            matches!(self.result(), ERESTARTSYS | ERESTARTNOINTR | ERESTARTNOHAND | ERESTART_RESTARTBLOCK);
        (!self.in_program() && restarts).then(|| self.result())
    }

    fn call(&self) -> Call {
        let r = &self.0;
        Call { number: r.orig_rax.cast_signed(), arguments: [r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regs(call: i64, result: i64) -> Regs {
        let mut regs = Regs::EMPTY;
        regs.0.cs = CS_64;
        regs.0.orig_rax = call.cast_unsigned();
        regs.0.rax = result.cast_unsigned();
        regs.0.rdi = 7;
        regs
    }

    #[test]
    fn an_interrupted_epoll_wait_is_given_a_restart_code() {
        let mut waiting = regs(libc::SYS_epoll_wait, EINTR);
        assert_eq!(waiting.conceal(None), Concealed::Restarted);
        assert_eq!(waiting.result(), ERESTARTNOHAND);
        assert_eq!(waiting.place(), Place::RestartsByItself);
        assert_eq!(waiting.pending_call(None).map(|c| c.arguments[0]), Some(7));
    }

    #[test]
    fn an_interrupted_close_is_left_alone_because_its_descriptor_is_gone_already() {
        let mut closing = regs(libc::SYS_close, EINTR);
        assert_eq!(closing.conceal(None), Concealed::Nothing);
        assert_eq!(closing.result(), EINTR);
    }

    #[test]
    fn an_eintr_from_before_a_handler_ran_is_the_programs_own() {
        let mut returning = regs(-1, EINTR);
        assert_eq!(returning.conceal(None), Concealed::Nothing);
        assert_eq!(returning.place(), Place::Program);
    }

    #[test]
    fn places_rank_and_foreign_code_is_known() {
        assert_eq!(regs(libc::SYS_read, ERESTARTSYS).place(), Place::RestartsByItself);
        assert_eq!(regs(libc::SYS_nanosleep, ERESTART_RESTARTBLOCK).place(), Place::RestartsByNote);
        assert_eq!(regs(libc::SYS_read, 12).place(), Place::Program);
        assert_eq!(Regs::EMPTY.place(), Place::Foreign);
        assert_eq!(regs(libc::SYS_read | X32_BIT.cast_signed(), ERESTARTSYS).place(), Place::Foreign);
    }

    #[test]
    fn closing_leaves_nothing_to_restart() {
        let borrowed = regs(libc::SYS_read, ERESTARTSYS).closing(Numbers { first: 9, last: 9 }, 0x1000);
        assert_eq!(borrowed.place(), Place::Program);
        assert_eq!(borrowed.pending_call(None), None);
        let nine = Numbers { first: 9, last: 9 };
        assert!(!borrowed.enters_close(nine), "entry shows in orig_rax, which the kernel sets");
    }
}
