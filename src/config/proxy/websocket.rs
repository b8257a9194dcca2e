//! What only a proxy for WebSockets has.

mod words;

use std::time::Duration;

use super::upstream::Scheme;
use super::{Upstream, UpstreamTls, foreign, tls};
use crate::config::section::{Context, Section};
use crate::config::show::Size;
use crate::config::{defaults, read};
use crate::model::diagnostic::Diagnostic;

pub use words::{Looks, Meant, Numbers, Slow, Speaks};

const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_hours(24);
const KIB: u64 = 1 << 10;
/// The most pauses between tries.
const PAUSES_MAX: usize = 16;
/// The most topics of one message that is said again.
const BATCH_MAX: u32 = 1_024;

/// What only a proxy for WebSockets has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebSocket {
    /// A client may take so long for the head of its request.
    pub head: Duration,
    /// The longest message, either way.
    pub message: u64,
    /// What its clients speak.
    pub speaks: Speaks,
    /// Pages in a browser that may connect, by their origins.
    pub origins: Vec<String>,
    /// What is done with a client that does not keep up.
    pub slow: Slow,
    /// How an open connection is watched, and a lost one replaced.
    pub keeping: Keeping,
    /// What is read of the client's messages.
    pub subscriptions: Subscriptions,
    /// What is read of the upstream's messages.
    pub marks: Marks,
    /// What a client is told where something is missing: JSON.
    pub notice: Option<String>,
    /// How it is polled; it can't be where absent.
    pub poll: Option<Poll>,
    /// TLS towards the upstreams, where they are `wss`.
    pub tls: Option<UpstreamTls>,
}

/// How an open connection is watched, and a lost one replaced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keeping {
    /// A ping so often.
    pub heartbeat: Option<Duration>,
    /// Its answer within.
    pub pong: Duration,
    /// No message of data for so long is a loss.
    pub silence: Option<Duration>,
    /// The pauses before the second try, the third, and so on.
    pub pauses: Vec<Duration>,
    /// So many tries in a row.
    pub tries: u32,
    /// A connection that held so long makes the next loss the first one again.
    pub stable: Duration,
    /// After the last try so long from probe to probe.
    pub probe: Duration,
    /// The upstream may take so long to answer a close.
    pub close: Duration,
}

/// What is read of the client's messages; nothing where all of it is absent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscriptions {
    /// What a login looks like.
    pub login: Looks,
    /// What its answer looks like.
    pub login_answer: Looks,
    /// What a subscription looks like.
    pub subscribe: Looks,
    /// What its end looks like.
    pub unsubscribe: Looks,
    /// Where both name their topics.
    pub topics: String,
    /// Where requests and answers bear the number by which they belong together.
    pub id: Option<String>,
    /// What an answer looks like that refuses.
    pub refused: Looks,
    /// So many topics in one message that is said again.
    pub batch: u32,
    /// From one of these messages to the next.
    pub pace: Duration,
}

/// What is read of the upstream's messages; nothing where all of it is absent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Marks {
    /// Where a message bears its topic.
    pub topic: Option<String>,
    /// Where it bears its number.
    pub cursor: Option<String>,
    /// Where it bears the number of the message before it.
    pub previous: Option<String>,
    /// How numbers go on.
    pub numbers: Numbers,
    /// Numbers that are not above the last one for so long are a new count.
    pub recount: Duration,
}

/// How it is polled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Poll {
    /// What is asked; `{topic}` stands for each topic that is subscribed to.
    pub url: String,
    /// So often, where no policy says how often.
    pub every: Duration,
    /// An answer may take so long.
    pub timeout: Duration,
    /// Where the items are in an answer.
    pub items: String,
    /// Where an item bears its topic; that of the question where absent.
    pub topic: Option<String>,
    /// Where it bears its number.
    pub cursor: Option<String>,
    /// The message that an item becomes: JSON with places in braces.
    pub message: String,
    /// It stays in polls at least so long.
    pub dwell: Duration,
    /// From a connection that is open again to its service.
    pub prime: Duration,
    /// Whether it polls when no try is left.
    pub fallback: bool,
}

impl WebSocket {
    /// Whether somebody reads what passes.
    pub fn reads(&self) -> bool {
        let Subscriptions { login, subscribe, .. } = &self.subscriptions;
        let Marks { topic, cursor, .. } = &self.marks;
        !login.is_empty()
            || !subscribe.is_empty()
            || topic.is_some()
            || cursor.is_some()
            || self.poll.is_some()
    }
}

/// Reads the rest of the proxy.
pub(super) fn read(
    section: &mut Section<'_>,
    head: Duration,
    (upstream, scheme): (&[Upstream], Scheme),
    cx: &mut Context<'_>,
) -> WebSocket {
    foreign::refuse(section, foreign::WEBSOCKET, foreign::WEBSOCKET_PROXY, cx);
    let tls = match scheme {
        Scheme::Https | Scheme::Wss => Some(tls::of_https(section, upstream, cx)),
        Scheme::Plain => {
            if let Some(span) = section.key_span("tls") {
                let message = "`tls` means nothing: the upstreams are asked in the clear";
                let fault = Diagnostic::error("no-effect", span, message);
                cx.faults.push(fault.help("write them as wss://HOST"));
                section.value("tls");
            }
            None
        }
    };
    let mut inner = section.section(cx, "stream");
    let size = read::size(KIB..=KIB * KIB * KIB);
    let Size(message) = inner.or(cx, "message", Size(defaults::STREAM_MESSAGE), size);
    let stream = WebSocket {
        head,
        message,
        speaks: inner.or(cx, "speaks", Speaks::Json, words::speaks),
        origins: inner.or(cx, "origins", Vec::new(), read::list(words::origin)),
        slow: inner.or(cx, "slow", Slow::Wait, words::slow),
        keeping: keeping(&mut inner, cx),
        subscriptions: subscriptions(&mut inner, cx),
        marks: marks(&mut inner, cx),
        notice: inner.get(cx, "notice", words::json),
        poll: poll(&mut inner, cx),
        tls,
    };
    judge(&inner, &stream, cx);
    judge_node(&inner, &stream, cx);
    inner.finish(cx);
    stream
}

fn span() -> impl FnOnce(crate::document::Value<'_>, &mut crate::document::Faults) -> Option<Duration> {
    read::span(SHORTEST..=LONGEST)
}

fn keeping(section: &mut Section<'_>, cx: &mut Context<'_>) -> Keeping {
    let usual = Some(defaults::STREAM_HEARTBEAT);
    let pauses = defaults::STREAM_PAUSES.to_vec();
    let read_pauses = read::list(|value, faults| span()(value, faults));
    let pauses = section.or(cx, "pauses", pauses, read_pauses);
    if pauses.is_empty() || pauses.len() > PAUSES_MAX {
        let place = section.key_span("pauses").unwrap_or_else(|| section.span());
        let message = format!("from one to {PAUSES_MAX} pauses stand here");
        cx.faults.push(Diagnostic::error("out-of-range", place, message));
    }
    Keeping {
        heartbeat: section.or(cx, "heartbeat", usual, read::or_none(span())),
        pong: section.or(cx, "pong", defaults::STREAM_PONG, span()),
        silence: section.or(cx, "silence", None, read::or_none(span())),
        pauses,
        tries: section.or(cx, "tries", defaults::STREAM_TRIES, read::number(0..=1_000)),
        stable: section.or(cx, "stable", defaults::STREAM_STABLE, span()),
        probe: section.or(cx, "probe", defaults::STREAM_PROBE, span()),
        close: section.or(cx, "close", defaults::STREAM_CLOSE, span()),
    }
}

fn subscriptions(section: &mut Section<'_>, cx: &mut Context<'_>) -> Subscriptions {
    let mut looks = |key| section.get(cx, key, words::looks).unwrap_or_default();
    let (login, login_answer) = (looks("login"), looks("login_answer"));
    let (subscribe, unsubscribe) = (looks("subscribe"), looks("unsubscribe"));
    let usual = Looks::from([(defaults::STREAM_REFUSED.to_owned(), Meant::Something)]);
    let refused = section.or(cx, "refused", usual, words::looks);
    Subscriptions {
        login,
        login_answer,
        subscribe,
        unsubscribe,
        refused,
        topics: section.or(cx, "topics", defaults::STREAM_TOPICS.to_owned(), words::pointer),
        id: section.get(cx, "id", words::pointer),
        batch: section.or(cx, "batch", defaults::STREAM_BATCH, read::number(1..=BATCH_MAX)),
        pace: section.or(cx, "pace", defaults::STREAM_PACE, span()),
    }
}

fn marks(section: &mut Section<'_>, cx: &mut Context<'_>) -> Marks {
    Marks {
        topic: section.get(cx, "topic", words::pointer),
        cursor: section.get(cx, "cursor", words::pointer),
        previous: section.get(cx, "previous", words::pointer),
        numbers: section.or(cx, "numbers", Numbers::Rise, words::numbers),
        recount: section.or(cx, "recount", defaults::STREAM_RECOUNT, read::span(Duration::ZERO..=LONGEST)),
    }
}

fn poll(section: &mut Section<'_>, cx: &mut Context<'_>) -> Option<Poll> {
    let mut inner = section.present(cx, "poll")?;
    let url = inner.need(cx, "url", words::url);
    let poll = Poll {
        url: url.unwrap_or_default(),
        every: inner.or(cx, "every", defaults::POLL_EVERY, span()),
        timeout: inner.or(cx, "timeout", defaults::POLL_TIMEOUT, span()),
        items: inner.or(cx, "items", String::new(), words::pointer),
        topic: inner.get(cx, "topic", words::pointer),
        cursor: inner.get(cx, "cursor", words::pointer),
        message: inner.or(cx, "message", defaults::POLL_MESSAGE.to_owned(), words::json),
        dwell: inner.or(cx, "dwell", defaults::POLL_DWELL, span()),
        prime: inner.or(cx, "prime", defaults::POLL_PRIME, span()),
        fallback: inner.or(cx, "fallback", true, read::flag),
    };
    inner.finish(cx);
    Some(poll)
}

/// What makes no sense together.
fn judge(section: &Section<'_>, stream: &WebSocket, cx: &mut Context<'_>) {
    let place = |key| section.key_span(key).unwrap_or_else(|| section.span());
    let asks_topics = stream.poll.as_ref().is_some_and(|poll| poll.url.contains("{topic}"));
    if asks_topics && stream.subscriptions.subscribe.is_empty() {
        let message = "the polls ask for each topic, and nothing says what a subscription looks like";
        let fault = Diagnostic::error("no-topics", place("poll"), message);
        cx.faults.push(fault.help("write for example subscribe = { \"/method\" = \"SUBSCRIBE\" }"));
    }
    if stream.slow == Slow::Conflate && stream.marks.topic.is_none() {
        let message = "`conflate` keeps the newest message of each topic, and nothing says where a topic is";
        cx.faults
            .push(Diagnostic::error("no-topics", place("slow"), message).help("write `topic` beside it"));
    }
    if stream.marks.previous.is_some() && stream.marks.cursor.is_none() {
        let message = "`previous` means nothing without `cursor`";
        cx.faults.push(Diagnostic::error("no-effect", place("previous"), message));
    }
}

/// What an Ethereum node needs, and what has no meaning with one.
fn judge_node(section: &Section<'_>, stream: &WebSocket, cx: &mut Context<'_>) {
    let Speaks::Ethereum = stream.speaks else { return };
    let Some(poll) = &stream.poll else {
        let message = "what a connection misses is asked of the node by HTTP, and nothing says where";
        let place = section.key_span("speaks").unwrap_or_else(|| section.span());
        let fault = Diagnostic::error("missing-key", place, message);
        cx.faults.push(fault.help("write for example poll = { url = \"https://node.example\" }"));
        return;
    };
    for key in
        ["login", "subscribe", "unsubscribe", "id", "refused", "topic", "cursor", "previous", "numbers"]
    {
        if let Some(place) = section.key_span(key) {
            let message = format!("`{key}` means nothing: what a client of an Ethereum node says is known");
            cx.faults.push(Diagnostic::error("no-effect", place, message));
        }
    }
    let usual = poll.items.is_empty() && poll.topic.is_none() && poll.cursor.is_none();
    if !usual || poll.message != defaults::POLL_MESSAGE {
        let place = section.key_span("poll").unwrap_or_else(|| section.span());
        let message = "`items`, `topic`, `cursor` and `message` mean nothing: what a node answers is known";
        cx.faults.push(Diagnostic::error("no-effect", place, message));
    }
}
