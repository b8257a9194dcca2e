//! The control loop: observe, step, act, record. One thread owns all rule state.
//!
//! ```text
//!  messages ─► take in ─► look at what is due ─► engine steps ─► decisions go out ─► wait for the next look
//!     ▲   (scans, reports, questions)                                  │
//!     └───────────────── bell (eventfd), pidfds of the guarded ◄───────┘
//! ```
//!
//! It waits for nothing but its own bell, the ends of guarded processes and the time: whatever may block
//! runs elsewhere and posts what it found. The systemd watchdog is fed from here alone.

mod answer;
mod came;
mod carry;
mod census;
mod children;
mod keep;
mod reload;
mod tick;

use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use crate::actuator::{Actuator, Told};
use crate::agent::child::Hands;
use crate::agent::feed::Feed;
use crate::agent::fleet::{self, FleetDesk, News};
use crate::agent::herald::{About, Herald};
use crate::agent::mailbox::{Inbox, MESSAGES_MAX, Message};
use crate::agent::own::Own;
use crate::agent::pools::{Heard, Pools};
use crate::agent::seek::Seeker;
use crate::agent::settings::Settings;
use crate::agent::shortage::Shortages;
use crate::agent::start::Ends;
use crate::agent::target::Target;
use crate::journal::recorder::Recorder;
use crate::model::clock::{Clock as _, Timestamp};
use crate::model::event::Fact;
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::model::reading::Reading;
use crate::model::signal::Signal;
use crate::policy::leave::Leave;
use crate::proxy::Residents;
use crate::sampler::remotes::RemoteBook;
use crate::sampler::scanner::Scanner;
use crate::sys::clock::SystemClock;
use crate::sys::wake::Woken;

/// The loop turns at least so often, to have processes looked for and to feed the watchdog.
const TURN_MAX: Duration = Duration::from_secs(1);
/// While it waits, it glances at the counts so often: whatever threshold a storm crosses right out of the quiet, it is
/// noticed within this time. Half a microsecond each, while a look with its turn and step costs some thirty.
const GLANCE: Duration = Duration::from_millis(40);
/// A look that would be due so soon after a glance is done in its place: it is the waking that costs, most of all on a
/// machine that sleeps in between.
const SLACK: Duration = Duration::from_millis(20);
/// Messages taken in one turn, so that a flood of them delays no look for long.
const MESSAGES_PER_TURN: usize = 64;

/// What the loop is made of.
pub(super) struct Parts {
    pub(super) settings: Settings,
    pub(super) inbox: Inbox,
    pub(super) scanner: Scanner,
    pub(super) seeker: Seeker,
    pub(super) actuator: Actuator,
    pub(super) recorder: Option<Recorder>,
    pub(super) fleet: Option<FleetDesk>,
    pub(super) targets: Vec<Target>,
    pub(super) own: Own,
    pub(super) hands: Hands,
    pub(super) ends: Ends,
    pub(super) residents: Residents,
    pub(super) pools: Pools,
    pub(super) feed: Feed,
}

/// The loop.
pub(super) struct Control {
    settings: Settings,
    inbox: Inbox,
    scanner: Scanner,
    actuator: Option<Actuator>,
    recorder: Option<Recorder>,
    fleet: Option<FleetDesk>,
    herald: Herald<SystemClock>,
    targets: Vec<Target>,
    seeker: Seeker,
    book: Arc<RemoteBook>,
    host: Vec<(Signal, Reading<f64>)>,
    own: Own,
    hands: Hands,
    ends: Ends,
    residents: Residents,
    pools: Pools,
    shortages: Shortages,
    /// Processes that have ended while something was still under way on their target.
    departed: Vec<(Name, ProcessId)>,
    /// When to look at the keeper next.
    keeper_due: Timestamp,
    history_lost: Option<String>,
    child_code: Option<i32>,
    stopping: Option<String>,
}

impl Control {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            settings: parts.settings,
            inbox: parts.inbox,
            scanner: parts.scanner,
            actuator: Some(parts.actuator),
            herald: Herald::new(SystemClock, parts.recorder.clone(), parts.feed),
            recorder: parts.recorder,
            fleet: parts.fleet,
            targets: parts.targets,
            seeker: parts.seeker,
            book: Arc::new(RemoteBook::default()),
            host: Vec::new(),
            own: parts.own,
            hands: parts.hands,
            ends: parts.ends,
            residents: parts.residents,
            pools: parts.pools,
            shortages: Shortages::default(),
            departed: Vec::new(),
            keeper_due: Timestamp::ZERO,
            history_lost: None,
            child_code: None,
            stopping: None,
        }
    }

    /// Turns until it is told to stop; gives the exit code of the child of an `exec`, where there was one.
    pub(super) fn run(mut self) -> Option<i32> {
        let settings = self.settings.fingerprint.clone();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        self.herald.tell(About::default(), Fact::AgentStarted { version, settings });
        self.tell_unreadable();
        let mut ready = Vec::new();
        while self.stopping.is_none() {
            self.take_messages();
            self.see_to_keeper(SystemClock.now());
            self.census();
            let now = SystemClock.now();
            self.look_at_due(now);
            self.ask_fleet(now);
            self.forget_departed();
            self.remember();
            self.own.turn(SystemClock.now());
            let due = self.next_due(now);
            self.own.expect_turn(due);
            self.wait(due, &mut ready);
        }
        self.shut_down()
    }

    fn take_messages(&mut self) {
        for _ in 0..MESSAGES_PER_TURN {
            let Ok(message) = self.inbox.messages.try_recv() else { return };
            match message {
                Message::Scanned(scan) => self.take_scan(scan),
                Message::Sought(found) => self.take_found(&found),
                Message::Told(Told::Finished(finished)) => self.take_report(finished),
                Message::Told(Told::Fact { target, process, fact }) => {
                    self.herald.tell(About::process(&target, process), fact);
                }
                Message::Asked(envelope) => self.answer(envelope),
                Message::Book(book) => self.take_book(book),
                Message::Probed { probe, asked, reading } => self.take_probe(&probe, asked, reading),
                Message::Pool { name, asked, view } => self.take_pool(&name, asked, view),
                Message::Truth { name, upstream, asked, told } => {
                    self.pools.take_truth(name, upstream, Heard { asked, told });
                }
                Message::Commanded { command, by } => {
                    self.herald.tell(About::default(), Fact::Commanded { command, by });
                }
                Message::Reload(settings, asked) => self.reload(settings, asked),
                Message::Forward(signal) => self.forward(signal),
                Message::History(fact) => self.take_history(fact),
                Message::Fleet(news) => self.take_fleet(news),
                Message::Stop(why) => self.stopping = Some(why),
            }
        }
        // More is waiting: turn again at once.
        self.inbox.waker.wake();
    }

    /// The recorder tells itself what it lost; here only the state is kept, and the log told.
    fn take_history(&mut self, fact: Fact) {
        self.history_lost = match &fact {
            Fact::HistoryLost { why } => Some(why.clone()),
            _ => None,
        };
        self.herald.repeat(About::default(), fact);
    }

    /// What the engines want of the fleet goes out; nobody waits for it here.
    fn ask_fleet(&mut self, now: Timestamp) {
        let Some(desk) = &self.fleet else { return };
        self.targets.iter_mut().for_each(|target| desk.attend(target, now));
    }

    fn take_fleet(&mut self, news: News) {
        let (name, ticket, leave) = match news {
            News::Granted(name, ticket) => (name, ticket, Leave::Granted),
            News::Over(name, ticket) => (name, ticket, Leave::Missing),
            News::Told(fact) => return self.herald.tell(About::default(), fact),
        };
        if let Some(target) = self.targets.iter_mut().find(|target| *target.name() == name) {
            fleet::hear(target, ticket, leave);
        }
    }

    fn tell_unreadable(&mut self) {
        for target in self.targets.iter().filter(|target| target.memory_unreadable) {
            self.herald.tell(About::target(target.name()), super::start::unreadable());
        }
    }

    /// The time of the next look, seek or turn.
    fn next_due(&self, now: Timestamp) -> Timestamp {
        let looks =
            self.targets.iter().flat_map(|target| target.guarded.values()).map(|guarded| guarded.look_due);
        let starts = self.targets.iter().filter_map(|target| target.nursery.as_ref()?.start_due());
        looks.chain(starts).min().unwrap_or(now + TURN_MAX).min(now + TURN_MAX)
    }

    fn wait(&mut self, due: Timestamp, ready: &mut Vec<usize>) {
        let processes: Vec<(usize, ProcessId)> = self
            .targets
            .iter()
            .enumerate()
            .flat_map(|(place, target)| target.guarded.keys().map(move |id| (place, *id)))
            .collect();
        {
            let guarded = processes.iter().filter_map(|(place, id)| self.targets[*place].guarded.get(id));
            let guarded: Vec<_> = guarded.collect();
            let watched: Vec<_> = guarded.iter().map(|guarded| guarded.process.pidfd().as_fd()).collect();
            loop {
                let left = due.since(SystemClock.now());
                let woken = self.inbox.waker.wait(&watched, left.min(GLANCE), ready);
                let is_over = woken == Woken::Up || left <= GLANCE + SLACK;
                if is_over || guarded.iter().any(|guarded| guarded.eye.has_moved()) {
                    break;
                }
            }
        }
        for place in ready.drain(..) {
            if let Some((target, id)) = processes.get(place) {
                self.ended(*target, *id);
            }
        }
    }

    /// Takes in what is told until the actuator has ended: with a full box it could not. One that the kernel does not
    /// let go is given up; what it holds the keeper releases.
    fn hear_out(&mut self, actuator: &Actuator) {
        let mut unwatched = Vec::new();
        let until = SystemClock.now() + ACTIONS_END_WITHIN + GIVEN_UP_AFTER;
        while !actuator.has_ended() && SystemClock.now() < until {
            self.inbox.waker.wait(&[], HEARD_OUT_EVERY, &mut unwatched);
            self.take_messages();
        }
        // More than one turn's worth may lie there.
        for _ in 0..MESSAGES_MAX / MESSAGES_PER_TURN {
            self.take_messages();
        }
    }

    /// Lets nobody in any more and waits for what is at work, each proxy under its own deadline; the worker
    /// keeps them, and is given up where it does not.
    fn end_proxies(&mut self) {
        self.pools.begin_to_end();
        let mut unwatched = Vec::new();
        let until = SystemClock.now() + self.settings.fixed.longest_drain() + PROXIES_CLOSED_WITHIN;
        while !self.pools.have_ended() && SystemClock.now() < until {
            self.inbox.waker.wait(&[], HEARD_OUT_EVERY, &mut unwatched);
            self.take_messages();
            self.own.turn(SystemClock.now());
        }
    }

    /// Hands changed rule memory to the history: budgets and latches must survive whatever comes.
    fn remember(&mut self) {
        let Some(recorder) = &self.recorder else { return };
        for target in &mut self.targets {
            if target.memory_changed
                && let Some(memory) = target.changed_memory()
            {
                recorder.remember(&target.settings.name, memory);
            }
            target.memory_changed = false;
        }
    }

    /// Ends in order: nothing new, holds released (what stands still hears no TERM), children ended while their proxies
    /// still serve their last words, proxies drained, history flushed.
    fn shut_down(mut self) -> Option<i32> {
        let why = self.stopping.take().unwrap_or_default();
        self.own.stopping();
        self.herald.tell(About::default(), Fact::AgentStopping { why });
        let actuator = self.actuator.take();
        if let Some(actuator) = &actuator {
            actuator.begin_to_end(ACTIONS_END_WITHIN);
        }
        let code = self.end_children();
        self.end_proxies();
        if let Some(actuator) = actuator {
            self.hear_out(&actuator);
            if !actuator.has_ended() {
                tracing::error!("an action does not end and is given up");
                actuator.give_up();
            }
        }
        self.remember();
        if let Some(recorder) = &self.recorder {
            recorder.close(HISTORY_ENDS_WITHIN);
        }
        code
    }
}

/// Between two looks whether the actuator has told all: its last words need room in the box.
const HEARD_OUT_EVERY: Duration = Duration::from_millis(5);
/// How long actions under way may take at the end.
const ACTIONS_END_WITHIN: Duration = Duration::from_secs(3);
/// After that time, until an actuator that does not end is not waited for.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(5);
/// How long proxies may take to close what was not drained.
const PROXIES_CLOSED_WITHIN: Duration = Duration::from_secs(5);
/// How long the history may take at the end.
const HISTORY_ENDS_WITHIN: Duration = Duration::from_secs(3);
