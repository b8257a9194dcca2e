//! The hand on running proxies, for the agent and for consoles.
//!
//! Nothing here waits: a question is posted to the thread that owns the pool, and its answer comes by a channel of its
//! own. At most [`VIEWS_MAX`] and [`COMMANDS_MAX`] are under way with each thread; one more is refused, so that a thread that does not
//! answer is a reading that is late and no growing queue, and no other thread is the harder to reach for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::model::name::Name;
use crate::proxy::command::{Command, Done};
use crate::proxy::view::View;

/// Questions of what there is, under way at once with one thread.
pub const VIEWS_MAX: usize = 64;
/// The same of what is to be done: who looks takes no place from who has something done.
pub const COMMANDS_MAX: usize = 64;

/// Why a question was not posted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unasked {
    /// There is no such proxy.
    #[error("no pool `{0}` here")]
    Unknown(Name),
    /// Too many are under way.
    #[error("the proxies do not answer")]
    Busy,
}

/// A client: which place it has, and which of those that had that place one after the other it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::proxy) struct Client {
    /// Its place.
    pub(in crate::proxy) place: u32,
    /// Its turn.
    pub(in crate::proxy) turn: u32,
}

/// A question to the thread that owns a pool.
#[derive(Debug)]
pub(in crate::proxy) enum Question {
    /// What there is.
    View(Reply<Box<View>>),
    /// To do this.
    Do(Command, Reply<Done>),
    /// To close one client.
    KillClient(Client, Reply<Done>),
}

/// Where an answer goes. Dropped unused, it says that there is none.
#[derive(Debug)]
pub(in crate::proxy) struct Reply<T> {
    to: oneshot::Sender<T>,
    _place: OwnedSemaphorePermit,
}

impl<T> Reply<T> {
    /// Answers. Whoever no longer waits misses nothing.
    pub(in crate::proxy) fn send(self, answer: T) {
        drop(self.to.send(answer));
    }
}

/// How the threads are reached.
pub(in crate::proxy) trait Line: Send + Sync + std::fmt::Debug {
    /// Posts a question about the pool at that place; never waits.
    fn ask(&self, place: u16, question: Question);
    /// Has all proxies end in order; never waits.
    fn end(&self);
}

/// Running proxies; cheap to clone.
#[derive(Clone, Debug)]
pub struct Proxies(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Which line a proxy is on, and its place there.
    rooms: BTreeMap<Name, (usize, u16)>,
    lines: Vec<Served>,
    ending: AtomicBool,
    /// Lines behind which there is still somebody.
    left: AtomicUsize,
}

/// A line, and the places of questions under way on it.
#[derive(Debug)]
struct Served {
    line: Box<dyn Line>,
    views: Arc<Semaphore>,
    commands: Arc<Semaphore>,
}

/// Which places a question takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Views,
    Commands,
}

/// Proxies on one line, in the order of their places there.
pub(in crate::proxy) type Group = (Vec<Name>, Box<dyn Line>);

impl Proxies {
    /// Those of these groups.
    pub(in crate::proxy) fn new(groups: impl IntoIterator<Item = Group>) -> Self {
        let (mut rooms, mut lines) = (BTreeMap::new(), Vec::new());
        for (names, line) in groups {
            rooms.extend(names.into_iter().zip((0..).map(|place| (lines.len(), place))));
            let places = |most| Arc::new(Semaphore::new(most));
            lines.push(Served { line, views: places(VIEWS_MAX), commands: places(COMMANDS_MAX) });
        }
        let (ending, left) = (AtomicBool::new(false), AtomicUsize::new(lines.len()));
        Self(Arc::new(Inner { rooms, lines, ending, left }))
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.0.rooms.keys()
    }

    /// Asks what there is.
    pub fn view(&self, pool: &Name) -> Result<oneshot::Receiver<Box<View>>, Unasked> {
        self.ask((pool, Of::Views), Question::View)
    }

    /// Has something done.
    pub fn tell(&self, pool: &Name, command: Command) -> Result<oneshot::Receiver<Done>, Unasked> {
        self.ask((pool, Of::Commands), |reply| Question::Do(command, reply))
    }

    /// Has one client closed, if it is still there.
    pub(in crate::proxy) fn kill_client(
        &self,
        pool: &Name,
        client: Client,
    ) -> Result<oneshot::Receiver<Done>, Unasked> {
        self.ask((pool, Of::Commands), |reply| Question::KillClient(client, reply))
    }

    /// Begins to end: nobody is let in any more, those that are there are drained under the deadline of their proxy,
    /// and closed after it.
    pub fn begin_to_end(&self) {
        if !self.0.ending.swap(true, Ordering::AcqRel) {
            self.0.lines.iter().for_each(|served| served.line.end());
        }
    }

    /// Whether the end was asked for.
    pub fn is_ending(&self) -> bool {
        self.0.ending.load(Ordering::Acquire)
    }

    /// Whether nothing is left of them.
    pub fn has_ended(&self) -> bool {
        self.0.left.load(Ordering::Acquire) == 0
    }

    /// Notes, when it is dropped, that nothing is left of those of one line: also where their thread has panicked.
    /// One for each line.
    pub(in crate::proxy) fn end_note(&self) -> EndNote {
        EndNote(self.clone())
    }

    fn ask<T>(
        &self,
        (pool, of): (&Name, Of),
        question: impl FnOnce(Reply<T>) -> Question,
    ) -> Result<oneshot::Receiver<T>, Unasked> {
        let (line, room) = self.0.rooms.get(pool).ok_or_else(|| Unasked::Unknown(pool.clone()))?;
        let served = &self.0.lines[*line];
        let places = match of {
            Of::Views => &served.views,
            Of::Commands => &served.commands,
        };
        let place = Arc::clone(places).try_acquire_owned().map_err(|_| Unasked::Busy)?;
        let (to, answer) = oneshot::channel();
        served.line.ask(*room, question(Reply { to, _place: place }));
        Ok(answer)
    }
}

/// See [`Proxies::end_note`].
#[derive(Debug)]
pub(in crate::proxy) struct EndNote(Proxies);

impl Drop for EndNote {
    fn drop(&mut self) {
        self.0.0.left.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Keeps questions, or answers none.
    #[derive(Debug, Default)]
    struct Deaf(Mutex<Vec<(u16, Question)>>);

    impl Line for Arc<Deaf> {
        fn ask(&self, place: u16, question: Question) {
            self.0.lock().unwrap().push((place, question));
        }

        fn end(&self) {}
    }

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn a_thread_that_does_not_answer_is_asked_so_often_and_no_oftener() {
        let line = Arc::new(Deaf::default());
        let other = Arc::new(Deaf::default());
        let groups: [Group; 2] = [
            (vec![name("x"), name("y")], Box::new(Arc::clone(&other))),
            (vec![name("a"), name("b")], Box::new(Arc::clone(&line))),
        ];
        let proxies = Proxies::new(groups);
        assert_eq!(proxies.view(&name("c")).unwrap_err(), Unasked::Unknown(name("c")));
        let waiting: Vec<_> = (0..VIEWS_MAX).map(|_| proxies.view(&name("b")).unwrap()).collect();
        assert_eq!(proxies.view(&name("a")).unwrap_err(), Unasked::Busy);
        let (place, question) = line.0.lock().unwrap().pop().unwrap();
        assert_eq!(place, 1);
        assert!(other.0.lock().unwrap().is_empty(), "each is asked on its own line");
        // What is not answered is seen as such, and its place is free again.
        drop(question);
        let mut waiting = waiting;
        assert!(waiting.pop().unwrap().try_recv().is_err());
        assert!(proxies.tell(&name("a"), Command::Pause).is_ok());
    }

    #[test]
    fn they_have_ended_when_nothing_is_left_behind_any_line() {
        let group = |text| -> Group { (vec![name(text)], Box::new(Arc::new(Deaf::default()))) };
        let proxies = Proxies::new([group("a"), group("b")]);
        let (first, second) = (proxies.end_note(), proxies.end_note());
        drop(first);
        assert!(!proxies.has_ended());
        drop(second);
        assert!(proxies.has_ended());
    }
}
