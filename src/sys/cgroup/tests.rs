use super::*;
use crate::sys::victim::Victim;

/// A tree that looks like groups; `cgroup.procs` is all that is read of them.
fn tree(groups: &[(&str, &str)]) -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    for (group, procs) in groups {
        let dir = tree.path().join(group);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("cgroup.procs"), procs).unwrap();
    }
    tree
}

fn seen_at(tree: &Path) -> Mounts {
    Mounts::parse(&format!("1 2 0:3 / {} rw - cgroup2 none rw", tree.display()))
}

#[test]
fn rows_of_all_layouts_are_read() {
    let text = "9:name=systemd:/a\n6:freezer:/b:c\n2:cpu,cpuacct:/d\n0::/e\nnonsense\n";
    let memberships = Memberships::parse(text);
    assert_eq!(memberships.path(Hierarchy::Unified), Some("/e"));
    assert_eq!(memberships.path(Hierarchy::Controller("freezer")), Some("/b:c"));
    assert_eq!(memberships.path(Hierarchy::Controller("cpuacct")), Some("/d"));
    assert_eq!(memberships.path(Hierarchy::Controller("name=systemd")), Some("/a"));
    assert_eq!(memberships.path(Hierarchy::Controller("pids")), None);
}

#[test]
fn a_process_is_below_a_directory_in_whichever_hierarchy_that_is() {
    let mounts = Mounts::parse(
        "1 2 0:3 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup none rw,cpu,cpuacct\n\
         1 2 0:4 / /sys/fs/cgroup/unified rw - cgroup2 none rw\n",
    );
    let memberships = Memberships::parse("2:cpu,cpuacct:/bots/one/x\n0::/bots/two\n");
    let below = |dir: &str| memberships.any_below(&mounts, &Path::new("/sys/fs/cgroup").join(dir));
    assert!(below("cpu,cpuacct/bots/one") && below("unified/bots/two") && below("unified"));
    assert!(!below("cpu,cpuacct/bots/two") && !below("unified/bots/on") && !below("unified/bots/two/x"));
}

#[test]
fn members_below_count_and_strangers_are_named() {
    let tree = tree(&[("", "1\n"), ("bot", "5\n6\n"), ("bot/worker", "7\n"), ("other", "")]);
    let mounts = seen_at(tree.path());
    let ask = |group: &str, set: &[u32]| {
        exclusivity(&mounts, &tree.path().join(group), &set.iter().copied().collect()).unwrap()
    };
    assert_eq!(members(&tree.path().join("bot")).unwrap(), [5, 6, 7]);
    assert_eq!(ask("bot", &[5, 6, 7, 8]), Exclusivity::Own);
    assert_eq!(ask("bot", &[5, 6]), Exclusivity::Shared(7));
    assert_eq!(ask("other", &[5]), Exclusivity::Empty);
    assert_eq!(exclusivity(&mounts, tree.path(), &BTreeSet::from([1, 5, 6, 7])).unwrap(), Exclusivity::Root);
}

#[test]
fn a_process_outside_our_view_is_a_stranger() {
    let tree = tree(&[("bot", "0\n5\n")]);
    let set = BTreeSet::from([5]);
    let asked = exclusivity(&seen_at(tree.path()), &tree.path().join("bot"), &set).unwrap();
    assert_eq!(asked, Exclusivity::Shared(0));
}

#[test]
fn a_missing_group_is_an_error_and_not_an_empty_one() {
    let tree = tree(&[("bot", "5\n")]);
    assert!(members(&tree.path().join("none")).is_err());
}

#[test]
fn a_live_process_is_in_the_group_that_the_kernel_says() {
    let victim = Victim::python("import sys; sys.stdin.read()");
    let memberships = Memberships::read(&victim.adopt()).unwrap();
    let mounts = mounts(&ProcRoot::default()).unwrap();
    let hierarchies = [Hierarchy::Unified, Hierarchy::Controller("freezer"), Hierarchy::Controller("memory")];
    let dirs: Vec<_> = hierarchies.iter().filter_map(|one| memberships.dir(&mounts, *one)).collect();
    for dir in &dirs {
        let procs = std::fs::read_to_string(dir.join("cgroup.procs")).unwrap();
        assert!(procs.lines().any(|line| line == victim.pid().to_string()), "{}", dir.display());
    }
}
