//! `stream` of a proxy in the JSON Schema.

use std::time::Duration;

use serde_json::{Value, json};

use super::{SIZE, SPAN, count, flag, list, pattern, span, table, text, usual, words};
use crate::config::defaults;
use crate::config::show::NONE;
use crate::model::units::{format_bytes, format_span};

const POINTER: &str = "^(/.*)?$";
const ORIGIN: &str = "^[a-z-]+://[a-z0-9.:_\\[\\]-]+$";

fn span_or_none(about: &str, default: Option<Duration>) -> Value {
    let default = default.map_or_else(|| NONE.to_owned(), format_span);
    usual(pattern(about, &format!("{SPAN}|^{NONE}$")), default)
}

fn looks(about: &str) -> Value {
    let meant = json!({ "type": ["string", "integer", "boolean"] });
    json!({ "description": about, "type": "object", "additionalProperties": meant })
}

/// What only WebSockets have.
pub(super) fn stream() -> Value {
    let place = |about: &str| pattern(about, POINTER);
    let number = |about: &str, (least, most), default: u32| usual(count(about, least, most), default);
    let size = pattern("The longest message, either way.", SIZE);
    let slow = words("What is done with a client that does not keep up.", &["wait", "conflate", "close"]);
    let speaks = words("What its clients speak.", &["json", "ethereum"]);
    let numbers = words("How the numbers of a topic go on.", &["rise", "by-one"]);
    let pauses = list("Before the second try, the third, and so on.", pattern("One.", SPAN));
    table(
        "Streams of WebSockets.",
        json!({
            "message": usual(size, format_bytes(defaults::STREAM_MESSAGE)),
            "speaks": usual(speaks, "json"),
            "origins": list("Pages in a browser that may connect.", pattern("An origin.", ORIGIN)),
            "slow": usual(slow, "wait"),
            "heartbeat": span_or_none("A ping so often.", Some(defaults::STREAM_HEARTBEAT)),
            "pong": span("Its answer within.", defaults::STREAM_PONG),
            "silence": span_or_none("No message for so long is a loss.", None),
            "pauses": pauses,
            "tries": number("So many in a row.", (0, 1_000), defaults::STREAM_TRIES),
            "stable": span("A connection that held so long makes the next loss the first.", defaults::STREAM_STABLE),
            "probe": span("After the last try from probe to probe.", defaults::STREAM_PROBE),
            "close": span("The upstream may take so long to answer a close.", defaults::STREAM_CLOSE),
            "login": looks("What a login looks like."),
            "login_answer": looks("What its answer looks like."),
            "subscribe": looks("What a subscription looks like."),
            "unsubscribe": looks("What its end looks like."),
            "topics": usual(place("Where both name their topics."), defaults::STREAM_TOPICS),
            "id": place("Where requests and answers bear their number."),
            "refused": usual(looks("What an answer looks like that refuses."), json!({ defaults::STREAM_REFUSED: "*" })),
            "batch": number("Topics in one message that is said again.", (1, 1_024), defaults::STREAM_BATCH),
            "pace": span("From one of these to the next.", defaults::STREAM_PACE),
            "topic": place("Where a message bears its topic."),
            "cursor": place("Where it bears its number."),
            "previous": place("Where it bears the number of the message before it."),
            "numbers": usual(numbers, "rise"),
            "recount": span("Numbers that are not above the last one for so long are a new count.", defaults::STREAM_RECOUNT),
            "notice": text("What a client is told where something is missing: JSON."),
            "poll": poll(),
        }),
        &[],
    )
}

fn poll() -> Value {
    let place = |about: &str| pattern(about, POINTER);
    let mut fallback = flag("It polls when no try is left.");
    fallback["default"] = json!(true);
    table(
        "How it is polled.",
        json!({
            "url": pattern("What is asked; {topic} stands for each topic.", "^https?://.+"),
            "every": span("From poll to poll.", defaults::POLL_EVERY),
            "timeout": span("An answer may take so long.", defaults::POLL_TIMEOUT),
            "items": place("Where the items are in an answer."),
            "topic": place("Where an item bears its topic."),
            "cursor": place("Where it bears its number."),
            "message": usual(text("The message that an item becomes: JSON."), defaults::POLL_MESSAGE),
            "dwell": span("It stays in polls at least so long.", defaults::POLL_DWELL),
            "prime": span("From a connection that is open again to its service.", defaults::POLL_PRIME),
            "fallback": fallback,
        }),
        &["url"],
    )
}
