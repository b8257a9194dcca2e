//! The agent looks after itself: its turns, its descriptors, its memory, the watchdog of systemd.

use std::time::Duration;

use crate::agent::status::AgentStatus;
use crate::model::clock::{Clock as _, Timestamp, WallTime};
use crate::sys::adopted::Adopted;
use crate::sys::clock::{SystemClock, process_cpu};
use crate::sys::notify::{Notice, Notifier};
use crate::sys::proc_root::ProcRoot;
use crate::sys::program::let_go_of_the_start;
use crate::sys::stat::Status;

/// The start has settled after so long: files are read, targets found, the first scans made.
const START: Duration = Duration::from_secs(10);
/// The worst lateness is told over so long.
const LATENESS_WINDOW: Duration = Duration::from_mins(1);

/// The agent itself.
#[derive(Debug)]
pub(super) struct Own {
    process: Option<Adopted>,
    notifier: Option<Notifier>,
    watchdog: Option<Duration>,
    since: WallTime,
    ticks: u64,
    ready_told: bool,
    ping_due: Timestamp,
    turn_due: Option<Timestamp>,
    lateness: Duration,
    lateness_since: Timestamp,
    /// When the start is over, and what it needed alone is given back.
    start_over: StartOver,
}

/// See [`Own`].
#[derive(Clone, Copy, Debug)]
enum StartOver {
    NotYet,
    At(Timestamp),
    Done,
}

impl Own {
    /// Looks at itself, and finds out whether systemd wants to hear from it.
    pub(super) fn new(root: &ProcRoot, notifier: Option<Notifier>, watchdog: Option<Duration>) -> Self {
        let own = Adopted::open(root, std::process::id()).ok();
        Self {
            process: own,
            notifier,
            watchdog,
            since: SystemClock.wall(),
            ticks: 0,
            ready_told: false,
            ping_due: Timestamp::ZERO,
            turn_due: None,
            lateness: Duration::ZERO,
            lateness_since: Timestamp::ZERO,
            start_over: StartOver::NotYet,
        }
    }

    /// Counts a tick.
    pub(super) fn ticked(&mut self) {
        self.ticks += 1;
    }

    /// One turn of the loop is done: ready is told after the first, the watchdog is fed at half its interval.
    pub(super) fn turn(&mut self, now: Timestamp) {
        if let Some(due) = self.turn_due.take() {
            if now.since(self.lateness_since) > LATENESS_WINDOW {
                self.lateness = Duration::ZERO;
                self.lateness_since = now;
            }
            self.lateness = self.lateness.max(now.since(due));
        }
        self.settle(now);
        let Some(notifier) = &self.notifier else { return };
        if !self.ready_told {
            self.ready_told = true;
            let _unheard = notifier.tell(Notice::Ready);
        }
        if let Some(interval) = self.watchdog
            && now >= self.ping_due
        {
            self.ping_due = now + interval / 2;
            let _unheard = notifier.tell(Notice::Watchdog);
        }
    }

    /// Gives back what the start needed alone.
    fn settle(&mut self, now: Timestamp) {
        match self.start_over {
            StartOver::NotYet => self.start_over = StartOver::At(now + START),
            StartOver::At(due) if now >= due => {
                self.start_over = StartOver::Done;
                if let Err(error) = let_go_of_the_start() {
                    tracing::debug!(%error, "what the start needed stays in memory");
                }
            }
            StartOver::At(_) | StartOver::Done => {}
        }
    }

    /// The loop goes to wait and means to be back then.
    pub(super) fn expect_turn(&mut self, due: Timestamp) {
        self.turn_due = Some(due);
    }

    /// Tells systemd that the end has begun.
    pub(super) fn stopping(&self) {
        if let Some(notifier) = &self.notifier {
            let _unheard = notifier.tell(Notice::Stopping);
        }
    }

    /// Whether so many more descriptors leave the reserve untouched. Where the agent can't count, it goes on.
    pub(super) fn has_room_for(&self, more: usize, reserve: u64) -> bool {
        let Some(own) = &self.process else { return true };
        match (own.count(), own.nofile()) {
            (Ok(open), Ok(limits)) => open + more as u64 + reserve <= limits.soft,
            (Err(_), _) | (_, Err(_)) => true,
        }
    }

    /// What the agent is and uses.
    pub(super) fn status(&self, dry_run: bool, history_lost: Option<String>) -> AgentStatus {
        AgentStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            since: self.since,
            dry_run,
            cpu: Duration::from_nanos(process_cpu()),
            rss: self.process.as_ref().and_then(|own| Status::read(own).ok()).map(|status| status.rss),
            descriptors: self.process.as_ref().and_then(|own| own.count().ok()),
            ticks: self.ticks,
            lateness_max: self.lateness,
            history_lost,
        }
    }
}
