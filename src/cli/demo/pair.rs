//! The two bots of the demo, and the agent that guards one of them.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;

use super::course::{Fate, Mark, Second};
use super::stub::Ports;
use super::{LIMIT, LOOK, RATE};
use crate::agent::request::{Answer, Request};
use crate::agent::status::{ProcessStatus, Status};
use crate::cli::client;
use crate::model::clock::Timestamp;
use crate::model::decision::{Verdict, Work};
use crate::model::event::{Event, Fact};
use crate::model::signal::Signal;
use crate::sampler::remotes::RemoteBook;
use crate::sampler::scan::{Memory, ScanSettings};
use crate::sys::adopted::Adopted;
use crate::sys::proc_root::ProcRoot;

/// How long the agent may take to come up.
const UP: Duration = Duration::from_secs(10);
/// How long the agent may take to end its child and itself.
const DOWN: Duration = Duration::from_secs(10);

/// Why the demo could not be run.
#[derive(Debug, thiserror::Error)]
pub(super) enum PairError {
    /// No temporary folder.
    #[error("a temporary folder can't be made")]
    Folder(#[source] std::io::Error),
    /// No stub servers.
    #[error("the stub servers can't listen on loopback")]
    Stub(#[source] std::io::Error),
    /// A process could not be started.
    #[error("this program can't start itself again")]
    Start(#[source] std::io::Error),
    /// The agent did not come up.
    #[error("the agent did not come up within {UP:?}; it said: {0}")]
    Silent(String),
}

/// What the bot's own lines say.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
struct Tally {
    ticks: u64,
    orders: u64,
}

/// Both bots.
#[derive(Debug)]
pub(super) struct Pair {
    unguarded: Child,
    sight: Option<Adopted>,
    scans: Memory,
    close_wait: Option<u64>,
    agent: Child,
    socket: PathBuf,
    unguarded_tally: watch::Receiver<Tally>,
    guarded_tally: watch::Receiver<Tally>,
    unguarded_fate: Fate,
    guarded_fate: Fate,
    events_seen: u64,
    tier: String,
}

impl Pair {
    /// Starts both and waits until the agent answers.
    pub(super) async fn start(folder: &Path, ports: Ports) -> Result<Self, PairError> {
        let program = std::env::current_exe().map_err(PairError::Start)?;
        let socket = folder.join("agent.sock");
        write_files(folder, &program, ports).map_err(PairError::Folder)?;
        let log = std::fs::File::create(folder.join("agent.log")).map_err(PairError::Folder)?;
        let mut agent = Command::new(&program)
            .arg("run")
            .arg("--config")
            .arg(folder.join("agent.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(PairError::Start)?;
        let guarded_tally = tallies(agent.stdout.take());
        wait_until_up(&socket, folder).await?;
        let mut unguarded = Command::new(&program)
            .args(bot_words(ports))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(PairError::Start)?;
        let unguarded_tally = tallies(unguarded.stdout.take());
        let sight = unguarded.id().and_then(|pid| Adopted::open(&ProcRoot::new("/proc"), pid).ok());
        Ok(Self {
            unguarded,
            sight,
            scans: Memory::new(ScanSettings::default()),
            close_wait: None,
            agent,
            socket,
            unguarded_tally,
            guarded_tally,
            unguarded_fate: Fate::default(),
            guarded_fate: Fate::default(),
            events_seen: 0,
            tier: String::new(),
        })
    }

    /// Counts both.
    pub(super) async fn look(&mut self, at: f64) -> Second {
        let unguarded = self.look_unguarded(at);
        if at.fract() < LOOK.as_secs_f64() {
            self.close_wait = self.scan_unguarded();
        }
        let status = self.status().await;
        let process = status.as_ref().and_then(|status| status.targets.first()?.processes.first());
        self.tier = process.map_or_else(|| "restarting".to_owned(), tier_of);
        Second {
            at,
            unguarded,
            guarded: process.and_then(|process| plain(process, Signal::FdOpen)),
            unguarded_close_wait: self.close_wait,
            guarded_close_wait: process.and_then(|process| plain(process, Signal::SocketCloseWait)),
        }
    }

    fn look_unguarded(&mut self, at: f64) -> Option<u64> {
        if let Ok(Some(status)) = self.unguarded.try_wait()
            && self.unguarded_fate.emfile_at.is_none()
            && status.code() == Some(super::bot::EXIT_EMFILE.into())
        {
            self.unguarded_fate.emfile_at = Some(at);
        }
        self.sight.as_ref().filter(|sight| sight.is_alive())?.count().ok()
    }

    /// A full look at the unguarded bot, once a second: the same scan as the agent's.
    fn scan_unguarded(&mut self) -> Option<u64> {
        let sight = self.sight.as_ref().filter(|sight| sight.is_alive())?;
        let scan = self.scans.scan(sight, &RemoteBook::default());
        let found = scan.view.plain.iter().find(|(signal, _)| *signal == Signal::SocketCloseWait);
        found.and_then(|(_, reading)| reading.known()).map(count)
    }

    /// The tier of the guarded bot at the last look.
    pub(super) fn tier(&self) -> &str {
        &self.tier
    }

    /// What the guard has done since the last call.
    pub(super) async fn new_marks(&mut self, start: Timestamp) -> Vec<Mark> {
        let request = Request::Events { after: self.events_seen };
        let Ok(Answer::Events(events)) = client::ask(&self.socket, &request).await else { return Vec::new() };
        let mut marks = Vec::new();
        for (number, event) in events {
            self.events_seen = self.events_seen.max(number);
            self.keep_fate(&event, start);
            marks.extend(mark(&event, start));
        }
        marks
    }

    fn keep_fate(&mut self, event: &Event, start: Timestamp) {
        match &event.fact {
            Fact::Spawned { restarts } => self.guarded_fate.restarts = *restarts,
            Fact::Exited { code: Some(code) } if *code == i32::from(super::bot::EXIT_EMFILE) => {
                self.guarded_fate.emfile_at.get_or_insert(event.at.since(start).as_secs_f64());
            }
            _ => {}
        }
    }

    async fn status(&self) -> Option<Status> {
        match client::ask(&self.socket, &Request::Status).await {
            Ok(Answer::Status(status)) => Some(*status),
            Ok(_) | Err(_) => None,
        }
    }

    /// Ends both, the agent in order.
    pub(super) async fn finish(mut self) -> (Fate, Fate) {
        drop(self.unguarded.start_kill());
        if let Some(pid) = self.agent.id()
            && let Ok(agent) = crate::sys::pidfd::PidFd::open(i32::try_from(pid).unwrap_or_default())
        {
            drop(agent.signal(crate::sys::pidfd::Signal::TERM));
        }
        drop(tokio::time::timeout(DOWN, self.agent.wait()).await);
        let (mut unguarded, mut guarded) = (self.unguarded_fate, self.guarded_fate);
        (unguarded.ticks, unguarded.orders) = last(&self.unguarded_tally);
        (guarded.ticks, guarded.orders) = last(&self.guarded_tally);
        (unguarded, guarded)
    }
}

fn last(tally: &watch::Receiver<Tally>) -> (u64, u64) {
    let tally = *tally.borrow();
    (tally.ticks, tally.orders)
}

/// Sums up the lines of a bot over its restarts: each new process counts from zero.
fn tallies(stdout: Option<ChildStdout>) -> watch::Receiver<Tally> {
    let (send, receive) = watch::channel(Tally::default());
    if let Some(stdout) = stdout {
        tokio::task::spawn_local(async move {
            let mut lines = BufReader::new(stdout).lines();
            let (mut before, mut latest) = (Tally::default(), Tally::default());
            while let Ok(Some(line)) = lines.next_line().await {
                let Ok(tally) = serde_json::from_str::<Tally>(&line) else { continue };
                if tally.ticks < latest.ticks {
                    before =
                        Tally { ticks: before.ticks + latest.ticks, orders: before.orders + latest.orders };
                }
                latest = tally;
                send.send_replace(Tally {
                    ticks: before.ticks + latest.ticks,
                    orders: before.orders + latest.orders,
                });
            }
        });
    }
    receive
}

async fn wait_until_up(socket: &Path, folder: &Path) -> Result<(), PairError> {
    let up = async {
        while client::ask(socket, &Request::Status).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(UP, up)
        .await
        .map_err(|_| PairError::Silent(std::fs::read_to_string(folder.join("agent.log")).unwrap_or_default()))
}

fn plain(process: &ProcessStatus, signal: Signal) -> Option<u64> {
    let value = process.signals.get(signal.name()).and_then(|reading| reading.known())?;
    Some(count(value))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
fn count(value: f64) -> u64 {
    value as u64
}

fn tier_of(process: &ProcessStatus) -> String {
    let active = process.tiers.values().flatten().map(ToString::to_string).next();
    active.unwrap_or_else(|| "normal".to_owned())
}

fn mark(event: &Event, start: Timestamp) -> Option<Mark> {
    let at = event.at.since(start).as_secs_f64();
    match &event.fact {
        Fact::Transition(step) => {
            let name = step.to.as_ref().map_or("normal", |name| name.as_str());
            Some(Mark { at, what: format!("tier {name}"), outcome: None })
        }
        Fact::Decision(decision) => match (&decision.verdict, &decision.work) {
            (Verdict::Start, Work::Do(action)) => {
                Some(Mark { at, what: action.word().name().to_owned(), outcome: None })
            }
            (Verdict::Refused(refusal), work) => {
                let what = format!("{} refused", work.word().name());
                Some(Mark { at, what, outcome: Some(refusal.to_string()) })
            }
            (Verdict::Start | Verdict::DryRun(_), _) => None,
        },
        Fact::Judged(judged) => {
            let what = judged.word.name().to_owned();
            Some(Mark { at, what, outcome: Some(judged.outcome.to_string()) })
        }
        _ => None,
    }
}

fn bot_words(ports: Ports) -> Vec<String> {
    let word = |name: &str, value: String| [name.to_owned(), value];
    let mut words = vec!["__demo-bot".to_owned()];
    words.extend(word("--rate", RATE.to_string()));
    words.extend(word("--limit", LIMIT.to_string()));
    words.extend(word("--feed", ports.feed.to_string()));
    words.extend(word("--orders", ports.orders.to_string()));
    words.extend(word("--hangup", ports.hangup.to_string()));
    words
}

fn write_files(folder: &Path, program: &Path, ports: Ports) -> std::io::Result<()> {
    std::fs::write(folder.join("demo.toml"), include_str!("demo.toml"))?;
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut child = vec![quoted(&program.to_string_lossy())];
    child.extend(bot_words(ports).iter().map(|word| quoted(word)));
    let place = |name: &str| quoted(&folder.join(name).to_string_lossy());
    let store = quoted(&format!("sqlite:{}", folder.join("history.db").display()));
    let file = format!(
        "schema = 1\n\n[target.bot]\nmatch = {{ child = [{}] }}\npolicy = [\"demo.toml\"]\n\
         allow = [\"destroy_sockets\", \"stop\"]\n\n[history]\nstore = {store}\n\n[admin]\nsocket = {}\n\n\
         [agent]\nevidence = {{ dir = {} }}\n",
        child.join(", "),
        place("agent.sock"),
        place("evidence"),
    );
    std::fs::write(folder.join("agent.toml"), file)
}
