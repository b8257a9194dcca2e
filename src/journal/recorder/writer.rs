//! The thread of the recorder: takes what is queued, writes it, keeps the file within its bounds.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::health::Health;
use super::pending::{Pending, Reach};
use super::{Control, History, Note, Sample, Shared, Tell, Written};
use crate::journal::retention;
use crate::journal::store::{Run, Store, StoreError, Trouble, move_aside};
use crate::model::clock::{Clock, WallTime};
use crate::model::event::{Event, Fact};

/// How long a sample may wait in an open block before the block is written.
const FLUSH_EVERY: Duration = Duration::from_secs(8);
/// How often the bounds of the file are looked at.
const TRIM_EVERY: Duration = Duration::from_secs(30);
/// Bytes written after which they are looked at sooner.
const TRIM_AFTER: usize = 128 * 1024;
/// Notes taken from the queue before they are written.
const NOTES_AT_ONCE: usize = 256;

/// The receiving ends of the queues.
pub(super) struct Intake {
    pub(super) notes: mpsc::Receiver<Note>,
    pub(super) samples: mpsc::Receiver<Sample>,
    pub(super) control: mpsc::Receiver<Control>,
}

/// Writes what is queued.
pub(super) struct Writer {
    history: History,
    clock: Arc<dyn Clock>,
    tell: Tell,
    shared: Arc<Shared>,
    store: Option<Store>,
    run: Run,
    health: Health,
    pending: Pending,
    /// What the file holds, so that the same memory is not written again.
    remembered: BTreeMap<String, String>,
    retry: Instant,
    flush: Instant,
    trim: Instant,
    written: usize,
}

/// What woke the thread.
enum Wake {
    Control(Control),
    Notes(Note),
    Sample(Sample),
    Time,
    AllGone,
}

impl Writer {
    pub(super) fn new(history: History, clock: Arc<dyn Clock>, tell: Tell, shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        Self {
            history,
            clock,
            tell,
            shared,
            store: None,
            run: Run::default(),
            health: Health::default(),
            pending: Pending::default(),
            remembered: BTreeMap::new(),
            retry: now,
            flush: now + FLUSH_EVERY,
            trim: now,
            written: 0,
        }
    }

    pub(super) async fn run(mut self, mut intake: Intake) {
        self.open().await;
        loop {
            let wake = self.wait(&mut intake).await;
            match wake {
                Wake::Control(Control::Flush(reply)) => {
                    self.take_all(&mut intake);
                    let written = self.write_all().await;
                    // Nobody listens any more where the deadline has passed.
                    reply.try_send(written).ok();
                }
                Wake::Control(Control::Close(reply)) => {
                    // From here on records are refused, and counted by the one who brings them.
                    intake.notes.close();
                    intake.samples.close();
                    self.take_all(&mut intake);
                    let written = self.close().await;
                    reply.try_send(written).ok();
                    return;
                }
                Wake::AllGone => {
                    self.take_all(&mut intake);
                    self.close().await;
                    return;
                }
                Wake::Notes(note) => {
                    self.note(note);
                    self.take_notes(&mut intake, NOTES_AT_ONCE);
                }
                Wake::Sample(sample) => self.sample(sample),
                Wake::Time => {}
            }
            self.upkeep().await;
        }
    }

    async fn wait(&self, intake: &mut Intake) -> Wake {
        tokio::select! {
            biased;
            asked = intake.control.recv() => asked.map_or(Wake::AllGone, Wake::Control),
            note = intake.notes.recv() => note.map_or(Wake::AllGone, Wake::Notes),
            sample = intake.samples.recv() => sample.map_or(Wake::AllGone, Wake::Sample),
            () = sleep_until(self.next()) => Wake::Time,
        }
    }

    /// When there is something to do though nothing comes.
    fn next(&self) -> Instant {
        match self.store {
            Some(_) => self.flush.min(self.trim),
            None => self.flush.min(self.retry),
        }
    }

    fn take_all(&mut self, intake: &mut Intake) {
        self.take_notes(intake, usize::MAX);
        while let Ok(sample) = intake.samples.try_recv() {
            self.sample(sample);
        }
    }

    fn take_notes(&mut self, intake: &mut Intake, most: usize) {
        for _ in 0..most {
            let Ok(note) = intake.notes.try_recv() else { break };
            self.note(note);
        }
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Event(event) => {
                let dropped = self.pending.event(*event);
                self.lose(dropped, "too many events wait for the file");
            }
            Note::Memory(target, json) => {
                if self.remembered.get(&target) != Some(&json) {
                    self.pending.remember(target.clone(), self.clock.wall(), json.clone());
                    self.remembered.insert(target, json);
                }
            }
        }
    }

    fn sample(&mut self, sample: Sample) {
        let dropped = self.pending.sample(sample);
        self.lose(dropped, "too many samples wait for the file");
    }

    /// Writes what presses, and the rest when it is due.
    async fn upkeep(&mut self) {
        let refused = self.shared.refused.swap(0, Ordering::Relaxed);
        let fact = self.health.dropped(refused, "more was recorded than could be queued");
        self.say(fact);
        let now = Instant::now();
        if self.store.is_none() && now >= self.retry {
            self.open().await;
        }
        if now >= self.flush {
            self.flush = now + FLUSH_EVERY;
            self.write(Reach::All).await;
        } else if self.pending.presses() {
            self.write(Reach::Pressing).await;
        }
        if now >= self.trim || self.written >= TRIM_AFTER {
            self.trim().await;
        }
    }

    async fn open(&mut self) {
        match Store::open(&self.history.place, self.clock.wall(), &mut self.run).await {
            Ok(opened) => {
                self.store = Some(opened.store);
                // Another file may stand there now.
                self.pending.begin_anew();
                if let Some(aside) = opened.moved_aside {
                    self.told_corrupt(&aside);
                }
            }
            Err(error) => self.failed(&error),
        }
    }

    async fn write(&mut self, reach: Reach) {
        let Some(store) = &mut self.store else { return };
        let batch = self.pending.batch(reach);
        if batch.is_empty() {
            return;
        }
        match store.write(&batch).await {
            Ok(()) => {
                self.written += batch.blocks.iter().map(|row| row.bytes.len()).sum::<usize>();
                self.written += batch.events.len() * 512;
                self.pending.wrote(reach);
                let fact = self.health.wrote();
                self.say(fact);
            }
            Err(error) => self.give_up(&error).await,
        }
    }

    async fn trim(&mut self) {
        self.trim = Instant::now() + TRIM_EVERY;
        self.written = 0;
        let wall = self.clock.wall();
        let Some(store) = &mut self.store else { return };
        if let Err(error) = retention::trim(store, self.history.keep, wall).await {
            self.give_up(&error).await;
        }
    }

    /// Closes the file, which failed, and sees to it that it is tried again.
    async fn give_up(&mut self, error: &StoreError) {
        if let Some(store) = self.store.take() {
            // What failed once may fail again on closing; nothing more is known by that.
            drop(store.close().await);
        }
        match error.trouble() {
            Trouble::Corrupt => self.set_aside(error),
            Trouble::Reopen => {
                let fact = self.health.failed(|| chain(error));
                self.say(fact);
                self.retry = Instant::now() + self.health.short_wait();
            }
            Trouble::Wait => self.failed(error),
        }
        self.remembered_again();
    }

    /// Only a file is said to be corrupt.
    fn set_aside(&mut self, error: &StoreError) {
        let Some(path) = self.history.place.file() else { return self.failed(error) };
        match move_aside(path, self.clock.wall()) {
            Ok(aside) => {
                self.told_corrupt(&aside);
                self.retry = Instant::now() + self.health.short_wait();
            }
            Err(error) => self.failed(&error),
        }
    }

    /// What the file remembered may be gone with it.
    fn remembered_again(&mut self) {
        let wall: WallTime = self.clock.wall();
        for (target, json) in &self.remembered {
            self.pending.remember(target.clone(), wall, json.clone());
        }
    }

    fn failed(&mut self, error: &StoreError) {
        let fact = self.health.failed(|| chain(error));
        self.say(fact);
        self.retry = Instant::now() + self.health.wait();
    }

    fn told_corrupt(&mut self, aside: &Path) {
        let why = || format!("the file was corrupt and is now {}", aside.display());
        let fact = self.health.failed(why);
        self.say(fact);
    }

    fn lose(&mut self, count: u64, why: &str) {
        self.shared.lost.fetch_add(count, Ordering::Relaxed);
        let fact = self.health.dropped(count, why);
        self.say(fact);
    }

    /// Tells a fact to whoever listens, and to the history.
    fn say(&mut self, fact: Option<Fact>) {
        let Some(fact) = fact else { return };
        let event =
            Event { at: self.clock.now(), wall: self.clock.wall(), target: None, process: None, fact };
        (self.tell)(&event);
        let dropped = self.pending.event(event);
        self.shared.lost.fetch_add(dropped, Ordering::Relaxed);
        // That the history is lost has just been said, or else nothing waits and nothing is dropped.
        let told = self.health.dropped(dropped, "too many events wait for the file");
        debug_assert!(told.is_none(), "{told:?}");
    }

    async fn write_all(&mut self) -> Written {
        self.upkeep().await;
        self.write(Reach::All).await;
        // That the history is back is itself still to be written.
        self.write(Reach::Pressing).await;
        match self.store {
            Some(_) => Written::All,
            None => Written::NotAll,
        }
    }

    async fn close(&mut self) -> Written {
        let written = self.write_all().await;
        match self.store.take() {
            Some(store) => match store.close().await {
                Ok(()) => written,
                Err(_) => Written::NotAll,
            },
            None => Written::NotAll,
        }
    }
}

/// An error with its sources.
fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
