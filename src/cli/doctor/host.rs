//! What the host offers, whatever the process.

use std::os::unix::net::UnixDatagram;
use std::path::Path;

use crate::cli::doctor::finding::{Finding, Section};
use crate::model::chain::chain;
use crate::sys::ability::Ability;
use crate::sys::cgroup::{self, Hierarchy};
use crate::sys::proc_root::ProcRoot;

const HERE: Section = Section::Host;

/// The signals of the host.
pub(super) fn signals(root: &ProcRoot) -> Vec<Finding> {
    let pressure = root.text("pressure/memory").is_ok();
    let finding = if pressure {
        Finding::works(Section::Signals, "host.*", "read memory, load, open files and pressure")
    } else {
        Finding::partly(Section::Signals, "host.*", "read memory, load and open files; not host.psi_*")
            .because("this kernel tells no pressure")
            .remedy("a kernel with CONFIG_PSI, booted with psi=1")
    };
    vec![finding]
}

/// What else matters here.
pub(super) fn found(ability: &Ability) -> Vec<Finding> {
    vec![kernel(ability), yama(ability), hidepid(), freezers(), journal(), systemd(), py_spy()]
}

/// Whether `/proc` hides the processes of others from us.
pub(in crate::cli) fn hides_others() -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let hidden = |options: &str| {
        options
            .split(',')
            .any(|one| matches!(one, "hidepid=2" | "hidepid=invisible" | "hidepid=4" | "hidepid=ptraceable"))
    };
    mounts
        .lines()
        .filter(|line| line.split(' ').nth(4) == Some("/proc"))
        .any(|line| line.split(' ').any(hidden))
}

fn kernel(ability: &Ability) -> Finding {
    Finding::works(HERE, "kernel", format!("Linux {} on {}", ability.release, std::env::consts::ARCH))
}

fn yama(ability: &Ability) -> Finding {
    let name = "Yama";
    match ability.yama {
        0 => Finding::works(HERE, name, "ptrace_scope 0, or not there"),
        1 => Finding::partly(HERE, name, "ptrace_scope 1")
            .because("without CAP_SYS_PTRACE only children can be traced: those of `fdguard exec`"),
        2 => Finding::partly(HERE, name, "ptrace_scope 2").because("tracing asks for CAP_SYS_PTRACE"),
        scope => Finding::fails(HERE, name, format!("ptrace_scope {scope}"))
            .because("nobody may trace until the next boot: no reap_descriptors"),
    }
}

fn hidepid() -> Finding {
    if hides_others() {
        Finding::partly(HERE, "/proc", "mounted with hidepid")
            .because("processes of other users are not seen without CAP_SYS_PTRACE")
            .remedy("the group of the mount's `gid=`, or CAP_SYS_PTRACE")
    } else {
        Finding::works(HERE, "/proc", "shows every process (no hidepid)")
    }
}

fn freezers() -> Finding {
    let name = "cgroups";
    let mounts = match cgroup::mounts(&ProcRoot::default()) {
        Ok(mounts) => mounts,
        Err(error) => return Finding::fails(HERE, name, "tried mountinfo").because(chain(&error)),
    };
    let there: Vec<&str> = [("v2", Hierarchy::Unified), ("v1 freezer", Hierarchy::Controller("freezer"))]
        .into_iter()
        .filter(|(_, hierarchy)| mounts.point(*hierarchy).is_some())
        .map(|(name, _)| name)
        .collect();
    if there.is_empty() {
        Finding::partly(HERE, name, "no freezer is mounted").because("freeze falls back to SIGSTOP")
    } else {
        Finding::works(HERE, name, format!("mounted: {}", there.join(", ")))
    }
}

fn journal() -> Finding {
    let socket = UnixDatagram::unbound().and_then(|one| one.connect("/run/systemd/journal/socket"));
    match socket {
        Ok(()) => Finding::works(HERE, "journald", "its socket takes connections"),
        Err(_) => Finding::partly(HERE, "journald", "not here").because("the log goes to standard error"),
    }
}

fn systemd() -> Finding {
    let name = "systemd";
    if Path::new("/run/systemd/system").is_dir() {
        Finding::works(HERE, name, "runs this host")
    } else {
        Finding::partly(HERE, name, "does not run this host")
            .because("units can't be targets; `stop` can start again only what `fdguard exec` or a child target started")
    }
}

fn py_spy() -> Finding {
    let name = "py-spy";
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    match found {
        Some(file) => Finding::works(HERE, name, format!("found at {}", file.display())),
        None => Finding::partly(HERE, name, "not on PATH")
            .because("snapshots of Python bots lack their stacks")
            .remedy("pip install py-spy"),
    }
}
