//! The second opinion: upstreams are asked themselves what they see of a pool, past it and beside it.

use std::collections::BTreeSet;

use tokio::time::{sleep, timeout};

use crate::agent::mailbox::{Mailbox, Message};
use crate::config::Config;
use crate::config::proxy::{Postgres, Protocol, Proxy, Truth};
use crate::model::chain::chain;
use crate::model::clock::Clock as _;
use crate::model::name::Name;
use crate::proxy::Proxies;
use crate::sampler::pools::ASKED_EVERY;
use crate::sampler::truth::{Testimony, Witness};
use crate::sys::clock::SystemClock;

/// One upstream of a pool.
struct Place {
    pool: Name,
    number: u16,
    upstream: String,
}

/// Asks the upstreams of every pool that has `truth`, again and again, and tells the control loop.
pub(in crate::cli) fn ask_upstreams(config: &Config, proxies: &Proxies, mailbox: &Mailbox) {
    for proxy in config.proxies.values() {
        match &proxy.protocol {
            Protocol::Postgres(postgres) => {
                if let Some(truth) = &postgres.truth {
                    ask_each(proxy, (postgres, truth), proxies, mailbox);
                }
            }
            Protocol::Http(_) | Protocol::WebSocket(_) | Protocol::Tcp => {}
        }
    }
}

fn ask_each(proxy: &Proxy, (postgres, truth): (&Postgres, &Truth), proxies: &Proxies, mailbox: &Mailbox) {
    for (number, upstream) in (0..).zip(&proxy.upstream) {
        let place = Place { pool: proxy.name.clone(), number, upstream: upstream.to_string() };
        let witness = Witness::new(truth, upstream, &postgres.tls);
        tokio::task::spawn_local(ask_one(place, witness, proxies.clone(), mailbox.clone()));
    }
}

async fn ask_one(place: Place, mut witness: Witness, proxies: Proxies, mailbox: Mailbox) {
    let mut answers = Answers::Comes;
    loop {
        let asked = SystemClock.now();
        let told = ask_once(&place, &mut witness, &proxies).await;
        answers = answers.after(&place, &told);
        // A loop that has no room hears the next answer; until then this one grows old.
        drop(mailbox.post(Message::Truth {
            name: place.pool.clone(),
            upstream: place.upstream.clone(),
            asked,
            told,
        }));
        sleep(witness.pause()).await;
    }
}

/// Asks, and looks at the pool before and after: what it has at either time is its own.
async fn ask_once(place: &Place, witness: &mut Witness, proxies: &Proxies) -> Result<Testimony, String> {
    let (mut around, _) = own(place, proxies).await.unwrap_or_default();
    let seen = witness.ask().await.map_err(|silence| chain(&silence))?;
    let (after, pooled) = own(place, proxies).await.ok_or("the pool does not answer")?;
    around.extend(after);
    Ok(witness.compare(seen, &around, pooled))
}

/// The server processes of the pool's connections to this upstream, and how many those are.
async fn own(place: &Place, proxies: &Proxies) -> Option<(BTreeSet<u32>, u32)> {
    let view = timeout(ASKED_EVERY, proxies.view(&place.pool).ok()?).await.ok()?.ok()?;
    let here = view.servers.iter().filter(|server| server.upstream == place.number);
    let backends: BTreeSet<u32> = here.filter_map(|server| server.backend).collect();
    let count = u32::try_from(backends.len()).unwrap_or(u32::MAX);
    Some((backends, count))
}

/// Whether an upstream answers; a change is told, and not each question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answers {
    Comes,
    Fails,
}

impl Answers {
    fn after(self, place: &Place, told: &Result<Testimony, String>) -> Self {
        let Place { pool, upstream, .. } = place;
        match (self, told) {
            (Self::Comes, Err(error)) => {
                tracing::warn!(%pool, %upstream, error, "an upstream can't be asked for its side of a pool");
                Self::Fails
            }
            (Self::Fails, Ok(_)) => {
                tracing::info!(%pool, %upstream, "an upstream tells its side of a pool again");
                Self::Comes
            }
            (same, _) => same,
        }
    }
}
