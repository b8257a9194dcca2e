//! What a stream is set to, for its thread.

use std::sync::Arc;
use std::time::Duration;

use crate::config::proxy::{Looks, Meant, Numbers, Proxy, Slow, Speaks, WebSocket};
use crate::proxy::http::websocket::channel::Reading;
use crate::proxy::http::websocket::poll::Poller;
use crate::stream::backoff::Retry;
use crate::stream::cursor::{Rule, Step};
use crate::stream::health::Watch;
use crate::stream::ledger::{Naming, Patterns};
use crate::stream::machine::{Fallback, Polling, Reach, Settings};
use crate::stream::outbox::WhenFull;
use crate::stream::pattern::{self, Pattern, Pointer};
use crate::stream::template::{Template, TemplateError};

/// Bytes that a connection may say while it is made ready beside polls.
const PRIME_BUFFER: usize = 4 << 20;

/// What a stream is set to.
pub(in crate::proxy::http) struct StreamSettings {
    speaks: Speaks,
    /// Pages that may connect.
    pub(super) origins: Vec<String>,
    /// Its own and those of the patterns are shared by all sessions.
    pub(super) machine: Arc<Settings>,
    pub(super) rule: Rule,
    pub(super) reading: Reading,
    pub(super) patterns: Arc<Patterns>,
    pub(super) topic: Option<Pointer>,
    pub(super) cursor: Option<Pointer>,
    pub(super) previous: Option<Pointer>,
    pub(super) message_max: u64,
    pub(super) slow: Slow,
    pub(super) when_full: WhenFull,
    pub(super) notice: Option<Template>,
    pub(super) pace: Duration,
    pub(super) poller: Option<Poller>,
}

impl StreamSettings {
    /// Whether the upstream is an Ethereum node.
    pub(super) fn is_node(&self) -> bool {
        self.speaks == Speaks::Ethereum
    }
}

/// By the settings of a proxy.
pub(in crate::proxy::http) fn settings(
    proxy: &Proxy,
    stream: &WebSocket,
) -> Result<StreamSettings, TemplateError> {
    let keeping = &stream.keeping;
    let poll = stream.poll.as_ref();
    let reads = stream.reads();
    let machine = Settings {
        retry: Retry {
            pauses: keeping.pauses.clone(),
            tries: keeping.tries,
            stable: keeping.stable,
            probe: keeping.probe,
        },
        watch: Watch { ping_every: keeping.heartbeat, pong_within: keeping.pong, silence: keeping.silence },
        connect_within: proxy.pool.wait + proxy.pool.connect_timeout,
        close_within: keeping.close,
        prime_within: poll.map_or(Duration::ZERO, |poll| poll.prime),
        prime_buffer: PRIME_BUFFER,
        dwell: poll.map_or(Duration::ZERO, |poll| poll.dwell),
        poll: poll.map(|poll| Polling {
            every: poll.every,
            within: Poller::within(poll),
            fallback: if poll.fallback { Fallback::Polls } else { Fallback::Fails },
            reach: match stream.speaks {
                Speaks::Json => Reach::Some,
                Speaks::Ethereum => Reach::All,
            },
        }),
    };
    let step = match stream.marks.numbers {
        Numbers::Rise => Step::Rises,
        Numbers::ByOne => Step::ByOne,
    };
    Ok(StreamSettings {
        speaks: stream.speaks,
        origins: stream.origins.clone(),
        machine: Arc::new(machine),
        rule: Rule { step, reset_after: stream.marks.recount },
        reading: if reads { Reading::Text } else { Reading::Nothing },
        patterns: Arc::new(patterns(stream)),
        topic: stream.marks.topic.as_deref().and_then(Pointer::parse),
        cursor: stream.marks.cursor.as_deref().and_then(Pointer::parse),
        previous: stream.marks.previous.as_deref().and_then(Pointer::parse),
        message_max: stream.message,
        slow: stream.slow,
        when_full: match stream.slow {
            Slow::Conflate => WhenFull::Conflate,
            Slow::Wait => WhenFull::Wait,
            Slow::Close => WhenFull::Close,
        },
        notice: stream.notice.as_deref().map(Template::parse).transpose()?,
        pace: stream.subscriptions.pace,
        poller: poll.map(Poller::new).transpose()?,
    })
}

fn patterns(stream: &WebSocket) -> Patterns {
    let of = &stream.subscriptions;
    let topics = Pointer::parse(&of.topics).unwrap_or(Pointer::ROOT);
    let naming = |looks| pattern(looks).map(|looks| Naming { looks, topics: topics.clone() });
    Patterns {
        login: pattern(&of.login),
        login_answer: pattern(&of.login_answer),
        subscribe: naming(&of.subscribe),
        unsubscribe: naming(&of.unsubscribe),
        id: of.id.as_deref().and_then(Pointer::parse),
        refused: pattern(&of.refused),
        batch: of.batch as usize,
    }
}

/// Nothing looks like an empty description.
fn pattern(looks: &Looks) -> Option<Pattern> {
    let place = |(place, meant): (&String, &Meant)| {
        let meant = match meant {
            Meant::Is(value) => pattern::Meant::Is(value.clone()),
            Meant::Something => pattern::Meant::Something,
        };
        Pointer::parse(place).map(|place| (place, meant))
    };
    (!looks.is_empty()).then(|| Pattern(looks.iter().filter_map(place).collect()))
}
