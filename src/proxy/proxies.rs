//! The hand on running proxies, for the agent and for consoles.
//!
//! Nothing here waits: a question is posted to the thread that owns the pool, and its answer comes by a channel of its
//! own. At most [`QUESTIONS_MAX`] are under way; one more is refused, so that a thread that does not answer is a
//! reading that is late and no growing queue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::model::name::Name;
use crate::proxy::command::{Command, Done};
use crate::proxy::view::View;

/// Questions under way at once, over all proxies.
pub const QUESTIONS_MAX: usize = 64;

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

/// A question to the thread that owns a pool.
#[derive(Debug)]
pub(in crate::proxy) enum Question {
    /// What there is.
    View(Reply<Box<View>>),
    /// To do this.
    Do(Command, Reply<Done>),
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
    rooms: BTreeMap<Name, u16>,
    line: Box<dyn Line>,
    places: Arc<Semaphore>,
    ending: AtomicBool,
    ended: AtomicBool,
}

impl Proxies {
    /// Those of these names, in the order of their places.
    pub(in crate::proxy) fn new(names: impl IntoIterator<Item = Name>, line: Box<dyn Line>) -> Self {
        let rooms = names.into_iter().zip(0..).collect();
        let places = Arc::new(Semaphore::new(QUESTIONS_MAX));
        let (ending, ended) = (AtomicBool::new(false), AtomicBool::new(false));
        Self(Arc::new(Inner { rooms, line, places, ending, ended }))
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.0.rooms.keys()
    }

    /// Asks what there is.
    pub fn view(&self, pool: &Name) -> Result<oneshot::Receiver<Box<View>>, Unasked> {
        self.ask(pool, Question::View)
    }

    /// Has something done.
    pub fn tell(&self, pool: &Name, command: Command) -> Result<oneshot::Receiver<Done>, Unasked> {
        self.ask(pool, |reply| Question::Do(command, reply))
    }

    /// Begins to end: nobody is let in any more, those that are there are drained under the deadline of their proxy,
    /// and closed after it.
    pub fn begin_to_end(&self) {
        if !self.0.ending.swap(true, Ordering::AcqRel) {
            self.0.line.end();
        }
    }

    /// Whether the end was asked for.
    pub fn is_ending(&self) -> bool {
        self.0.ending.load(Ordering::Acquire)
    }

    /// Whether nothing is left of them.
    pub fn has_ended(&self) -> bool {
        self.0.ended.load(Ordering::Acquire)
    }

    /// Notes, when it is dropped, that nothing is left of them: also where their thread has panicked.
    pub(in crate::proxy) fn end_note(&self) -> EndNote {
        EndNote(self.clone())
    }

    fn ask<T>(
        &self,
        pool: &Name,
        question: impl FnOnce(Reply<T>) -> Question,
    ) -> Result<oneshot::Receiver<T>, Unasked> {
        let room = self.0.rooms.get(pool).ok_or_else(|| Unasked::Unknown(pool.clone()))?;
        let place = Arc::clone(&self.0.places).try_acquire_owned().map_err(|_| Unasked::Busy)?;
        let (to, answer) = oneshot::channel();
        self.0.line.ask(*room, question(Reply { to, _place: place }));
        Ok(answer)
    }
}

/// See [`Proxies::end_note`].
#[derive(Debug)]
pub(in crate::proxy) struct EndNote(Proxies);

impl Drop for EndNote {
    fn drop(&mut self) {
        self.0.0.ended.store(true, Ordering::Release);
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
        let proxies = Proxies::new([name("a"), name("b")], Box::new(Arc::clone(&line)));
        assert_eq!(proxies.view(&name("c")).unwrap_err(), Unasked::Unknown(name("c")));
        let waiting: Vec<_> = (0..QUESTIONS_MAX).map(|_| proxies.view(&name("b")).unwrap()).collect();
        assert_eq!(proxies.tell(&name("a"), Command::Pause).unwrap_err(), Unasked::Busy);
        let (place, question) = line.0.lock().unwrap().pop().unwrap();
        assert_eq!(place, 1);
        // What is not answered is seen as such, and its place is free again.
        drop(question);
        let mut waiting = waiting;
        assert!(waiting.pop().unwrap().try_recv().is_err());
        assert!(proxies.tell(&name("a"), Command::Pause).is_ok());
    }
}
