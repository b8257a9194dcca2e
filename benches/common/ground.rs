//! The ground of a measurement: one CPU for all that takes part, and ports that nobody else has.

use std::cell::Cell;
use std::net::{Ipv4Addr, TcpListener};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use super::Attempt;

/// Below where the kernel picks ports for clients, so none of the bench's clients can sit on one of ours.
const PORTS: std::ops::Range<u16> = 21_000..32_000;

/// Free ports, never the same twice.
#[derive(Debug)]
pub(crate) struct Ports(Cell<u16>);

impl Default for Ports {
    fn default() -> Self {
        Self(Cell::new(PORTS.start))
    }
}

impl Ports {
    /// One that nobody listens on.
    pub(crate) fn next(&self) -> Attempt<u16> {
        let free = (self.0.get()..PORTS.end)
            .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
            .ok_or("no free port is left")?;
        self.0.set(free + 1);
        Ok(free)
    }
}

/// Pins this thread, and with it all that it starts from now on, to a CPU: the last one that is allowed where none is wanted.
pub(crate) fn pin(wanted: Option<usize>) -> Attempt<usize> {
    let this = Pid::from_raw(0);
    let allowed = sched_getaffinity(this)?;
    let last = (0..CpuSet::count()).rev().find(|cpu| allowed.is_set(*cpu).unwrap_or(false));
    let cpu = wanted.or(last).ok_or("no CPU is allowed")?;
    let mut one = CpuSet::new();
    one.set(cpu)?;
    sched_setaffinity(this, &one)?;
    Ok(cpu)
}
