//! Keys that a protocol has no use for: told where they stand, with the reason.

use crate::config::section::{Context, Section};
use crate::model::diagnostic::Diagnostic;

/// A key of another protocol, and why it means nothing here.
pub(super) type Foreign = (&'static str, &'static str);

const SESSIONS: &str = "a stream of bytes is passed to its end: nothing is lent, kept or used again";
const COMMANDS: &str = "what passes is not read, so no command in it is seen";
const LOGIN: &str = "nobody logs in: `allow` says who may connect";
const SERVER: &str = "what the server is, is not known: there are no words to ask it in";
const TLS: &str = "TLS passes as it is, from client to upstream";

/// The name of a protocol, as it is told.
pub(super) const TCP: &str = "tcp";
/// The name of a protocol, as it is told.
pub(super) const HTTP: &str = "http";

/// Of the proxy itself, where it speaks `tcp`.
pub(super) const OF_PROXY: &[Foreign] = &[
    ("tls", TLS),
    ("cache", COMMANDS),
    ("cache_size", COMMANDS),
    ("console", LOGIN),
    ("truth", SERVER),
    ("gate", COMMANDS),
];

/// Of its pool.
pub(super) const OF_POOL: &[Foreign] = &[
    ("mode", SESSIONS),
    ("min", SESSIONS),
    ("command_timeout", COMMANDS),
    ("idle_transaction", COMMANDS),
    ("max_uses", SESSIONS),
    ("idle", "a stream that rests is closed after `clients.idle`"),
    ("check", SESSIONS),
    ("statements", COMMANDS),
    ("state", COMMANDS),
    ("reset", SESSIONS),
    ("login", LOGIN),
];

/// Of its clients.
pub(super) const OF_CLIENTS: &[Foreign] =
    &[("login", LOGIN), ("auth", LOGIN), ("users_file", LOGIN), ("tries", LOGIN), ("tls", TLS)];

const STATELESS: &str = "each request stands for itself: nothing is left of it on its connection";
const BY_HTTP: &str = "write `read_timeout` or `total_timeout`";

/// Of the proxy itself, where it speaks `http`.
pub(super) const HTTP_PROXY: &[Foreign] =
    &[("cache", STATELESS), ("cache_size", STATELESS), ("console", LOGIN), ("truth", SERVER)];

/// Of its pool.
pub(super) const HTTP_POOL: &[Foreign] = &[
    ("mode", "a connection is lent for one request and its answer"),
    ("command_timeout", BY_HTTP),
    ("idle_transaction", BY_HTTP),
    ("check", "a connection that rests is watched: one that its server has closed is never lent"),
    ("statements", STATELESS),
    ("state", STATELESS),
    ("reset", STATELESS),
    ("login", LOGIN),
];

/// Of its clients.
pub(super) const HTTP_CLIENTS: &[Foreign] = &[
    ("login", "write `head`"),
    ("auth", LOGIN),
    ("users_file", LOGIN),
    ("tries", LOGIN),
    ("tls", "the listener is for programs of this machine, which need none"),
];

/// The name of a protocol, as it is told.
pub(super) const WEBSOCKET: &str = "websocket";
const OWN: &str = "each client has a connection of its own, for as long as it stays";
/// Of the proxy itself, where it speaks `websocket`.
pub(super) const WEBSOCKET_PROXY: &[Foreign] = &[
    ("cache", "messages are not answers: nothing could be asked again"),
    ("cache_size", "messages are not answers: nothing could be asked again"),
    ("console", LOGIN),
    ("truth", SERVER),
    ("host", "the upstream is told its own name"),
];
/// Of its pool.
pub(super) const WEBSOCKET_POOL: &[Foreign] = &[
    ("mode", OWN),
    ("min", OWN),
    ("per_host", "write `max`"),
    ("read_timeout", "write `stream.silence`"),
    ("total_timeout", "write `connect_timeout`"),
    ("command_timeout", "write `stream.silence`"),
    ("idle_transaction", OWN),
    ("max_uses", OWN),
    ("idle", "write `stream.silence`"),
    ("lifetime", OWN),
    ("check", "write `stream.heartbeat`"),
    ("statements", OWN),
    ("state", OWN),
    ("reset", OWN),
    ("login", "what a client says is said again: write `stream.login`"),
];
/// Of its clients.
pub(super) const WEBSOCKET_CLIENTS: &[Foreign] = &[
    ("login", "write `head`"),
    ("auth", LOGIN),
    ("users_file", LOGIN),
    ("tries", LOGIN),
    ("tls", "the listener is for programs of this machine, which need none"),
    ("idle", "a quiet stream is not idle"),
];

/// Reports every key of `foreign` that is there.
pub(super) fn refuse(section: &mut Section<'_>, protocol: &str, foreign: &[Foreign], cx: &mut Context<'_>) {
    refuse_for(section, &format!("for protocol `{protocol}`"), foreign, cx);
}

/// The same of keys that mean nothing beside another one.
pub(super) fn refuse_beside(section: &mut Section<'_>, key: &str, foreign: &[Foreign], cx: &mut Context<'_>) {
    refuse_for(section, &format!("beside `{key}`"), foreign, cx);
}

fn refuse_for(section: &mut Section<'_>, whose: &str, foreign: &[Foreign], cx: &mut Context<'_>) {
    for (key, why) in foreign {
        if section.value(key).is_none() {
            continue;
        }
        let span = section.key_span(key).unwrap_or_else(|| section.span());
        let message = format!("`{key}` means nothing {whose}");
        cx.faults.push(Diagnostic::error("wrong-protocol", span, message).help(*why));
    }
}
