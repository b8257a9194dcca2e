//! The host as a whole, looked at with the full ticks but not more often than it changes.

use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::model::reading::{Gap, Reading};
use crate::model::signal::Signal;
use crate::sys::host::Host;
use crate::sys::pressure::{Pressure, Resource};
use crate::sys::proc_root::ProcRoot;
use crate::sys::read_error::ReadError;

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(2);

/// Looks at the host every so often, whichever process is scanned.
#[derive(Debug)]
pub(super) struct HostEye {
    root: ProcRoot,
    host: Option<Host>,
    due: Timestamp,
}

impl HostEye {
    pub(super) fn new() -> Self {
        let root = ProcRoot::new("/proc");
        Self { host: Host::new(root.clone()).ok(), root, due: Timestamp::ZERO }
    }

    /// The readings, where a look is due.
    pub(super) fn read(&mut self, at: Timestamp) -> Option<Vec<(Signal, Reading<f64>)>> {
        if at < self.due {
            return None;
        }
        self.due = at + EVERY;
        let pressure = |resource| reading(Pressure::read(&self.root, resource).map(|pressure| pressure.some));
        let mut readings = vec![
            (Signal::HostPsiMemory, pressure(Resource::Memory)),
            (Signal::HostPsiCpu, pressure(Resource::Cpu)),
        ];
        let others = [Signal::HostMemoryAvailable, Signal::HostCpu, Signal::HostLoad, Signal::HostFdUsed];
        match &mut self.host {
            Some(host) => readings.extend(others.map(|signal| (signal, of(host, signal)))),
            None => readings.extend(others.map(|signal| (signal, Reading::Unavailable(Gap::Failed)))),
        }
        Some(readings)
    }
}

fn of(host: &mut Host, signal: Signal) -> Reading<f64> {
    match signal {
        Signal::HostMemoryAvailable => reading(host.memory_available()).map(|bytes| bytes as f64),
        Signal::HostCpu => host.cpu().map_or(Reading::Unavailable(Gap::TooYoung), Reading::Known),
        Signal::HostLoad => reading(host.load()),
        _ => reading(host.files_used()),
    }
}

fn reading<T>(result: Result<T, ReadError>) -> Reading<T> {
    result.map_err(|error| error.gap()).into()
}
