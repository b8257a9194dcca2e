//! A person's commands to order gates, and questions about them.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::ANSWER_WITHIN;
use super::hands::{Memory, remember};
use crate::agent::mailbox::{Mailbox, Message};
use crate::agent::request::{Answer, Command, Envelope, Request};
use crate::agent::status::PoolTrading;
use crate::model::clock::{Clock as _, WallTime};
use crate::model::name::Name;
use crate::model::trading::ByHand;
use crate::proxy::{self, By, Proxies, Unasked};
use crate::sys::clock::SystemClock;

/// What a gate was asked, or why it was not.
type Asked<T> = (Name, Result<oneshot::Receiver<T>, Unasked>);

/// Whether a request is for order gates.
pub(super) const fn concerns(request: &Request) -> bool {
    matches!(request, Request::Trading { .. } | Request::Do(Command::Trading { .. }))
}

/// The order gates of this agent, and what is remembered of them.
pub(in crate::cli) struct Gates {
    /// The proxies that have one.
    pub(in crate::cli) names: Vec<Name>,
    /// What people have closed by hand.
    pub(in crate::cli) memory: Memory,
}

/// Carries it to the gates, and their answers back.
pub(super) fn command(proxies: Option<&Proxies>, gates: &Gates, mailbox: &Mailbox, envelope: Envelope) {
    let Envelope { request, by, reply } = envelope;
    let named = |proxy: &Option<Name>| {
        let wanted = gates.names.iter().filter(|gate| proxy.as_ref().is_none_or(|proxy| proxy == *gate));
        wanted.cloned().filter_map(|gate| Some((gate, proxies?))).collect::<Vec<_>>()
    };
    match &request {
        Request::Do(command @ Command::Trading { state, proxy, limit }) => {
            let order = proxy::Command::Trade(By::Hand(*limit), state.gate());
            // All of them are told before the first answer is awaited.
            let told = named(proxy).into_iter().map(|(gate, proxies)| {
                let asked = proxies.tell(&gate, order.clone());
                (gate, asked)
            });
            let (told, none): (Vec<_>, _) = (told.collect(), no_gate(proxy.as_ref()));
            let (words, mailbox, memory) = (command.to_string(), mailbox.clone(), gates.memory.clone());
            let until = limit.map(after);
            let hand = state.gate().map(|gate| ByHand { gate, until });
            tokio::task::spawn_local(async move {
                if told.is_empty() {
                    drop(reply.send(Answer::Refused(none)));
                    return;
                }
                let heard = obeyed(told, &memory, hand).await;
                // What was done to some of them was done.
                if !heard.taken.is_empty() {
                    drop(mailbox.post(Message::Commanded { command: words, by }));
                }
                drop(reply.send(heard.answer()));
            });
        }
        Request::Trading { proxy } => {
            let asked = named(proxy).into_iter().map(|(gate, proxies)| {
                let asked = proxies.view(&gate);
                (gate, asked)
            });
            let (asked, none): (Vec<_>, _) = (asked.collect(), no_gate(proxy.as_ref()));
            tokio::task::spawn_local(async move {
                let answer = if asked.is_empty() { Answer::Refused(none) } else { seen(asked).await };
                drop(reply.send(answer));
            });
        }
        Request::Status | Request::Explain { .. } | Request::Events { .. } | Request::Do(_) => {}
    }
}

/// So much later than now, by the calendar: what is remembered outlasts the clock of this boot.
fn after(limit: Duration) -> WallTime {
    let millis = i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
    WallTime::from_millis(SystemClock.wall().as_millis().saturating_add(millis))
}

/// What gates answered to a command.
#[derive(Debug, Default)]
struct Heard {
    taken: Vec<String>,
    refused: Vec<String>,
    /// Why it is not remembered over a restart, where it should be.
    forgotten: Option<String>,
}

impl Heard {
    /// One that does not obey is told first.
    fn answer(self) -> Answer {
        let Self { mut taken, refused, forgotten } = self;
        if let Some(why) = forgotten {
            taken.push(format!("not remembered over a restart of the agent: {why}"));
        }
        if refused.is_empty() {
            return Answer::Taken(taken.join("\n"));
        }
        Answer::Refused(refused.into_iter().chain(taken).collect::<Vec<_>>().join("; "))
    }
}

/// Waits for what gates answer, and has it remembered. What closes them is remembered whatever they answer: one that is late may still
/// obey. What opens them is remembered of those that have obeyed.
async fn obeyed(told: Vec<Asked<proxy::Done>>, memory: &Memory, hand: Option<ByHand>) -> Heard {
    let mut heard = Heard::default();
    let was_told = |(name, asked): &Asked<_>| asked.is_ok().then(|| name.clone());
    let mut gates: Vec<Name> = told.iter().filter_map(was_told).collect();
    let closing = match hand {
        Some(_) => remember(memory, &gates, hand).await.err(),
        None => None,
    };
    for (name, asked) in told {
        match heard_of(asked).await {
            Ok(done) => heard.taken.push(format!("{name}: {done}")),
            Err(why) => {
                gates.retain(|gate| *gate != name);
                heard.refused.push(format!("{name}: {why}"));
            }
        }
    }
    let opening = match (hand, memory) {
        (None, Some(_)) => remember(memory, &gates, None).await.err(),
        // Where nothing is remembered, an open gate is open after a restart too.
        (None, None) | (Some(_), _) => None,
    };
    heard.forgotten = closing.or(opening);
    if let Some(why) = &heard.forgotten {
        tracing::warn!(why, "what a person has said of order gates is not remembered over a restart");
    }
    heard
}

/// How gates stand.
async fn seen(asked: Vec<Asked<Box<proxy::view::View>>>) -> Answer {
    let mut gates = BTreeMap::new();
    for (name, asked) in asked {
        match heard_of(asked).await {
            Ok(view) => gates.extend(view.trading.map(|trading| (name, PoolTrading::of(trading)))),
            Err(why) => return Answer::Refused(format!("{name}: {why}")),
        }
    }
    Answer::Trading(gates)
}

async fn heard_of<T>(asked: Result<oneshot::Receiver<T>, Unasked>) -> Result<T, String> {
    match timeout(ANSWER_WITHIN, asked.map_err(|error| error.to_string())?).await {
        Ok(Ok(heard)) => Ok(heard),
        Ok(Err(_)) => Err("the proxies have ended".to_owned()),
        Err(_) => Err("it does not answer in time; it may still do it".to_owned()),
    }
}

/// That there is no such order gate.
fn no_gate(proxy: Option<&Name>) -> String {
    match proxy {
        Some(proxy) => format!("no order gate at `{proxy}`: it is declared by `[proxy.{proxy}.gate]`"),
        None => "no proxy of this agent has an order gate: it is declared by `[proxy.NAME.gate]`".to_owned(),
    }
}
