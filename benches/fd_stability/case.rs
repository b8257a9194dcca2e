//! The bots: how they leak, what they are guarded by, and what is asked of that.

use std::time::Duration;

use crate::fd_stability::compression::Compression;

/// Descriptors of a bot after its start.
pub(crate) const BASE: u32 = 85;
/// The limit of every bot.
pub(crate) const LIMIT: u32 = 1_024;
/// The band in which a guarded bot stays.
pub(crate) const BAND: (u32, u32) = (50, 150);
/// Orders a second and, where the bot has no feed of its own, quotes.
pub(crate) const TICKS: f64 = 5.0;

/// Streams of the bot that has many.
const STREAMS: u32 = 40;
/// Seconds between messages of one stream.
pub(crate) const MESSAGE_EVERY: f64 = 0.1;

/// One kind of bot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// How it leaks and what holds it, in a few words.
    pub(crate) about: &'static str,
    script: &'static str,
    arguments: &'static [&'static str],
    /// Leaks a minute, in the story.
    pub(crate) rate: f64,
    /// Descriptors that it has open by itself, without ballast.
    own: u32,
    pub(crate) policy: &'static str,
    pub(crate) allow: &'static [&'static str],
    pub(crate) proxy: Proxy,
    /// The most descriptors it may have, and why these are more than the band.
    pub(crate) most: (u32, &'static str),
}

/// Which proxy of the agent's it is led through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Proxy {
    None,
    Postgres,
    Http,
    WebSocket,
}

const POOLED: &str = include_str!("pooled.toml");
const REAPED: &str = include_str!("reaped.toml");

/// All of them.
pub(crate) const CASES: [Case; 6] = [
    Case {
        name: "postgres",
        about: "asyncpg: a connection a question, never closed; behind the PostgreSQL pool, which closes what rests",
        script: "asyncpg_connections.py",
        arguments: &[],
        rate: 4.0,
        own: 7,
        policy: POOLED,
        allow: &["stop"],
        proxy: Proxy::Postgres,
        most: (BAND.1, ""),
    },
    Case {
        name: "http",
        about: "aiohttp: a session a request, never closed; behind the HTTP pool, which closes what rests",
        script: "aiohttp_sessions.py",
        arguments: &["--how", "idle", "--desk", "http"],
        rate: 4.5,
        own: 7,
        policy: POOLED,
        allow: &["stop"],
        proxy: Proxy::Http,
        most: (BAND.1, ""),
    },
    Case {
        name: "websocket",
        about: "websockets: 40 streams connected anew when stale, the old ones forgotten; behind the proxy, which replaces what is silent",
        script: "websocket_stale.py",
        arguments: &["--streams", "40"],
        rate: 4.5,
        own: 46,
        policy: include_str!("streamed.toml"),
        allow: &["stop"],
        proxy: Proxy::WebSocket,
        most: (BAND.1, ""),
    },
    Case {
        name: "close-wait",
        about: "raw sockets: closed by the other side and forgotten; reaped",
        script: "raw_sockets.py",
        arguments: &["--how", "unread", "--quotes"],
        rate: 3.6,
        own: 5,
        policy: REAPED,
        allow: &["destroy_sockets", "reap_descriptors", "stop"],
        proxy: Proxy::None,
        most: (BAND.1, ""),
    },
    Case {
        name: "threads",
        about: "threads that lose sockets beside one order connection for life; reaped",
        script: "threaded.py",
        arguments: &["--wait", "recv", "--quotes"],
        rate: 3.6,
        own: 10,
        policy: REAPED,
        allow: &["destroy_sockets", "reap_descriptors", "stop"],
        proxy: Proxy::None,
        most: (BAND.1, ""),
    },
    Case {
        name: "unread",
        about: "aiohttp: streams never read to their end; nothing but a restart helps",
        script: "aiohttp_sessions.py",
        arguments: &["--how", "unread", "--quotes"],
        rate: 5.0,
        own: 6,
        policy: include_str!("restarted.toml"),
        allow: &["destroy_sockets", "stop"],
        proxy: Proxy::None,
        most: (
            450,
            "only a restart gives these back, and one an hour (above 400) costs the bot less than one every quarter of an hour (above 150)",
        ),
    },
];

impl Case {
    /// The script and its options, but for where its lines go.
    pub(crate) fn words(&self, compression: Compression) -> Vec<String> {
        let mut words = vec![self.script.to_owned()];
        words.extend(self.arguments.iter().map(|&word| word.to_owned()));
        let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
        if self.proxy == Proxy::WebSocket {
            option("--patience", format!("{:.3}", patience(compression).as_secs_f64()));
        } else {
            option("--rate", format!("{:.3}", compression.rate(self.rate)));
        }
        option("--tick", (1.0 / TICKS).to_string());
        option("--limit", LIMIT.to_string());
        option("--ballast", (BASE - self.own).to_string());
        words
    }

    /// Quotes that are due in a second.
    pub(crate) fn quotes_a_second(&self) -> f64 {
        match self.proxy {
            Proxy::WebSocket => f64::from(STREAMS) / MESSAGE_EVERY,
            Proxy::None | Proxy::Postgres | Proxy::Http => TICKS,
        }
    }
}

/// The proxy tries again within this; it is not made short.
const FIRST_TRY: Duration = Duration::from_secs(1);

/// Silence after which the proxy replaces a connection: a minute of the story.
pub(crate) fn silence(compression: Compression) -> Duration {
    compression.short(Duration::from_secs(60))
}

/// Silence after which the bot connects anew: later than the proxy takes.
fn patience(compression: Compression) -> Duration {
    silence(compression) + FIRST_TRY * 2
}

/// How long the venue speaks on a connection before it falls silent: so that the bot leaks at its rate.
pub(crate) fn stream_life(compression: Compression) -> Duration {
    let rate = CASES.iter().find(|case| case.proxy == Proxy::WebSocket).map_or(1.0, |case| case.rate);
    Duration::from_secs_f64(f64::from(STREAMS) / compression.rate(rate)).saturating_sub(patience(compression))
}
