//! Processors on which no call is injected: everything is refused before a thread is touched.

use std::io;

use super::{Call, Concealed, Numbers, Place, Support};
use crate::sys::ptrace::calls;

pub(in crate::sys::ptrace) const SUPPORT: Support = Support::None;
pub(in crate::sys::ptrace) const CALL_INSTRUCTION: &[u8] = &[];

/// Registers nobody reads.
#[derive(Clone, Copy)]
pub(in crate::sys::ptrace) struct Regs;

impl Regs {
    pub(in crate::sys::ptrace) fn read(_tid: i32) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in crate::sys::ptrace) fn write(&self, _tid: i32) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in crate::sys::ptrace) fn place(&self) -> Place {
        Place::Foreign
    }

    pub(in crate::sys::ptrace) fn pending_call(&self, _asleep: Option<&calls::Asleep>) -> Option<Call> {
        None
    }

    pub(in crate::sys::ptrace) fn conceal(&mut self, _asleep: Option<&calls::Asleep>) -> Concealed {
        Concealed::Nothing
    }

    pub(in crate::sys::ptrace) fn closing(self, _numbers: Numbers, _address: u64) -> Self {
        self
    }

    pub(in crate::sys::ptrace) fn install(&self, tid: i32) -> io::Result<()> {
        self.write(tid)
    }

    pub(in crate::sys::ptrace) fn enters_close(&self, _numbers: Numbers) -> bool {
        false
    }

    pub(in crate::sys::ptrace) fn result(&self) -> i64 {
        -1
    }
}
