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

/// Of the proxy itself, where it speaks `tcp`.
pub(super) const OF_PROXY: &[Foreign] =
    &[("tls", TLS), ("cache", COMMANDS), ("cache_size", COMMANDS), ("console", LOGIN), ("truth", SERVER)];

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

/// Reports every key of `foreign` that is there.
pub(super) fn refuse(section: &mut Section<'_>, foreign: &[Foreign], cx: &mut Context<'_>) {
    for (key, why) in foreign {
        if section.value(key).is_none() {
            continue;
        }
        let span = section.key_span(key).unwrap_or_else(|| section.span());
        let message = format!("`{key}` means nothing for protocol `tcp`");
        cx.faults.push(Diagnostic::error("wrong-protocol", span, message).help(*why));
    }
}
