//! What surrounds the proxies while the agent runs: they are asked what there is once a second, a person's commands
//! are carried to them and their answers back, and the agent ends when one of their threads is lost.

mod gates;
mod hands;
mod truth;

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::agent::mailbox::{Mailbox, Message};
use crate::agent::request::{Answer, Command, Envelope, PoolWork, Request};
use crate::agent::settings::Settings;
use crate::config::Config;
use crate::config::proxy::{Access, Id};
use crate::model::asker::Asker;
use crate::model::clock::Clock as _;
use crate::model::name::Name;
use crate::proxy::console::Word;
use crate::proxy::{self, Proxies, Residents, Running, StartError, StreamWork, Surroundings};
use crate::sampler::pools::ASKED_EVERY;
use crate::sys::clock::SystemClock;

/// A pool that does not answer a person for so long does not answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

pub(super) use gates::Gates;
pub(super) use hands::{Closed, recall};
pub(super) use truth::ask_upstreams;

/// Starts what the file says under `[proxy]`.
pub(super) fn start(
    config: &Config,
    residents: &Residents,
    closed: Closed,
) -> Result<Option<Running>, StartError> {
    let id = |id: &u64| u32::try_from(*id).ok().map(Id::Number);
    let (users, groups) = (config.admin.uids.iter(), config.admin.gids.iter());
    let admins = Access { users: users.filter_map(id).collect(), groups: groups.filter_map(id).collect() };
    let around = Surroundings { residents: residents.clone(), admins, closed };
    proxy::start(&config.proxies.values().collect::<Vec<_>>(), &around)
}

/// Asks every pool, again and again, and tells the control loop.
pub(super) fn watch(proxies: &Proxies, mailbox: &Mailbox) {
    for name in proxies.names().cloned() {
        tokio::task::spawn_local(ask(proxies.clone(), name, mailbox.clone()));
    }
}

async fn ask(proxies: Proxies, name: Name, mailbox: Mailbox) {
    // One that was not answered is waited for and not asked again: with a thread that hangs, questions would pile up.
    let mut under_way = None;
    loop {
        let (asked, mut answer) = match under_way.take() {
            Some(pending) => pending,
            None => match proxies.view(&name) {
                Ok(answer) => (SystemClock.now(), answer),
                Err(_) => {
                    sleep(ASKED_EVERY).await;
                    continue;
                }
            },
        };
        match timeout(ASKED_EVERY, &mut answer).await {
            // A loop that has no room hears the next answer; until then this one grows old.
            Ok(Ok(view)) => drop(mailbox.post(Message::Pool { name: name.clone(), asked, view })),
            Ok(Err(_)) => {}
            Err(_) => {
                under_way = Some((asked, answer));
                continue;
            }
        }
        sleep(ASKED_EVERY).await;
    }
}

/// Takes what consoles have to tell: what was done goes to the control loop, and files are read anew by `reload`.
pub(super) async fn hear(
    mut words: mpsc::Receiver<Word>,
    mailbox: Mailbox,
    reload: impl Fn() -> Result<Box<Settings>, String>,
) {
    while let Some(word) = words.recv().await {
        match word {
            // A loop that has no room loses a line of the history; the pool has done it all the same.
            Word::Done { command, uid } => {
                let by = Asker::User { uid };
                drop(mailbox.post(Message::Commanded { command, by }));
            }
            Word::Reload { uid, reply } => {
                let (answer, answered) = oneshot::channel();
                let request = Request::Do(Command::Reload);
                let envelope = Envelope { request, by: Asker::User { uid }, reply: answer };
                if mailbox.post(Message::Reload(reload(), Some(envelope))).is_ok() {
                    tokio::task::spawn_local(pass_on(answered, reply));
                }
            }
        }
    }
}

async fn pass_on(answered: oneshot::Receiver<Answer>, reply: oneshot::Sender<Result<(), String>>) {
    let done = match answered.await {
        Ok(Answer::Taken(_)) => Ok(()),
        Ok(Answer::Refused(why)) => Err(why),
        Ok(Answer::Status(_) | Answer::Explained(_) | Answer::Events(_) | Answer::Trading(_)) | Err(_) => {
            return;
        }
    };
    // Whoever no longer waits misses nothing.
    let _left = reply.send(done);
}

/// Carries a person's command to its pool; gives the envelope back where it is for the control loop.
pub(super) fn command(
    proxies: Option<&Proxies>,
    gates: &Gates,
    mailbox: &Mailbox,
    envelope: Envelope,
) -> Result<(), Envelope> {
    if gates::concerns(&envelope.request) {
        gates::command(proxies, gates, mailbox, envelope);
        return Ok(());
    }
    let Request::Do(command) = &envelope.request else { return Err(envelope) };
    let Some((pool, told)) = for_pool(command) else { return Err(envelope) };
    let wants_streams = matches!(told, proxy::Command::Stream(_));
    let told = proxies.map(|proxies| proxies.tell(pool, told));
    let words = command.to_string();
    let now = now_of(command);
    let (pool, mailbox) = (pool.clone(), mailbox.clone());
    tokio::task::spawn_local(async move {
        let answer = match told {
            None => Answer::Refused(format!("no pool `{pool}` here")),
            Some(Err(error)) => Answer::Refused(error.to_string()),
            Some(Ok(answer)) => match timeout(ANSWER_WITHIN, answer).await {
                Ok(Ok(done)) if wants_streams && done.streams.is_none() => {
                    Answer::Refused(format!("`{pool}` carries no streams"))
                }
                Ok(Ok(done)) => Answer::Taken(format!("{pool}: {done}{now}")),
                Ok(Err(_)) => Answer::Refused("the proxies have ended".to_owned()),
                Err(_) => Answer::Refused("the pool did not answer in time; it may still do it".to_owned()),
            },
        };
        if matches!(answer, Answer::Taken(_)) {
            drop(mailbox.post(Message::Commanded { command: words, by: envelope.by }));
        }
        drop(envelope.reply.send(answer));
    });
    Ok(())
}

/// How the pool stands after a command.
const fn now_of(command: &Command) -> &'static str {
    match command {
        Command::Pool { work: PoolWork::Pause, .. } => "; paused, new work waits for `resume`",
        Command::Pool { work: PoolWork::Resume | PoolWork::Enable, .. } => "; at work",
        Command::Pool { work: PoolWork::Disable, .. } => "; disabled, new clients and new work are refused",
        Command::Pool { work: PoolWork::Kill, .. } => "; closed and paused until `resume`",
        Command::Pool { work: PoolWork::Close, .. } => "; closed until `connect`",
        Command::Pool { work: PoolWork::Reconnect | PoolWork::FlushCache | PoolWork::Connect, .. }
        | Command::ResetPool { .. }
        | Command::Reload
        | Command::Trading { .. }
        | Command::Release { .. }
        | Command::Hold { .. }
        | Command::Resume { .. }
        | Command::Snapshot { .. }
        | Command::Freeze { .. }
        | Command::Thaw { .. }
        | Command::Start { .. }
        | Command::Stop { .. } => "",
    }
}

/// Which pool a command is for, and what that is told; none where it is for no pool.
fn for_pool(command: &Command) -> Option<(&Name, proxy::Command)> {
    match command {
        Command::ResetPool { pool, how, share } => {
            Some((pool, proxy::Command::Reset { how: *how, share: *share }))
        }
        Command::Pool { pool, work } => Some((pool, work_of(*work))),
        Command::Reload
        | Command::Trading { .. }
        | Command::Release { .. }
        | Command::Hold { .. }
        | Command::Resume { .. }
        | Command::Snapshot { .. }
        | Command::Freeze { .. }
        | Command::Thaw { .. }
        | Command::Start { .. }
        | Command::Stop { .. } => None,
    }
}

/// A pool is either paused or disabled: going back to work ends both.
fn work_of(work: PoolWork) -> proxy::Command {
    match work {
        PoolWork::Pause => proxy::Command::Pause,
        PoolWork::Resume | PoolWork::Enable => proxy::Command::Resume,
        PoolWork::Reconnect => proxy::Command::Reconnect,
        PoolWork::Disable => proxy::Command::Disable,
        PoolWork::Kill => proxy::Command::Kill,
        PoolWork::FlushCache => proxy::Command::FlushCache,
        PoolWork::Connect => proxy::Command::Stream(StreamWork::Connect),
        PoolWork::Close => proxy::Command::Stream(StreamWork::Close),
    }
}

/// Waits until a thread of the proxies is lost; for ever where there are none.
pub(super) async fn lost(running: Option<&mut Running>) {
    match running {
        Some(running) => running.lost().await,
        None => std::future::pending().await,
    }
}
