//! The hand that the rest of the agent writes with. It never waits.
//!
//! Events, samples and memory go through bounded queues to a thread of their own. Where a queue is full, the
//! record is counted as lost; that the history is lost, and how much was when it is back, are events
//! themselves, both in the history and to whoever listens.

mod health;
mod pending;
mod writer;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::journal::place::Place;
use crate::journal::retention::Keep;
use crate::model::clock::Clock;
use crate::model::event::Event;
use crate::model::name::Name;
use crate::model::observation::Observation;
use crate::model::process::ProcessId;

/// Events and memory waiting to be written.
pub const EVENTS_QUEUED_MAX: usize = 1_024;
/// Samples waiting to be put into blocks.
pub const SAMPLES_QUEUED_MAX: usize = 512;

/// Where the history is and how much of it is kept.
#[derive(Clone, Debug)]
pub struct History {
    /// Where.
    pub place: Place,
    /// The bounds.
    pub keep: Keep,
}

/// Hears of what the recorder has to say itself: [`crate::model::event::Fact::HistoryLost`] and
/// [`crate::model::event::Fact::HistoryBack`].
pub type Tell = Box<dyn Fn(&Event) + Send>;

/// Writes the history. Cheap to clone; the last clone dropped closes the history.
#[derive(Clone, Debug)]
pub struct Recorder {
    shared: Arc<Shared>,
    notes: mpsc::Sender<Note>,
    samples: mpsc::Sender<Sample>,
    control: mpsc::Sender<Control>,
}

/// What all clones and the thread know together.
#[derive(Debug, Default)]
struct Shared {
    /// Records refused since the thread last looked.
    refused: AtomicU64,
    /// Records lost since the start.
    lost: AtomicU64,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Shared {
    fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.lost.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
enum Note {
    Event(Box<Event>),
    Memory(String, String),
}

#[derive(Debug)]
struct Sample {
    target: Name,
    process: ProcessId,
    seen: Box<Observation>,
}

#[derive(Debug)]
enum Control {
    Flush(blocking::SyncSender<Written>),
    Close(blocking::SyncSender<Written>),
}

/// Whether all that was recorded is in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    /// It is.
    All,
    /// It is not: the store is lost, or the deadline passed.
    NotAll,
}

impl Recorder {
    /// Starts the thread. Fails only where no thread can be had; a history that can't be opened is told and
    /// tried again.
    pub fn start(history: History, clock: Arc<dyn Clock>, tell: Tell) -> io::Result<Self> {
        let (notes, notes_in) = mpsc::channel(EVENTS_QUEUED_MAX);
        let (samples, samples_in) = mpsc::channel(SAMPLES_QUEUED_MAX);
        let (control, control_in) = mpsc::channel(4);
        let shared = Arc::new(Shared::default());
        let intake = writer::Intake { notes: notes_in, samples: samples_in, control: control_in };
        let known = Arc::clone(&shared);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new()
            .name("fdg-journal".to_owned())
            .stack_size(512 * 1024)
            .spawn(move || runtime.block_on(writer::Writer::new(history, clock, tell, known).run(intake)))?;
        *shared.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(Self { shared, notes, samples, control })
    }

    /// Records an event. It is in the file within a second.
    pub fn event(&self, event: Event) {
        if self.notes.try_send(Note::Event(Box::new(event))).is_err() {
            self.shared.refuse();
        }
    }

    /// Records a sample. It is in the file within ten seconds.
    pub fn sample(&self, target: &Name, process: ProcessId, seen: &Observation) {
        let sample = Sample { target: target.clone(), process, seen: Box::new(seen.clone()) };
        if self.samples.try_send(sample).is_err() {
            self.shared.refuse();
        }
    }

    /// Keeps what a target's rules remember over a restart, in place of what was kept before. Written at once,
    /// and flushed to the disk; the same text again costs nothing.
    pub fn remember(&self, target: &Name, json: String) {
        if self.notes.try_send(Note::Memory(target.to_string(), json)).is_err() {
            self.shared.refuse();
        }
    }

    /// How many records were lost since the start.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Writes all that was recorded so far, and waits for it at most so long.
    pub fn flush(&self, within: Duration) -> Written {
        self.ask(Control::Flush, within)
    }

    /// Writes all that was recorded, closes the file and ends the thread; waits for it at most so long. What is
    /// recorded afterwards is lost.
    pub fn close(&self, within: Duration) -> Written {
        let written = self.ask(Control::Close, within);
        let thread = self.shared.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.is_finished()
        {
            // A panic of the thread has been printed; there is nothing left to do about it.
            drop(thread.join());
        }
        written
    }

    fn ask(&self, question: fn(blocking::SyncSender<Written>) -> Control, within: Duration) -> Written {
        let (reply, answer) = blocking::sync_channel(1);
        if self.control.try_send(question(reply)).is_err() {
            return Written::NotAll;
        }
        answer.recv_timeout(within).unwrap_or(Written::NotAll)
    }
}

#[cfg(test)]
mod tests;
