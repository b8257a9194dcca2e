//! Tellers and upsets side by side, and what must be true when all are done.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};

use fdguard::agent::status::PoolStatus;
use fdguard::model::reading::Reading;

use super::ledger::{self, Notes};
use super::talk::Faults;
use super::teller::Teller;
use crate::support::look::Look;
use crate::support::proxy::Proxy;
use crate::support::server::Server;
use crate::support::wait::{PATIENCE, wait_for, wait_to_see, wait_until};

/// More than any pool here has connections.
const TELLERS: u64 = 8;

/// Fewer moves than this try nothing.
const LOAD: usize = 80;

/// Something that comes to an end, and can be waited for.
#[derive(Debug, Default)]
pub(super) struct Curtain {
    down: Mutex<bool>,
    fell: Condvar,
}

impl Curtain {
    pub(super) fn is_down(&self) -> bool {
        *self.down.lock().unwrap()
    }

    /// Waits for the end, but not longer than this; whether it has come.
    pub(super) fn wait(&self, span: Duration) -> bool {
        *self.fell.wait_timeout_while(self.down.lock().unwrap(), span, |down| !*down).unwrap().0
    }

    fn fall(&self) {
        *self.down.lock().unwrap() = true;
        self.fell.notify_all();
    }
}

/// What breaks something again and again, until the scene's time is up; gives how often it did.
pub(super) type Upset<'u> = &'u (dyn Fn(&Scene<'_>) -> usize + Sync);

/// A proxy and its server under load.
#[derive(Debug)]
pub(super) struct Scene<'p> {
    pub(super) proxy: &'p Proxy,
    pub(super) server: &'p Server,
    /// Time for upsets.
    pub(super) time_up: Curtain,
    /// The last upset has been mended.
    pub(super) upsets_over: Curtain,
    pub(super) faults: Faults,
    /// Moves that were left open: they must never be found.
    pub(super) left: Mutex<BTreeSet<u64>>,
    commits: AtomicUsize,
    deadline: OnceLock<Instant>,
}

impl<'p> Scene<'p> {
    pub(super) fn new(proxy: &'p Proxy, server: &'p Server) -> Self {
        Self {
            proxy,
            server,
            time_up: Curtain::default(),
            upsets_over: Curtain::default(),
            faults: Faults::default(),
            left: Mutex::default(),
            commits: AtomicUsize::new(0),
            deadline: OnceLock::new(),
        }
    }

    pub(super) fn count_commit(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn commits(&self) -> usize {
        self.commits.load(Ordering::Relaxed)
    }

    /// Whether tellers that are not yet served again have waited too long since the last upset.
    pub(super) fn is_late(&self) -> bool {
        self.deadline.get().is_some_and(|deadline| Instant::now() >= *deadline)
    }

    /// Has tellers work for so long while these upsets go on, and looks at what came of it.
    pub(super) fn play(&self, span: Duration, upsets: &[Upset<'_>]) {
        ledger::open(&mut self.server.open(&self.proxy.database));
        self.proxy.serves();
        let before = self.own_descriptors();
        let notes = self.run(span, upsets);
        self.faults.assert_none();
        let mut wire = self.server.open(&self.proxy.database);
        ledger::audit(&mut wire, &notes, &self.left.lock().unwrap());
        drop(wire);
        self.assert_rests();
        self.proxy.serves();
        wait_until("no more descriptors than before", || self.own_descriptors() <= before);
        eprintln!("{} moves, {} committed", notes.len(), self.commits());
        assert!(self.commits() > LOAD, "that was no load");
    }

    fn run(&self, span: Duration, upsets: &[Upset<'_>]) -> Notes {
        std::thread::scope(|scope| {
            let tellers = (1..=TELLERS).map(|number| {
                let teller = Teller::new(self, number);
                scope.spawn(move || teller.work())
            });
            let tellers: Vec<_> = tellers.collect();
            let upsets: Vec<_> = upsets.iter().map(|upset| scope.spawn(move || upset(self))).collect();
            self.time_up.wait(span);
            self.wait_for_load();
            self.time_up.fall();
            let struck: Vec<_> = upsets.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
            let _once = self.deadline.set(Instant::now() + PATIENCE);
            self.upsets_over.fall();
            let notes = tellers.into_iter().flat_map(|teller| teller.join().unwrap()).collect();
            let struck: Vec<_> = struck.into_iter().map(Result::unwrap).collect();
            assert!(!struck.contains(&0), "an upset that upset nothing: {struck:?}");
            eprintln!("upset {struck:?} times");
            notes
        })
    }

    /// A slow machine gets more time, so that what is looked at came of work.
    fn wait_for_load(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.commits() <= LOAD && Instant::now() < deadline {
            self.time_up.wait(Duration::from_millis(100));
        }
    }

    /// The pool's figures are the server's, and nobody is left over.
    fn assert_rests(&self) {
        let mut look = Look::at(self.server, &self.proxy.database);
        wait_to_see("the pool and the server tell the same, and nobody waits", PATIENCE, || {
            let pool = self.proxy.pool();
            let told: BTreeSet<u32> = pool.servers.iter().filter_map(|server| server.backend).collect();
            let is = |name: &str, count: usize| pool.signals.get(name) == Some(&Reading::Known(count as f64));
            let nobody = ["pool[].clients", "pool[].waiting", "pool[].active"].iter().all(|name| is(name, 0));
            let rests = nobody && pool.clients.is_empty() && is("pool[].idle", told.len());
            let backends = look.backends();
            if rests && told == backends { Ok(()) } else { Err(format!("{backends:?} {pool:#?}")) }
        });
    }

    /// Descriptors of the agent that are no connections to the server.
    fn own_descriptors(&self) -> usize {
        let mut look = Look::at(self.server, &self.proxy.database);
        wait_for("the pool stands still", || {
            let told = |pool: &PoolStatus| pool.servers.iter().filter_map(|server| server.backend).collect();
            let pool: BTreeSet<u32> = told(&self.proxy.pool());
            let count = self.proxy.descriptors();
            (pool == look.backends()).then(|| count - pool.len())
        })
    }
}
