//! What surrounds the proxies while the agent runs: they are asked what there is once a second, a person's commands
//! are carried to them and their answers back, and the agent ends when one of their threads is lost.

use tokio::time::{sleep, timeout};

use crate::agent::mailbox::{Mailbox, Message};
use crate::agent::request::{Answer, Command, Envelope, Request};
use crate::config::proxy::Protocol;
use crate::config::{Config, Proxy};
use crate::model::clock::Clock as _;
use crate::model::name::Name;
use crate::proxy::{self, Proxies, Residents, Running, StartError};
use crate::sampler::pools::ASKED_EVERY;
use crate::sys::clock::SystemClock;

/// A pool that does not answer a person for so long does not answer.
const ANSWER_WITHIN: std::time::Duration = std::time::Duration::from_secs(5);

/// Starts what the file says under `[proxy]`.
pub(super) fn start(config: &Config, residents: &Residents) -> Result<Option<Running>, StartError> {
    for proxy in config.proxies.values() {
        match &proxy.protocol {
            Protocol::Postgres(settings) if !settings.cache.queries.is_empty() => {
                return Err(not_served(proxy, "`cache`"));
            }
            Protocol::Postgres(settings) if settings.console.is_some() => {
                return Err(not_served(proxy, "`console`"));
            }
            Protocol::Postgres(_) | Protocol::Tcp => {}
        }
    }
    proxy::start(&config.proxies.values().collect::<Vec<_>>(), residents)
}

/// What the settings know and nothing does yet is refused, rather than passed over.
fn not_served(proxy: &Proxy, what: &'static str) -> StartError {
    StartError::NotServed { name: proxy.name.to_string(), what }
}

/// Asks every pool, again and again, and tells the control loop.
pub(super) fn watch(proxies: &Proxies, mailbox: &Mailbox) {
    for name in proxies.names().cloned() {
        tokio::task::spawn_local(ask(proxies.clone(), name, mailbox.clone()));
    }
}

async fn ask(proxies: Proxies, name: Name, mailbox: Mailbox) {
    loop {
        let asked = SystemClock.now();
        if let Ok(answer) = proxies.view(&name)
            && let Ok(Ok(view)) = timeout(ASKED_EVERY, answer).await
        {
            // A loop that has no room hears the next answer; until then this one grows old.
            drop(mailbox.post(Message::Pool { name: name.clone(), asked, view }));
        }
        sleep(ASKED_EVERY).await;
    }
}

/// Carries a person's command to its pool; gives the envelope back where it is for the control loop.
pub(super) fn command(
    proxies: Option<&Proxies>,
    mailbox: &Mailbox,
    envelope: Envelope,
) -> Result<(), Envelope> {
    let Request::Do(Command::ResetPool { pool, how, share }) = &envelope.request else {
        return Err(envelope);
    };
    let told = proxies.map(|proxies| proxies.tell(pool, proxy::Command::Reset { how: *how, share: *share }));
    let words = match &envelope.request {
        Request::Do(command) => command.to_string(),
        Request::Status | Request::Explain { .. } | Request::Events { .. } => String::new(),
    };
    let (pool, mailbox) = (pool.clone(), mailbox.clone());
    tokio::task::spawn_local(async move {
        let answer = match told {
            None => Answer::Refused(format!("no pool `{pool}` here")),
            Some(Err(error)) => Answer::Refused(error.to_string()),
            Some(Ok(answer)) => match timeout(ANSWER_WITHIN, answer).await {
                Ok(Ok(done)) => Answer::Taken(format!("{pool}: {done}")),
                Ok(Err(_)) => Answer::Refused("the proxies have ended".to_owned()),
                Err(_) => Answer::Refused("the pool did not answer in time; it may still do it".to_owned()),
            },
        };
        if matches!(answer, Answer::Taken(_)) {
            drop(mailbox.post(Message::Commanded { command: words, uid: envelope.uid }));
        }
        drop(envelope.reply.send(answer));
    });
    Ok(())
}

/// Waits until a thread of the proxies is lost; for ever where there are none.
pub(super) async fn lost(running: Option<&mut Running>) {
    match running {
        Some(running) => running.lost().await,
        None => std::future::pending().await,
    }
}
