//! From settings to a running agent.

use std::io;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::actuator::{self, Actuator, SharedKeeper};
use crate::agent::child::Hands;
use crate::agent::control::{Control, Parts};
use crate::agent::feed::Feed;
use crate::agent::fleet::FleetDesk;
use crate::agent::mailbox::{Mailbox, Message, mailbox};
use crate::agent::own::Own;
use crate::agent::pools::Pools;
use crate::agent::seek::Seeker;
use crate::agent::settings::{Settings, TargetSettings};
use crate::agent::target::Target;
use crate::journal::recorder::{History, Recorder};
use crate::model::chain::chain;
use crate::model::clock::Clock as _;
use crate::model::event::{Event, Fact};
use crate::model::name::Name;
use crate::proxy::Residents;
use crate::sampler::scanner::Scanner;
use crate::sys::cgroup::Delegated;
use crate::sys::clock::SystemClock;
use crate::sys::keeper::{Keeper, KeeperError, KeeperProgram};
use crate::sys::limits::NoFile;
use crate::sys::notify::Notifier;
use crate::sys::proc_root::ProcRoot;
use crate::sys::spawn::Spawner;

/// Descriptors that the agent wants for itself: some six for each process it guards, and the sockets of those who ask.
const OWN_NOFILE: u64 = 4_096;

/// What an agent is made of, beside its settings.
pub struct Pieces {
    /// What the actuator needs.
    pub actuator: actuator::Settings,
    /// Where the history goes; none for no history.
    pub history: Option<History>,
    /// The way to whoever asks the fleet; none where the agent rules alone.
    pub fleet: Option<FleetDesk>,
    /// Rule memory of an earlier agent, by target.
    pub memory: Vec<(Name, String)>,
    /// systemd, where it listens, and how long its watchdog waits.
    pub manager: (Option<Notifier>, Option<Duration>),
    /// What the end of a child means.
    pub ends: Ends,
    /// The limits of descriptors that the agent was started with; its children get them.
    pub nofile: Option<NoFile>,
    /// Is told whose the guarded processes are: they may use the proxies.
    pub residents: Residents,
}

/// What the end of a child means for the agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ends {
    /// Nothing: the agent goes on.
    Never,
    /// The agent ends with that of this target and takes over its exit code; the others end with the agent.
    WithChild(Name),
}

/// Why an agent could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No descriptor or thread could be had.
    #[error("the agent has no room to start")]
    Room(#[from] io::Error),
    /// The process that cleans up after a killed agent could not be started.
    #[error("the agent's keeper can't be started")]
    Keeper(#[from] KeeperError),
}

/// A running agent.
#[derive(Debug)]
pub struct Agent {
    mailbox: Mailbox,
    feed: Feed,
    thread: JoinHandle<Option<i32>>,
    ended: tokio::sync::oneshot::Receiver<()>,
}

impl Agent {
    /// Starts every thread.
    pub fn start(settings: Settings, pieces: Pieces) -> Result<Self, StartError> {
        let (mailbox, inbox) = mailbox()?;
        let post = mailbox.clone();
        let scanner = Scanner::start(settings.scan, move |scan| deliver(&post, Message::Scanned(scan)))?;
        let post = mailbox.clone();
        let seeker =
            Seeker::start(ProcRoot::new("/proc"), move |found| deliver(&post, Message::Sought(found)))?;
        let post = mailbox.clone();
        let told = move |told| deliver(&post, Message::Told(told));
        let keeper = Arc::new(Mutex::new(Keeper::start(&KeeperProgram::default())?));
        let hands = hands(&settings, &pieces, Arc::clone(&keeper))?;
        let pools = Pools::new(pieces.actuator.proxies.clone());
        let equipped = actuator::Settings { keeper: Some(keeper), ..pieces.actuator };
        let actuator = Actuator::start(equipped, Box::new(told))?;
        let post = mailbox.clone();
        let recorder = match pieces.history {
            Some(history) => {
                let tell = move |event: &Event| drop(post.post(Message::History(event.fact.clone())));
                Some(Recorder::start(history, Arc::new(SystemClock), Box::new(tell))?)
            }
            None => None,
        };
        let targets = targets(&settings, &pieces.memory);
        let (notifier, watchdog) = pieces.manager;
        let own = Own::new(&ProcRoot::new("/proc"), notifier, watchdog);
        let Pieces { ends, residents, fleet, .. } = pieces;
        let feed = Feed::new(SystemClock.wall());
        let parts = Parts {
            settings,
            inbox,
            scanner,
            seeker,
            actuator,
            recorder,
            fleet,
            targets,
            own,
            hands,
            ends,
            residents,
            pools,
            feed: feed.clone(),
        };
        let (bell, ended) = tokio::sync::oneshot::channel();
        let thread = std::thread::Builder::new().name("fdg-control".to_owned()).stack_size(1 << 20).spawn(
            move || {
                // Dropped at the end of the loop, also when it panics.
                let _bell = bell;
                Control::new(parts).run()
            },
        )?;
        Ok(Self { mailbox, feed, thread, ended })
    }

    /// The way in.
    pub fn mailbox(&self) -> Mailbox {
        self.mailbox.clone()
    }

    /// Its events as they happen.
    pub fn feed(&self) -> Feed {
        self.feed.clone()
    }

    /// Waits for the end of its loop; gives the exit code of an `exec`'s child. A panic of the loop is passed on:
    /// an agent without its loop must not go on.
    pub async fn ended(self) -> Option<i32> {
        // The bell only ever rings by being dropped.
        let _dropped = self.ended.await;
        match self.thread.join() {
            Ok(code) => code,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// What children are started with. They get what the agent was given, not what it takes for itself.
fn hands(settings: &Settings, pieces: &Pieces, keeper: SharedKeeper) -> io::Result<Hands> {
    // Where it can't be raised, fewer processes are guarded, and that is told.
    let _told_later = NoFile::raise_own(OWN_NOFILE);
    let nofile = pieces.nofile;
    let delegated = match Delegated::find(&ProcRoot::new("/proc")) {
        Ok(delegated) => Some(delegated),
        Err(error) => {
            let is_service = pieces.manager.0.is_some();
            if is_service && settings.targets.iter().any(TargetSettings::is_child) {
                tracing::info!(why = chain(&error), "children share the agent's control group");
            }
            None
        }
    };
    Ok(Hands { spawner: Arc::new(Spawner::start()?), keeper, nofile, delegated })
}

/// A loop that has ended has no use for messages any more.
fn deliver(mailbox: &Mailbox, message: Message) {
    let _ended = mailbox.deliver(message);
}

fn targets(settings: &Settings, memory: &[(Name, String)]) -> Vec<Target> {
    let now = SystemClock.now();
    let fresh = settings.targets.iter().map(|target| Target::new(target.clone(), now));
    fresh
        .map(|mut target| {
            let kept = memory.iter().find(|(name, _)| name == target.name());
            if let Some((_, json)) = kept
                && target.recall(json).is_err()
            {
                target.memory_unreadable = true;
            }
            target
        })
        .collect()
}

/// What is told of a memory that can't be read.
pub(super) fn unreadable() -> Fact {
    Fact::BoundHit {
        bound: "the rule memory of an earlier agent can't be read: budgets start anew".to_owned(),
    }
}
