//! `clients`: how many there may be, and how long one may rest. How they log in is read in `admission`.

use std::time::Duration;

use super::{Kind, foreign};
use crate::config::section::{Context, Section};
use crate::config::show::Size;
use crate::config::{defaults, read};
use crate::model::diagnostic::Diagnostic;

/// The most clients of one proxy, and the most descriptors that may count as few.
const CLIENTS_MAX: u32 = 100_000;
const KIB: u64 = 1 << 10;

/// Clients of a proxy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clients {
    /// At most so many.
    pub max: u32,
    /// Of them, let in while new clients are throttled.
    pub reserve: u32,
    /// While a guarded process that is a client has at most so many descriptors left, nobody is let in beyond the reserve.
    pub scarce: Option<u32>,
    /// One that rests so long outside of work is closed.
    pub idle: Option<Duration>,
    /// The most bytes held for one, in each direction.
    pub buffer: u64,
}

/// Reads the part of `clients` that every protocol has.
pub(super) fn read(section: &mut Section<'_>, kind: Kind, cx: &mut Context<'_>) -> Clients {
    let max = section.or(cx, "max", defaults::CLIENTS_MAX, read::number(1..=CLIENTS_MAX));
    let reserve = section.or(cx, "reserve", defaults::CLIENTS_RESERVE, read::number(0..=CLIENTS_MAX));
    let idle = read::span(Duration::from_millis(100)..=Duration::from_hours(24 * 30));
    let scarce = read::or_none(read::number(1..=CLIENTS_MAX));
    let scarce = section.or(cx, "scarce", Some(defaults::CLIENTS_SCARCE), scarce);
    // A stream may be quiet for long and still be listened to: its clients are watched by pings.
    let usual = if kind == Kind::WebSocket { None } else { Some(defaults::CLIENTS_IDLE) };
    let idle =
        if kind == Kind::WebSocket { None } else { section.or(cx, "idle", usual, read::or_none(idle)) };
    let buffer = read::size(4 * KIB..=16 * KIB * KIB);
    let Size(buffer) = section.or(cx, "buffer", Size(defaults::CLIENTS_BUFFER), buffer);
    if reserve >= max {
        let span = section.key_span("reserve").or_else(|| section.key_span("max"));
        let span = span.unwrap_or_else(|| section.span());
        let message = format!("`reserve` ({reserve}) must be below `max` ({max})");
        cx.faults.push(Diagnostic::error("out-of-order", span, message));
    }
    match kind {
        Kind::Tcp => foreign::refuse(section, foreign::TCP, foreign::OF_CLIENTS, cx),
        Kind::WebSocket => foreign::refuse(section, foreign::WEBSOCKET, foreign::WEBSOCKET_CLIENTS, cx),
        Kind::Http => foreign::refuse(section, foreign::HTTP, foreign::HTTP_CLIENTS, cx),
        Kind::Postgres => {}
    }
    Clients { max, reserve, scarce, idle, buffer }
}
