//! The child of a target: started, started again, ended, and never orphaned.
//!
//! ```text
//!  due ──start──► running ──ends──► policy says restart, or `restart` does ──► due after a pause
//!   ▲                │                        └ no ──► done
//!   │                └──end (TERM, grace, KILL)──► done
//!   └─ a person's `start` ────────────────────────┘
//! ```
//!
//! The pause doubles with each restart and falls back after a long life. Restarts are bounded by a quota: beyond
//! it the child stays down and a person is told, who can have it started. A process of ours that outlives the agent, the keeper, ends
//! the child's whole group should the agent be killed.

use std::collections::VecDeque;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use crate::actuator::SharedKeeper;
use crate::config::{Child, Restart, RestartWhen};
use crate::model::action::Then;
use crate::model::chain::chain;
use crate::model::clock::Timestamp;
use crate::model::name::Name;
use crate::sys::adopted::{AdoptError, Adopted};
use crate::sys::cgroup::{ChildGroup, Delegated};
use crate::sys::keeper::{Keeper, KeeperError, UndoId};
use crate::sys::limits::NoFile;
use crate::sys::pidfd::Signal;
use crate::sys::proc_root::ProcRoot;
use crate::sys::spawn::{Launched, Spawner};
use crate::sys::terminal::{self, Foreground};

mod ending;
mod launching;

pub(super) use ending::{Ending, asks_to_end, end_all};

use ending::exit_code;
use launching::{launch, shell_code};

/// Time between TERM and KILL where the agent dies under a running child.
const ORPHAN_GRACE: Duration = Duration::from_secs(10);
/// After so long a life the pause falls back to its first length.
const LONG_LIFE: Duration = Duration::from_mins(10);
/// How long the end of a killed child may take to be seen.
const KILL_SEEN_WITHIN: Duration = Duration::from_secs(5);

/// Starts and ends one child.
#[derive(Debug)]
pub(super) struct Nursery {
    name: Name,
    child: Child,
    restart: Restart,
    running: Option<Running>,
    /// Of the life before: whoever of its group still runs.
    rest: Option<Running>,
    state: State,
    /// When it was started again.
    starts: VecDeque<Timestamp>,
    pause: Duration,
    count: u32,
    wanted: Option<Then>,
    /// The code of one that ends of a signal that was passed on.
    ends_of: Option<i32>,
    /// The code it ended with last, or the one a shell gives where it could not be started.
    code: Option<i32>,
}

/// What a start came to.
#[derive(Debug)]
pub(super) enum Started {
    /// It runs.
    Guarded(Arc<Adopted>),
    /// It had ended before it could be guarded; with its exit code.
    Over(Option<i32>),
}

/// Whether a child gets the foreground of the terminal, where the agent has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Terminal {
    /// It does: keys and Ctrl-C are its own.
    Handed,
    /// It does not.
    Kept,
}

/// What starting takes.
#[derive(Clone, Debug)]
pub(super) struct Hands {
    /// The one thread that forks.
    pub(super) spawner: Arc<Spawner>,
    /// Who ends the child should the agent be killed.
    pub(super) keeper: SharedKeeper,
    /// The limits on descriptors that the agent was started with, before it raised its own.
    pub(super) nofile: Option<NoFile>,
    /// The agent's control group, where it may divide it.
    pub(super) delegated: Option<Delegated>,
}

#[derive(Debug)]
struct Running {
    launched: Launched,
    kept: UndoId,
    since: Timestamp,
    /// Gives the terminal back to us when dropped.
    foreground: Option<Foreground>,
    /// Whether it was given the terminal when it was started.
    on_terminal: bool,
    /// Its control group, removed with it.
    _group: Option<ChildGroup>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Due(Timestamp),
    /// A person wants it started.
    Asked(Timestamp),
    Running,
    Done,
}

/// Whether a signal met a child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Forwarded {
    /// It was sent.
    Sent,
    /// No child runs now.
    Nobody,
}

impl Nursery {
    /// A child to be started at once.
    pub(super) fn new(name: Name, child: Child, restart: Restart) -> Self {
        Self {
            name,
            child,
            restart,
            running: None,
            rest: None,
            state: State::Due(Timestamp::ZERO),
            starts: VecDeque::new(),
            pause: restart.backoff,
            count: 0,
            wanted: None,
            ends_of: None,
            code: None,
        }
    }

    /// When it is to be started; none while it runs or where it stays down.
    pub(super) fn start_due(&self) -> Option<Timestamp> {
        match self.state {
            State::Due(at) | State::Asked(at) => Some(at),
            State::Running | State::Done => None,
        }
    }

    /// How often it was started again.
    pub(super) fn restarts(&self) -> u32 {
        self.count.saturating_sub(1)
    }

    /// Whether it has ended for good.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The code it ended with last, or the one a shell gives where it could not be started.
    pub(super) fn code(&self) -> Option<i32> {
        self.code
    }

    /// A person wants it started now: what it has used up of its restarts is forgotten. Where it runs its number is given.
    pub(super) fn start_anew(&mut self, now: Timestamp) -> Result<(), i32> {
        if let Some(running) = &self.running {
            return Err(running.launched.process.pid());
        }
        self.starts.clear();
        self.pause = self.restart.backoff;
        self.state = State::Asked(now);
        Ok(())
    }

    /// Nobody starts it any more.
    pub(super) fn give_up(&mut self) {
        self.state = State::Done;
    }

    /// Why it could not be started again now, where its quota is spent.
    pub(super) fn spent(&self, now: Timestamp) -> Option<String> {
        let lately = self.starts.iter().filter(|start| now.since(**start) < self.restart.max.per).count();
        (lately >= self.restart.max.count as usize).then(|| self.quota_spent())
    }

    fn quota_spent(&self) -> String {
        format!("its quota of restarts is spent, {} (`restart.max`)", self.restart.max)
    }

    /// Starts it. A start that fails is tried again after the pause, within the quota; without a keeper nothing
    /// is started, for then it could be orphaned.
    pub(super) fn start(
        &mut self,
        now: Timestamp,
        hands: &Hands,
        terminal: Terminal,
    ) -> Result<Started, String> {
        self.starts.retain(|start| now.since(*start) < self.restart.max.per);
        let is_restart = self.count > 0 && !matches!(self.state, State::Asked(_));
        if is_restart && self.starts.len() >= self.restart.max.count as usize {
            self.state = State::Done;
            return Err(self.quota_spent());
        }
        self.end_rest(hands);
        if is_restart {
            self.starts.push_back(now);
        }
        self.count += 1;
        self.state = State::Due(now + self.pause);
        let group = self.group(hands);
        let launched = hands.spawner.launch(launch(&self.child, hands, group.as_ref())).map_err(|error| {
            self.code = Some(shell_code(&error));
            chain(&error)
        })?;
        let kept = launched.end_with_agent(&mut lock(&hands.keeper), ORPHAN_GRACE);
        let pid = launched.process.pid();
        let adopted = Adopted::open(&ProcRoot::new("/proc"), u32::try_from(pid).unwrap_or_default());
        match (kept, adopted) {
            (Ok(kept), Ok(adopted)) => {
                let foreground = match terminal {
                    Terminal::Handed => Foreground::hand_to(pid),
                    Terminal::Kept => None,
                };
                if group.as_ref().is_some_and(|group| !group.holds(&adopted)) {
                    tracing::warn!(bot = %self.name, "the child could not be put into a control group of its own");
                }
                let on_terminal = foreground.is_some();
                self.running =
                    Some(Running { launched, kept, since: now, foreground, on_terminal, _group: group });
                self.state = State::Running;
                Ok(Started::Guarded(Arc::new(adopted)))
            }
            (Ok(kept), Err(AdoptError::Gone { .. })) => {
                self.running = Some(Running {
                    launched,
                    kept,
                    since: now,
                    foreground: None,
                    on_terminal: false,
                    _group: group,
                });
                self.state = State::Running;
                Ok(Started::Over(self.ended(now, hands)))
            }
            (kept, adopted) => {
                // It is ours and unguarded: it may not stay.
                let _ended = launched.process.signal(Signal::KILL);
                let _reaped = launched.process.wait_exit(KILL_SEEN_WITHIN).map(|_| launched.process.reap());
                let why = kept.err().map(|error| chain(&error)).or(adopted.err().map(|error| chain(&error)));
                Err(why.unwrap_or_default())
            }
        }
    }

    /// A control group of its own, where the agent's may be divided.
    fn group(&self, hands: &Hands) -> Option<ChildGroup> {
        let made = hands.delegated.as_ref()?.for_child(self.name.as_str());
        made.inspect_err(|error| {
            tracing::warn!(bot = %self.name, error = chain(error), "no control group for the child");
        })
        .ok()
    }

    /// Puts what runs into the care of another keeper.
    pub(super) fn entrust(&mut self, keeper: &mut Keeper) -> Result<(), KeeperError> {
        for running in self.running.iter_mut().chain(&mut self.rest) {
            running.kept = running.launched.end_with_agent(keeper, ORPHAN_GRACE)?;
        }
        Ok(())
    }

    /// Ends what is left of the life before: two of one bot must not trade side by side.
    fn end_rest(&mut self, hands: &Hands) {
        let Some(rest) = self.rest.take() else { return };
        // Mostly nobody is left.
        let _nobody = rest.launched.process.signal_group(Signal::KILL);
        // A keeper that is gone has nothing left to undo.
        let _gone = lock(&hands.keeper).release(rest.kept);
    }

    /// A stop has ended it; `then` says what follows, whatever `restart` says. Its end may have been seen before.
    pub(super) fn stopped_by_policy(&mut self, then: Then, now: Timestamp) {
        match (self.state, then) {
            (State::Running, _) => self.wanted = Some(then),
            (State::Due(_) | State::Asked(_) | State::Done, Then::Restart) => self.state = State::Due(now),
            (State::Due(_) | State::Asked(_), Then::Stay | Then::Systemd) => self.state = State::Done,
            (State::Done, Then::Stay | Then::Systemd) => {}
        }
    }

    /// It has ended. Gives its exit code, or 128 and the signal's number. Who is left of its group is told to end, and is
    /// killed before the next start; where there is none, by the keeper once the agent ends.
    pub(super) fn ended(&mut self, now: Timestamp, hands: &Hands) -> Option<i32> {
        self.end_rest(hands);
        let mut running = self.running.take()?;
        running.foreground = None;
        let code = running.launched.process.reap().ok().flatten().map(exit_code);
        let _nobody = running.launched.process.signal_group(Signal::TERM);
        self.code = code;
        let asked = self.ends_of.take().is_some_and(|expected| code == Some(expected));
        if now.since(running.since) >= LONG_LIFE {
            self.pause = self.restart.backoff;
        }
        self.rest = Some(running);
        let again = match (self.wanted.take().or(asked.then_some(Then::Stay)), self.restart.when) {
            (Some(Then::Restart), _) | (None, RestartWhen::Always) => true,
            (None, RestartWhen::OnFailure) => code != Some(0),
            (Some(Then::Stay | Then::Systemd), _) | (None, RestartWhen::Policy) => false,
        };
        self.state = if again { State::Due(now + self.pause) } else { State::Done };
        if again {
            self.pause = (self.pause * 2).min(self.restart.backoff_max);
        }
        code
    }

    /// Passes a signal on. One that was told to end, or that ends of the signal, is not started again by itself.
    pub(super) fn forward(&mut self, signal: Signal) -> Forwarded {
        let Some(running) = &self.running else { return Forwarded::Nobody };
        if asks_to_end(signal) {
            self.wanted = Some(Then::Stay);
        }
        self.ends_of = Some(128 + signal.number());
        // One that has ended just now needs no signal.
        let _ended = running.launched.process.signal(signal);
        Forwarded::Sent
    }

    /// Where a child that was given the terminal stands still by Ctrl-Z, the agent takes the terminal back and stands still with
    /// it; both go on once the shell says so. What is a time of standing still for the child is none for the agent's rules.
    pub(super) fn follow_stop(&mut self) {
        let Some(running) = self.running.as_mut().filter(|running| running.on_terminal) else { return };
        let process = &running.launched.process;
        if !process.stopped_by().is_some_and(terminal::is_of_terminal) {
            return;
        }
        // A shell that has us go on in the background and later in the foreground tells nothing of the second: then the
        // child comes to a stop by reading, and only has to be given the terminal.
        let was_in_front = running.foreground.take().is_some();
        if was_in_front || !terminal::is_ours() {
            terminal::stand_still();
        }
        running.foreground = Foreground::hand_to(process.pid());
        // One that has ended meanwhile is seen to elsewhere.
        let _ended = process.signal_group(Signal::CONT);
    }
}

fn lock(keeper: &SharedKeeper) -> MutexGuard<'_, Keeper> {
    keeper.lock().unwrap_or_else(PoisonError::into_inner)
}
