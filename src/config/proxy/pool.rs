//! `pool`: connections to the upstreams. What only PostgreSQL's sessions have is read in `session`.

use std::time::Duration;

use super::{Kind, foreign};
use crate::config::section::{Context, Section};
use crate::config::show::{Show, quoted};
use crate::config::{defaults, read};
use crate::model::diagnostic::Diagnostic;

/// The most connections of one pool.
const CONNECTIONS_MAX: u32 = 10_000;
/// The most clients that wait for one.
const WAITERS_MAX: u32 = 100_000;
/// The longest time of any bound of a pool.
const LONGEST: Duration = Duration::from_hours(24 * 30);
const SHORTEST: Duration = Duration::from_millis(10);

/// Connections to the upstreams, and when they are opened, lent, checked and closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pool {
    /// How long a client keeps the connection that it was lent.
    pub mode: Mode,
    /// Kept open even where nobody needs them.
    pub min: u32,
    /// At most so many, over all upstreams.
    pub max: u32,
    /// A client waits at most so long for one.
    pub wait: Duration,
    /// At most so many wait.
    pub waiters: u32,
    /// A command may take so long.
    pub command_timeout: Option<Duration>,
    /// Closed after so many loans.
    pub max_uses: Option<u32>,
    /// Closed after so long without use, down to `min`.
    pub idle: Duration,
    /// Closed when it has become so old and is free; a tenth of it is left to chance, so that not all go at once.
    pub lifetime: Option<Duration>,
    /// A connect with its login may take so long.
    pub connect_timeout: Duration,
    /// At most so many connects at once.
    pub connects: u32,
    /// After so long without use a ping comes before the next loan.
    pub check: Duration,
}

/// How long a client keeps the connection that it was lent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Until it leaves.
    Session,
    /// To the end of its transaction.
    Transaction,
    /// To the end of its statement; transactions over several are refused.
    Statement,
}

const MODES: &[(&str, Mode)] =
    &[("session", Mode::Session), ("transaction", Mode::Transaction), ("statement", Mode::Statement)];

impl Mode {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Transaction => "transaction",
            Self::Statement => "statement",
        }
    }
}

impl Show for Mode {
    fn show(&self) -> String {
        quoted(self.name())
    }
}

/// Reads the part of `pool` that every protocol has, and what only pools with loans have.
pub(super) fn read(section: &mut Section<'_>, kind: Kind, cx: &mut Context<'_>) -> Pool {
    let span = || read::span(SHORTEST..=LONGEST);
    let usual = Usual::of(kind);
    let mut pool = Pool {
        mode: Mode::Session,
        min: defaults::POOL_MIN,
        max: section.or(cx, "max", usual.max, read::number(1..=CONNECTIONS_MAX)),
        wait: section.or(cx, "wait", defaults::POOL_WAIT, span()),
        waiters: section.or(cx, "waiters", defaults::POOL_WAITERS, read::number(0..=WAITERS_MAX)),
        command_timeout: None,
        max_uses: None,
        idle: defaults::POOL_IDLE,
        lifetime: None,
        connect_timeout: section.or(cx, "connect_timeout", usual.connect_timeout, span()),
        connects: section.or(cx, "connects", usual.connects, read::number(1..=CONNECTIONS_MAX)),
        check: defaults::POOL_CHECK,
    };
    match kind {
        Kind::Tcp => {
            pool.lifetime = section.or(cx, "lifetime", None, read::or_none(span()));
            foreign::refuse(section, foreign::TCP, foreign::OF_POOL, cx);
        }
        Kind::WebSocket => foreign::refuse(section, foreign::WEBSOCKET, foreign::WEBSOCKET_POOL, cx),
        Kind::Http => {
            kept(section, &mut pool, cx);
            foreign::refuse(section, foreign::HTTP, foreign::HTTP_POOL, cx);
        }
        Kind::Postgres => loans(section, &mut pool, cx),
    }
    pool
}

/// Defaults that differ between protocols.
struct Usual {
    max: u32,
    connect_timeout: Duration,
    connects: u32,
}

impl Usual {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Postgres | Kind::Tcp => Self {
                max: defaults::POOL_MAX,
                connect_timeout: defaults::POOL_CONNECT_TIMEOUT,
                connects: defaults::POOL_CONNECTS,
            },
            Kind::Http | Kind::WebSocket => Self {
                max: defaults::HTTP_MAX,
                connect_timeout: defaults::HTTP_CONNECT_TIMEOUT,
                connects: defaults::HTTP_CONNECTS,
            },
        }
    }
}

fn loans(section: &mut Section<'_>, pool: &mut Pool, cx: &mut Context<'_>) {
    let span = || read::span(SHORTEST..=LONGEST);
    pool.mode = section.or(cx, "mode", Mode::Transaction, read::word(MODES));
    pool.command_timeout = section.or(cx, "command_timeout", None, read::or_none(span()));
    pool.check = section.or(cx, "check", pool.check, span());
    kept(section, pool, cx);
}

/// Connections that are kept between two loans.
fn kept(section: &mut Section<'_>, pool: &mut Pool, cx: &mut Context<'_>) {
    let span = || read::span(SHORTEST..=LONGEST);
    pool.min = section.or(cx, "min", pool.min, read::number(0..=CONNECTIONS_MAX));
    pool.max_uses = section.or(cx, "max_uses", None, read::or_none(read::number(1..=u32::MAX - 1)));
    pool.idle = section.or(cx, "idle", pool.idle, span());
    let usual = Some(defaults::POOL_LIFETIME);
    pool.lifetime = section.or(cx, "lifetime", usual, read::or_none(span()));
    if pool.min > pool.max {
        let span = section.key_span("min").unwrap_or_else(|| section.span());
        let message = format!("`min` ({}) must not be above `max` ({})", pool.min, pool.max);
        cx.faults.push(Diagnostic::error("out-of-order", span, message));
    }
}
