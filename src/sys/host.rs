//! The host that the target shares.

use sysinfo::{MemoryRefreshKind, System};

use procfs::FromRead as _;

use crate::sys::proc_root::ProcRoot;
use crate::sys::read_error::ReadError;
use crate::sys::stat::{number, words};

const FILES: &str = "sys/fs/file-nr";

/// A view of the host; CPU use needs two looks, so it is kept between them.
#[derive(Debug)]
pub struct Host {
    root: ProcRoot,
    system: System,
    /// How often the CPU was looked at, up to two.
    looks: u8,
}

/// The name of this host; empty where it has none.
pub fn name() -> String {
    System::host_name().unwrap_or_default()
}

impl Host {
    /// Nothing looked at yet.
    pub fn new(root: ProcRoot) -> Result<Self, ReadError> {
        let system = System::new().map_err(|_| ReadError::Unsupported { what: "the view of the host" })?;
        Ok(Self { root, system, looks: 0 })
    }

    /// Memory that can be had without swapping, in bytes.
    pub fn memory_available(&mut self) -> Result<u64, ReadError> {
        self.system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        match (self.system.total_memory(), self.system.available_memory()) {
            (0, _) => Err(ReadError::Unsupported { what: "meminfo" }),
            (_, available) => Ok(available),
        }
    }

    /// CPU in use since the look before, 0 to 1 over all cores; `None` at the first look. Looks less than
    /// 200 ms apart give the value of the earlier one.
    pub fn cpu(&mut self) -> Option<f64> {
        self.system.refresh_cpu_usage();
        self.looks = self.looks.saturating_add(1).min(2);
        let share = f64::from(self.system.global_cpu_usage()) / 100.0;
        (self.looks == 2 && share.is_finite()).then(|| share.clamp(0.0, 1.0))
    }

    /// Load average of the last minute.
    pub fn load(&self) -> Result<f64, ReadError> {
        let what = "loadavg";
        let text = self.root.text(what).map_err(|error| ReadError::of_io(what, error))?;
        let load = procfs::LoadAverage::from_read(text.as_bytes()).map(|load| f64::from(load.one));
        load.ok().filter(|load| load.is_finite()).ok_or(ReadError::Malformed { what })
    }

    /// Open files of the host over its limit, 0 to 1.
    pub fn files_used(&self) -> Result<f64, ReadError> {
        let text = self.root.text(FILES).map_err(|error| ReadError::of_io(FILES, error))?;
        let numbers: Vec<u64> = words(text.as_bytes()).filter_map(number).collect();
        match numbers[..] {
            [open, _, limit] if limit > 0 => Ok(open as f64 / limit as f64),
            _ => Err(ReadError::Malformed { what: FILES }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_seen() {
        let mut host = Host::new(ProcRoot::default()).unwrap();
        assert!(host.memory_available().unwrap() > 1 << 20);
        assert!(host.load().unwrap() >= 0.0);
        let used = host.files_used().unwrap();
        assert!(used > 0.0 && used <= 1.0, "{used}");
        assert_eq!(host.cpu(), None, "one look tells nothing");
        assert!((0.0..=1.0).contains(&host.cpu().unwrap()));
    }

    #[test]
    fn a_given_tree_is_read() {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tree.path().join("sys/fs")).unwrap();
        let write = |file: &str, text: &str| std::fs::write(tree.path().join(file), text).unwrap();
        let host = Host::new(ProcRoot::new(tree.path())).unwrap();
        assert!(matches!(host.load(), Err(ReadError::Unsupported { .. })));
        write("loadavg", "1.50 0.1 0.2 1/85 9\n");
        write(FILES, "500\t0\t1000\n");
        assert!((host.load().unwrap() - 1.5).abs() < 1e-9);
        assert!((host.files_used().unwrap() - 0.5).abs() < 1e-9);
        write(FILES, "500\t0\n");
        assert!(matches!(host.files_used(), Err(ReadError::Malformed { .. })));
    }
}
