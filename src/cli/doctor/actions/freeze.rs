//! Freezing: the child for real, by a keeper and for a moment; of a given process only its cgroup is looked at.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use super::{HERE, may_signal, worse};
use crate::cli::doctor::finding::Finding;
use crate::model::action::Word;
use crate::model::chain::chain;
use crate::sys::adopted::Adopted;
use crate::sys::cgroup::{self, Exclusivity, Hierarchy, Memberships};
use crate::sys::freezer::{Frozen, Means};
use crate::sys::keeper::{Keeper, KeeperProgram};
use crate::sys::pidfd::PidFd;
use crate::sys::proc_root::ProcRoot;

/// The child stands still no longer.
const LIMIT: Duration = Duration::from_secs(2);

/// Tries it.
pub(super) fn freeze(given: Option<&Adopted>, child: &Adopted) -> Finding {
    let real = child_frozen(child);
    match given {
        Some(given) => worse(real, prospects(given)),
        None => real,
    }
}

fn child_frozen(child: &Adopted) -> Finding {
    let name = Word::Freeze.name();
    match frozen_and_thawed(child) {
        Ok(means) => Finding::works(HERE, name, format!("froze a child and thawed it, by {}", words(means))),
        Err(why) => Finding::fails(HERE, name, "tried to freeze a child").because(why),
    }
}

fn frozen_and_thawed(child: &Adopted) -> Result<Means, String> {
    let mut keeper = Keeper::start(&KeeperProgram::default()).map_err(|error| chain(&error))?;
    let process = PidFd::open(child.pidfd().pid()).map_err(|error| chain(&error))?;
    let frozen = Frozen::freeze(&mut keeper, vec![process], LIMIT).map_err(|error| chain(&error))?;
    let means = frozen.means();
    frozen.thaw(&keeper).map_err(|error| chain(&error))?;
    Ok(means)
}

fn words(means: Means) -> &'static str {
    match means {
        Means::CgroupV2 => "the v2 freezer",
        Means::CgroupV1 => "the v1 freezer",
        Means::Signals => "SIGSTOP",
    }
}

/// By which means a given process would be frozen.
fn prospects(given: &Adopted) -> Finding {
    let name = Word::Freeze.name();
    if let Some(means) = own_group(given) {
        return Finding::works(
            HERE,
            name,
            format!("froze a child; it has a cgroup to itself: {}", words(means)),
        );
    }
    may_signal(given, name).unwrap_or_else(|| {
        Finding::partly(HERE, name, "froze a child; may send it SIGSTOP")
            .because("it has no cgroup to itself that may be written, so its parent would see it stopped")
            .remedy("a systemd unit or cgroup of its own")
    })
}

fn own_group(given: &Adopted) -> Option<Means> {
    let mounts = cgroup::mounts(&ProcRoot::default()).ok()?;
    let memberships = Memberships::read(given).ok()?;
    let set = BTreeSet::from([given.id().pid]);
    let writable = |file: &Path| OpenOptions::new().write(true).open(file).is_ok();
    [
        (Hierarchy::Unified, "cgroup.freeze", Means::CgroupV2),
        (Hierarchy::Controller("freezer"), "freezer.state", Means::CgroupV1),
    ]
    .into_iter()
    .find_map(|(hierarchy, file, means)| {
        let dir = memberships.dir(&mounts, hierarchy)?;
        let own = matches!(cgroup::exclusivity(&mounts, &dir, &set), Ok(Exclusivity::Own));
        (own && writable(&dir.join(file))).then_some(means)
    })
}
