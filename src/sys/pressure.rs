//! Pressure stall information: how much of the last 10 s tasks waited for something.

use crate::sys::proc_root::ProcRoot;
use crate::sys::read_error::ReadError;

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resource {
    /// Memory.
    Memory,
    /// A CPU.
    Cpu,
    /// Storage.
    Io,
}

impl Resource {
    const fn file(self) -> &'static str {
        match self {
            Self::Memory => "pressure/memory",
            Self::Cpu => "pressure/cpu",
            Self::Io => "pressure/io",
        }
    }
}

/// Shares of the last 10 s, 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pressure {
    /// Some task waited.
    pub some: f64,
    /// All tasks waited; not told for the CPU by older kernels.
    pub full: Option<f64>,
}

impl Pressure {
    /// Reads it for the whole host. Not offered where the kernel was built or started without it.
    pub fn read(root: &ProcRoot, resource: Resource) -> Result<Self, ReadError> {
        let file = resource.file();
        let text = root.text(file).map_err(|error| ReadError::of_io(file, error))?;
        Self::parse(&text).ok_or(ReadError::Malformed { what: file })
    }

    fn parse(text: &str) -> Option<Self> {
        let share = |row: &str| {
            let rest = text.lines().find_map(|line| line.strip_prefix(row)?.strip_prefix(" avg10="))?;
            let percent: f64 = rest.split(' ').next()?.parse().ok()?;
            (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
        };
        Some(Self { some: share("some")?, full: share("full") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reading::Gap;

    #[test]
    fn shares_are_read() {
        let text = "some avg10=12.50 avg60=3.34 avg300=2.98 total=48241710\nfull avg10=1.00 avg60=0.00\n";
        assert_eq!(Pressure::parse(text), Some(Pressure { some: 0.125, full: Some(0.01) }));
        let old = "some avg10=0.00 avg60=3.34 avg300=2.98 total=1\n";
        assert_eq!(Pressure::parse(old), Some(Pressure { some: 0.0, full: None }));
        for broken in ["", "some avg60=1", "some avg10=x", "some avg10=NaN", "some avg10=101"] {
            assert_eq!(Pressure::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_kernel_without_it_says_so() {
        let tree = tempfile::tempdir().unwrap();
        let error = Pressure::read(&ProcRoot::new(tree.path()), Resource::Memory).unwrap_err();
        assert_eq!(error.gap(), Gap::NotSupported);
    }
}
