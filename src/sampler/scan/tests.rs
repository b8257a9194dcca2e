//! Scans of a real process that opens, closes, duplicates and gives away, against a look at everything.

use proptest::prelude::*;

use super::*;
use crate::sys::descriptors::{LISTING_PASSES_MAX, Link};
use crate::sys::sock_diag::{Detail, SockDiag, SocketRecord, States};
use crate::sys::victim::Victim;

const HOLDER: &str = include_str!("holder.py");

/// A process and the scans of it.
struct World {
    victim: Victim,
    process: Adopted,
    memory: Memory,
}

impl World {
    fn new() -> Self {
        let mut victim = Victim::python(HOLDER);
        assert_eq!(victim.line(), "ready");
        let process = victim.adopt();
        let mut world = Self { victim, process, memory: Memory::new(ScanSettings::default()) };
        // The first two are walks; the next ones build on them.
        world.scan();
        world.scan();
        world
    }

    /// Does it; gives the numbers that the process holds then.
    fn order(&mut self, orders: &str) -> Vec<u32> {
        let line = self.victim.ask(orders);
        line.split_whitespace().map(|number| number.parse().unwrap()).collect()
    }

    fn scan(&mut self) -> Scan {
        let scan = self.memory.scan(&self.process, &RemoteBook::default());
        assert!(scan.view.leaked.as_ref().known().is_some(), "the sockets are seen");
        scan
    }

    /// What the last scan holds for the table.
    fn table(&self) -> &[Descriptor] {
        self.memory.processes[&self.process.id()].listing.table()
    }

    /// What is the table.
    fn truth(&self) -> Vec<Descriptor> {
        let mut listing = Listing::new();
        self.process.list(&mut listing, usize::MAX, |_| Trust::Look).unwrap();
        listing.table().to_vec()
    }

    /// The sockets of its namespace that somebody holds, as the last scan had them.
    fn states(&self) -> Vec<(u32, TcpState)> {
        held(self.memory.tables.records())
    }

    /// The same, by a dump of all.
    fn whole(&self) -> Vec<(u32, TcpState)> {
        let mut records = Vec::new();
        let mut diag = SockDiag::in_namespace_of(&self.process).unwrap();
        let states = States::ALL.without(&[TcpState::TimeWait, TcpState::BoundInactive]);
        diag.dump(states, Detail::Plain, &mut records).unwrap();
        held(&records)
    }

    fn kind(&self, number: u32) -> Option<Kind> {
        self.table().iter().find(|row| row.number == number).map(|row| row.kind)
    }

    /// Each socket called dead is held at that number, now: the process stands still meanwhile.
    fn no_false_accusation(&self, scan: &Scan) {
        for socket in &scan.aged.sockets {
            let link = self.process.descriptors().look(socket.number).unwrap();
            assert_eq!(link, Some(Link::Socket(socket.inode)), "{socket:?}");
        }
    }

    /// How many sockets another scan takes for dead, or will where they stay so.
    fn candidates(&mut self) -> usize {
        self.scan();
        self.memory.processes[&self.process.id()].trace.dead()
    }

    fn dead(&mut self) -> Vec<u32> {
        let scan = self.scan();
        self.no_false_accusation(&scan);
        scan.aged.sockets.iter().map(|socket| socket.number).collect()
    }
}

fn held(records: &[SocketRecord]) -> Vec<(u32, TcpState)> {
    let held = records.iter().filter(|record| record.inode != 0);
    // An acknowledgement may be on its way for a moment.
    let settled = |state| if state == TcpState::FinWait1 { TcpState::FinWait2 } else { state };
    let mut states: Vec<_> = held.map(|record| (record.inode, settled(record.state))).collect();
    states.sort_unstable();
    states
}

#[test]
fn a_number_that_holds_another_socket_or_a_file_now_is_seen_at_once() {
    let mut world = World::new();
    let held = world.order("connect;connect;file");
    world.scan();
    assert_eq!(world.table(), world.truth());
    for orders in ["close 0;tcp", "close 0;file", "close 2;connect", "dup2 0 1"] {
        world.order(orders);
        world.scan();
        assert_eq!(world.table(), world.truth(), "{orders}");
    }
    assert_eq!(held.len(), 5);
}

#[test]
fn new_numbers_are_found_wherever_the_kernel_put_them() {
    let mut world = World::new();
    world.order("connect;connect;connect;file;file");
    world.scan();
    for orders in ["tcp", "close 3;close 1", "file;file;file", "high 0 0;high 1 500", "connect;close 0"] {
        world.order(orders);
        world.scan();
        assert_eq!(world.table(), world.truth(), "{orders}");
    }
}

#[test]
fn what_lives_on_elsewhere_is_right_again_within_the_bound() {
    // (the sharing, who closes here and puts a file in its place)
    for sharing in ["give 0", "fork", "dup 0", "high 0 0"] {
        let mut world = World::new();
        let number = world.order("connect")[0];
        world.order(sharing);
        world.scan();
        world.order("close 0;file");
        let scans = (0..LISTING_PASSES_MAX).find(|_| {
            world.scan();
            world.kind(number) == Some(Kind::File)
        });
        assert!(scans.is_some(), "{sharing}: the file is seen within {LISTING_PASSES_MAX} scans");
        assert_eq!(world.table(), world.truth(), "{sharing}");
    }
}

#[test]
fn a_socket_that_was_given_away_and_closed_here_is_seen_at_once_where_nothing_took_its_place() {
    for sharing in ["give 0", "fork"] {
        let mut world = World::new();
        world.order("connect");
        world.order(sharing);
        world.scan();
        world.order("close 0");
        world.scan();
        assert_eq!(world.table(), world.truth(), "{sharing}");
    }
}

#[test]
fn nobody_is_accused_of_a_socket_that_is_anothers_by_now() {
    for sharing in ["give 0", "fork", "dup 0"] {
        // It dies after it was given away: the row here still says that it is ours.
        let mut world = World::new();
        world.order("connect");
        world.order(sharing);
        world.scan();
        let held = world.order("close 0;file");
        world.scan();
        world.order("half 0");
        let dead = world.dead();
        let at = held.len() - 1;
        assert!(!dead.contains(&held[at]), "{sharing}: the file is no socket");
        // It was dead already, and called so, when it was given away.
        let mut world = World::new();
        let number = world.order("connect;half 1")[0];
        assert_eq!(world.dead(), [number], "{sharing}");
        world.order(sharing);
        world.scan();
        world.order("close 0;file");
        assert!(!world.dead().contains(&number), "{sharing}");
    }
}

#[test]
fn nobody_is_accused_because_its_process_has_moved_to_another_network_namespace() {
    let mut world = World::new();
    world.order("connect;connect");
    assert_eq!(world.candidates(), 0);
    world.order("move;connect;connect;connect");
    // Whoever may not enter the other namespace reads what its own files tell, and that is of the new one alone.
    let (of_before, all) = if nix::unistd::geteuid().is_root() { (0, 10) } else { (5, 10) };
    for _ in 0..3 {
        assert!(world.candidates() <= of_before);
        let held = world.table().iter().filter(|row| row.kind == Kind::Socket).count();
        assert!(held >= all, "{held} are held");
    }
    // What dies in the new one is seen all the same.
    let before = world.candidates();
    world.order("half 10");
    assert_eq!(world.candidates(), before + 1);
    world.order("close 0;close 0;close 0;close 0;close 0");
    assert_eq!(world.candidates(), 1);
    assert_eq!(world.memory.processes[&world.process.id()].former, None, "nothing is left of the old one");
}

#[test]
fn many_that_rest_are_not_asked_for_each_time_and_none_is_missed() {
    let mut world = World::new();
    world.order("move");
    world.order(&vec!["connect"; 150].join(";"));
    let builds = |world: &Memory| world.tables.builds();
    let rest = |world: &mut World| {
        // A namespace that nobody else is in: nothing stirs there.
        let seen: Vec<u32> = (0..6)
            .map(|_| {
                world.scan();
                builds(&world.memory)
            })
            .collect();
        assert!(seen.contains(&3) && seen.contains(&0), "{seen:?}");
    };
    rest(&mut world);
    for orders in [
        "half 1",
        "reset 9",
        "close 4;connect",
        "file",
        "close 20;close 20;connect;connect",
        "give 40;close 40",
        "tcp",
    ] {
        world.order(orders);
        world.scan();
        assert_eq!(world.table(), world.truth(), "{orders}");
        assert_eq!(world.states(), world.whole(), "{orders}");
        rest(&mut world);
        assert_eq!(world.states(), world.whole(), "{orders}");
    }
}

#[test]
fn more_dead_than_are_looked_at_in_one_scan_take_turns() {
    let mut world = World::new();
    let pairs = DEAD_MAX + 40;
    world.order(&vec!["connect"; pairs].join(";"));
    let halves: Vec<String> = (0..pairs).map(|pair| format!("half {}", 2 * pair + 1)).collect();
    let number = world.order(&halves.join(";"))[0];
    assert_eq!(world.dead().len(), pairs);
    world.scan();
    world.order("give 0;close 0;file");
    let scans = (0..2).find(|_| {
        let scan = world.scan();
        scan.aged.sockets.iter().all(|socket| socket.number != number)
    });
    assert!(scans.is_some(), "two turns are enough for so many");
    assert_eq!(world.table(), world.truth());
}

#[test]
fn an_old_table_is_not_built_on() {
    let mut world = World::new();
    world.order("connect;give 0");
    world.scan();
    world.order("close 0;file");
    let Memory { processes, tables, .. } = &mut world.memory;
    let kept = processes.get_mut(&world.process.id()).unwrap();
    let later = SystemClock.now() + MEMORY_MAX + Duration::from_secs(1);
    kept.list(&world.process, tables, later).unwrap();
    assert_eq!(world.table(), world.truth());
}

/// What is done before each of some scans; `sharing` to three are the orders that bring in another holder.
fn orders(sharing: u32) -> impl Strategy<Value = Vec<String>> {
    let own = prop_oneof![
        4 => Just("connect".to_owned()),
        2 => Just("file".to_owned()),
        1 => Just("pipe".to_owned()),
        1 => Just("tcp".to_owned()),
        6 => (0..50u32).prop_map(|i| format!("close {i}")),
        1 => (0..50u32).prop_map(|i| format!("half {i}")),
        1 => (0..50u32).prop_map(|i| format!("reset {i}")),
    ];
    let share = prop_oneof![
        2 => (0..50u32).prop_map(|i| format!("dup {i}")),
        1 => (0..50u32, 0..900u32).prop_map(|(i, j)| format!("high {i} {j}")),
        2 => (0..50u32, 0..50u32).prop_map(|(i, j)| format!("dup2 {i} {j}")),
        2 => (0..50u32).prop_map(|i| format!("give {i}")),
        1 => Just("fork".to_owned()),
    ];
    let order = prop_oneof![3 => own, sharing => share];
    prop::collection::vec(prop::collection::vec(order, 1..8).prop_map(|tick| tick.join(";")), 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn without_other_holders_each_scan_is_a_look_at_everything(history in orders(0)) {
        let mut world = World::new();
        for tick in &history {
            world.order(tick);
            let scan = world.scan();
            prop_assert_eq!(world.table(), world.truth());
            world.no_false_accusation(&scan);
        }
    }

    #[test]
    fn with_other_holders_nobody_is_accused_and_all_is_right_within_the_bound(history in orders(1)) {
        let mut world = World::new();
        for tick in &history {
            world.order(tick);
            let scan = world.scan();
            prop_assert_eq!(world.table().len(), world.truth().len());
            world.no_false_accusation(&scan);
        }
        for _ in 0..LISTING_PASSES_MAX {
            world.scan();
        }
        prop_assert_eq!(world.table(), world.truth());
    }
}
