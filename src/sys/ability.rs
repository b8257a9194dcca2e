//! What this agent may do on this host: its capabilities, Yama's word, the kernel's version.

use nix::unistd::Uid;

use crate::sys::proc_root::ProcRoot;

/// A capability that the agent has a use for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Capability {
    /// Others' descriptor tables, ptrace.
    SysPtrace,
    /// Signals to others' processes.
    Kill,
    /// SOCK_DESTROY.
    NetAdmin,
    /// Entering network namespaces.
    SysAdmin,
    /// Raising hard limits.
    SysResource,
    /// Reading files of others.
    DacReadSearch,
}

impl Capability {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::SysPtrace, Self::Kill, Self::NetAdmin, Self::SysAdmin, Self::SysResource, Self::DacReadSearch];

    /// Its number in the kernel's sets (linux/capability.h).
    const fn bit(self) -> u32 {
        match self {
            Self::DacReadSearch => 2,
            Self::Kill => 5,
            Self::NetAdmin => 12,
            Self::SysPtrace => 19,
            Self::SysAdmin => 21,
            Self::SysResource => 24,
        }
    }

    /// Its name as people and units write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SysPtrace => "CAP_SYS_PTRACE",
            Self::Kill => "CAP_KILL",
            Self::NetAdmin => "CAP_NET_ADMIN",
            Self::SysAdmin => "CAP_SYS_ADMIN",
            Self::SysResource => "CAP_SYS_RESOURCE",
            Self::DacReadSearch => "CAP_DAC_READ_SEARCH",
        }
    }
}

/// What the agent is and may do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ability {
    /// Effective user id.
    pub uid: u32,
    effective: u64,
    /// Yama's `ptrace_scope`; 0 where Yama is not there.
    pub yama: u8,
    /// The kernel's release: `6.18.44`.
    pub release: String,
}

impl Ability {
    /// Reads it; what can't be read counts as not granted.
    pub fn read(root: &ProcRoot) -> Self {
        let text = |path: &str| std::fs::read_to_string(root.path().join(path)).unwrap_or_default();
        Self {
            uid: Uid::effective().as_raw(),
            effective: effective_set(&text("self/status")),
            yama: text("sys/kernel/yama/ptrace_scope").trim().parse().unwrap_or(0),
            release: text("sys/kernel/osrelease").trim().to_owned(),
        }
    }

    /// Whether a capability is effective.
    pub fn has(&self, capability: Capability) -> bool {
        self.effective >> capability.bit() & 1 == 1
    }
}

fn effective_set(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_off_the_effective_set() {
        let effective = effective_set("Name:\tx\nCapEff:\t0000000000081000\nCapBnd:\t00ff\n");
        let ability = Ability { uid: 7, effective, yama: 0, release: String::new() };
        let held: Vec<_> = Capability::ALL.into_iter().filter(|one| ability.has(*one)).collect();
        assert_eq!(held, [Capability::SysPtrace, Capability::NetAdmin]);
        assert_eq!(effective_set("nothing"), 0);
    }

    #[test]
    fn this_kernel_tells_its_release() {
        assert!(!Ability::read(&ProcRoot::new("/proc")).release.is_empty());
    }
}
