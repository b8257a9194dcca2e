use super::*;
use crate::model::observation::REMOTES_MAX;
use crate::sampler::joined::RecordIndex;
use crate::sys::sock_diag::SocketRecord;

fn socket(number: u32, inode: u64) -> Descriptor {
    Descriptor { number, kind: Kind::Socket, inode: Some(inode), deleted: false }
}

fn record(inode: u32, state: TcpState, remote: &str, receive_queue: u32) -> SocketRecord {
    let (remote, cookie) = (remote.parse().unwrap(), Some(u64::from(inode)));
    SocketRecord { remote, cookie, receive_queue, ..SocketRecord::example(inode, state) }
}

struct World {
    trace: Trace,
    book: RemoteBook,
    watched: Vec<u64>,
    unknown: BTreeSet<u64>,
    /// When the epoll sets were read; at each tick where none is said.
    read: Option<Timestamp>,
}

impl World {
    fn new() -> Self {
        Self {
            trace: Trace::default(),
            book: RemoteBook::default(),
            watched: Vec::new(),
            unknown: BTreeSet::new(),
            read: None,
        }
    }

    fn at(&mut self, second: u64, table: &[Descriptor], sockets: &[SocketRecord]) -> Survey {
        let at = Timestamp::from_millis(second * 1_000);
        let mut index = RecordIndex::default();
        index.fill(sockets);
        let joined = Joined::new(table, sockets, &index);
        self.trace.survey(&Sight {
            at,
            table,
            sockets: Reading::Known(&joined),
            time_wait: Reading::Known(2.0),
            unknown_tcp: &self.unknown,
            watched: Reading::Known(Watch { inodes: &self.watched, read: self.read.unwrap_or(at) }),
            book: &self.book,
        })
    }
}

fn plain(survey: &Survey, signal: Signal) -> Reading<f64> {
    survey.plain.iter().find(|(row, _)| *row == signal).unwrap().1
}

#[test]
fn close_wait_ages_from_first_sight_and_forgets_when_it_ends() {
    let mut world = World::new();
    let table = [socket(7, 70)];
    let waiting = [record(70, TcpState::CloseWait, "10.0.0.1:443", 1)];
    world.at(100, &table, &[record(70, TcpState::Established, "10.0.0.1:443", 0)]);
    let first = world.at(101, &table, &waiting);
    assert_eq!(first.aged[0].age, Duration::ZERO);
    let later = world.at(161, &table, &waiting);
    assert_eq!(later.aged[0].age, Duration::from_mins(1));
    assert_eq!(later.leaked.known().unwrap().at_least(Duration::from_mins(1)), 1);
    assert_eq!(plain(&later, Signal::SocketUnreadEof), Reading::Known(1.0));
    assert_eq!(plain(&later, Signal::SocketUnwatched), Reading::Known(1.0));
    world.at(162, &[], &[]);
    let again = world.at(163, &table, &waiting);
    assert_eq!(again.aged[0].age, Duration::ZERO, "the inode was given out again");
}

#[test]
fn an_orphan_counts_only_after_a_while() {
    let mut world = World::new();
    world.unknown.insert(80);
    let table = [socket(8, 80)];
    assert_eq!(plain(&world.at(0, &table, &[]), Signal::SocketOrphans), Reading::Known(0.0));
    assert_eq!(plain(&world.at(4, &table, &[]), Signal::SocketOrphans), Reading::Known(0.0));
    let old = world.at(5, &table, &[]);
    assert_eq!(plain(&old, Signal::SocketOrphans), Reading::Known(1.0));
    assert_eq!(old.leaked.known().unwrap().total(), 1);
}

#[test]
fn a_socket_in_two_descriptors_counts_once() {
    let mut world = World::new();
    let survey =
        world.at(0, &[socket(3, 9), socket(4, 9)], &[record(9, TcpState::CloseWait, "1.2.3.4:5", 0)]);
    assert_eq!(survey.aged.iter().map(|socket| socket.number).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(plain(&survey, Signal::SocketCloseWait), Reading::Known(1.0));
}

#[test]
fn others_sockets_do_not_count() {
    let mut world = World::new();
    let survey = world.at(0, &[socket(3, 9)], &[record(77, TcpState::CloseWait, "1.2.3.4:5", 0)]);
    assert_eq!(plain(&survey, Signal::SocketCloseWait), Reading::Known(0.0));
    assert!(survey.remotes.known().unwrap().is_empty());
}

#[test]
fn churn_sees_a_number_that_changed_hands() {
    let mut world = World::new();
    assert_eq!(
        plain(&world.at(0, &[socket(3, 1)], &[]), Signal::FdChurn),
        Reading::Unavailable(Gap::TooYoung)
    );
    let survey = world.at(2, &[socket(3, 2), socket(4, 5)], &[]);
    assert_eq!(plain(&survey, Signal::FdOpened), Reading::Known(1.0));
    assert_eq!(plain(&survey, Signal::FdClosed), Reading::Known(0.5));
}

#[test]
fn declared_remotes_keep_their_name_and_their_place() {
    let mut world = World::new();
    let db = crate::model::name::Remote::parse("db:5432").unwrap();
    world.book.note(&db, ["10.0.0.9".parse().unwrap()]);
    let mut table = vec![socket(3, 1)];
    let mut sockets = vec![record(1, TcpState::Established, "10.0.0.9:5432", 0)];
    for i in 0..100_u32 {
        for j in 0..2 {
            let inode = 1_000 + i * 2 + j;
            table.push(socket(inode, u64::from(inode)));
            sockets.push(record(inode, TcpState::Established, &format!("10.1.0.{}:80", i + 1), 0));
        }
    }
    let survey = world.at(0, &table, &sockets);
    let remotes = survey.remotes.known().unwrap();
    assert_eq!(remotes.len(), REMOTES_MAX);
    assert_eq!(remotes[0].remote, db);
}

#[test]
fn without_socket_tables_nothing_reads_as_zero() {
    let mut trace = Trace::default();
    let (book, unknown) = (RemoteBook::default(), BTreeSet::new());
    let survey = trace.survey(&Sight {
        at: Timestamp::ZERO,
        table: &[socket(3, 1)],
        sockets: Reading::Unavailable(Gap::NotPermitted),
        time_wait: Reading::Known(2.0),
        unknown_tcp: &unknown,
        watched: Reading::Unavailable(Gap::NotPermitted),
        book: &book,
    });
    for signal in SOCKET_SIGNALS {
        assert_eq!(plain(&survey, signal), Reading::Unavailable(Gap::NotPermitted), "{signal}");
    }
    assert_eq!(survey.leaked, Reading::Unavailable(Gap::NotPermitted));
}

#[test]
fn who_died_after_the_epoll_sets_were_read_is_not_accused() {
    let mut world = World::new();
    world.read = Some(Timestamp::from_millis(100_000));
    world.watched = vec![9];
    let table = [socket(3, 8), socket(4, 9)];
    let waiting = [8, 9].map(|inode| record(inode, TcpState::CloseWait, "1.2.3.4:5", 0));
    let early = world.at(101, &table, &waiting);
    let watched = |survey: &Survey| survey.aged.iter().map(|socket| socket.watched).collect::<Vec<_>>();
    assert_eq!(watched(&early), [Watched::Unknown, Watched::Yes]);
    world.read = Some(Timestamp::from_millis(102_000));
    assert_eq!(watched(&world.at(102, &table, &waiting)), [Watched::No, Watched::Yes]);
}
