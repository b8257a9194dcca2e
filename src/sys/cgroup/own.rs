//! The agent's own group, divided: each child of it in a group below.
//!
//! Only where systemd has handed the group over (`Delegate=yes`): elsewhere it is systemd's alone to divide. It marks
//! what it hands over by an extended attribute, `user.delegate` (251 and later) or `trusted.delegate`. Version 2 only.
#![expect(unsafe_code, reason = "getxattr has no safe wrapper")]

use std::ffi::{CStr, CString};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::libc;

use super::{Hierarchy, Memberships, Mounts, mounts};
use crate::sys::adopted::Adopted;
use crate::sys::proc_root::ProcRoot;
use crate::sys::spawn::entrance;

/// A group that is the agent's to divide.
#[derive(Clone, Debug)]
pub struct Delegated {
    mounts: Mounts,
    dir: PathBuf,
}

/// Why a group is not the agent's to divide.
#[derive(Debug, thiserror::Error)]
pub enum NotDelegated {
    /// There is none of version 2.
    #[error("the agent is in no control group of version 2")]
    None,
    /// Nobody has handed it over.
    #[error("`{}` is not delegated: `Delegate=yes` in the unit would do it", dir.display())]
    Not {
        /// The group.
        dir: PathBuf,
    },
    /// It could not be found out.
    #[error("could not read the agent's control group")]
    Read {
        /// Why.
        #[from]
        source: io::Error,
    },
}

/// The group of one child; removed with this, where nobody is left in it.
#[derive(Debug)]
pub struct ChildGroup {
    mounts: Mounts,
    dir: PathBuf,
    entrance: Arc<OwnedFd>,
}

impl Delegated {
    /// The group of this process, where it was handed over.
    pub fn find(root: &ProcRoot) -> Result<Self, NotDelegated> {
        let mounts = mounts(root).map_err(io::Error::other)?;
        let own = Memberships::parse(&root.text("self/cgroup")?);
        let dir = own.dir(&mounts, Hierarchy::Unified).ok_or(NotDelegated::None)?;
        let is_marked = [c"user.delegate", c"trusted.delegate"].iter().any(|mark| is_set(&dir, mark));
        if is_marked { Ok(Self { mounts, dir }) } else { Err(NotDelegated::Not { dir }) }
    }

    /// A group below for a child of that name; one that an earlier agent has left is taken.
    pub fn for_child(&self, name: &str) -> io::Result<ChildGroup> {
        let dir = self.dir.join(format!("child-{name}"));
        match fs::create_dir(&dir) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let entrance = Arc::new(entrance(&dir)?);
        Ok(ChildGroup { mounts: self.mounts.clone(), dir, entrance })
    }
}

impl ChildGroup {
    /// What a child writes to, to begin in it.
    pub fn entrance(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.entrance)
    }

    /// Whether a process is in it.
    pub fn holds(&self, process: &Adopted) -> bool {
        Memberships::read(process).is_ok_and(|all| all.any_below(&self.mounts, &self.dir))
    }
}

impl Drop for ChildGroup {
    fn drop(&mut self) {
        // Who outlived the child stays in it; systemd clears up after the agent.
        let _still_in_use = fs::remove_dir(&self.dir);
    }
}

fn is_set(dir: &Path, mark: &CStr) -> bool {
    let Ok(path) = CString::new(dir.as_os_str().as_bytes()) else { return false };
    let mut value = [0u8; 8];
    // SAFETY: both strings end in NUL, and the buffer is ours and as long as said.
    let length =
        unsafe { libc::getxattr(path.as_ptr(), mark.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
    length == 1 && value.first() == Some(&b'1')
}
