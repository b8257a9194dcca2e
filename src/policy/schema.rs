//! The JSON Schema of a policy file, for editors: completion, and marks where a key or word is wrong.
//!
//! It describes the shape; what an expression may say is checked by `policy check` alone.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use crate::model::action::Word;
use crate::model::units::format_span;
use crate::policy::SCHEMA;
use crate::policy::definition::{
    COOLDOWN, DESTROY_MAX, DESTROY_OLDER, DWELL, FREEZE_LIMIT, ITEMS_MAX, POLL_EVERY, REAP_MAX, REAP_OLDER,
    START_GRACE, STOP_GRACE, TIERS_MAX, UPKEEP_MAX, WITHIN,
};

/// The schema.
pub fn schema() -> Value {
    let top = [
        ("schema", json!({ "const": SCHEMA, "description": "The version of this format." })),
        ("name", name("The policy's name.")),
        ("about", json!({ "type": "string", "description": "What it is for." })),
        ("dry_run", dry_run()),
        ("upkeep", list("What is done by the clock.", &reference("upkeep"), UPKEEP_MAX)),
        (
            "ladder",
            json!({
                "type": "object",
                "description": "Ladders, each under a name of its own: [[ladder.NAME.tier]].",
                "propertyNames": { "pattern": NAME },
                "additionalProperties": reference("ladder"),
            }),
        ),
    ];
    let mut root = object("A policy of fdguard.", &["schema", "name"], top);
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("fdguard policy");
    root["$defs"] = json!({
        "upkeep": upkeep(),
        "ladder": ladder(),
        "tier": tier(),
        "expect": expect(),
        "action": action(),
        "hold": hold(),
    });
    root
}

const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$";
const SPAN: &str = r"^\s*([0-9]+(\.[0-9]+)?\s*(ms|s|m|min|h|d)\s*)+$";

fn object<const N: usize>(about: &str, required: &[&str], properties: [(&str, Value); N]) -> Value {
    let properties: Map<String, Value> =
        properties.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    json!({
        "type": "object",
        "description": about,
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    })
}

fn reference(to: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{to}") })
}

fn list(about: &str, items: &Value, most: usize) -> Value {
    json!({ "type": "array", "description": about, "items": items, "maxItems": most })
}

fn name(about: &str) -> Value {
    json!({ "type": "string", "pattern": NAME, "description": about })
}

fn expression(about: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "description": about })
}

fn span(about: &str, default: Option<std::time::Duration>) -> Value {
    let mut value = json!({ "type": "string", "pattern": SPAN, "description": about });
    if let Some(default) = default {
        value["default"] = json!(format_span(default));
    }
    value
}

fn words(about: &str, words: &[&str], default: &str) -> Value {
    json!({ "enum": words, "default": default, "description": about })
}

fn count(about: &str, default: u32) -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": 10_000, "default": default, "description": about })
}

fn dry_run() -> Value {
    json!({ "type": "boolean", "default": false, "description": "Decide and record as ever, but do nothing." })
}

fn upkeep() -> Value {
    object(
        "Something done by the clock, whatever the tiers say.",
        &["every", "do"],
        [
            ("name", name("Its name.")),
            ("every", span("How often.", None)),
            ("do", list("What, in order.", &reference("action"), ITEMS_MAX)),
        ],
    )
}

fn ladder() -> Value {
    let tiers = list("Tiers, mildest first.", &reference("tier"), TIERS_MAX);
    object(
        "Tiers in order of severity.",
        &["tier"],
        [
            ("start_grace", span("Nothing disruptive while a process is younger.", Some(START_GRACE))),
            ("tier", tiers),
        ],
    )
}

fn tier() -> Value {
    let sustain = json!({
        "type": "string",
        "pattern": format!(r"{SPAN}|^\s*[0-9]+ of [0-9]+\s*$"),
        "default": "0s",
        "description": "How long the raise must hold: a duration, or `3 of 5` ticks.",
    });
    let budget = json!({
        "type": "string",
        "pattern": r"^\s*[0-9]+/.+$",
        "description": "How many runs of `do`, kept over restarts: `12/day`, `3/10m`.",
    });
    object(
        "A tier.",
        &["name", "raise"],
        [
            ("name", name("Its name.")),
            ("raise", expression("When it is entered.")),
            ("clear", expression("When it may be left; where absent, when the raise is known to be false.")),
            ("for", sustain),
            ("dwell", span("It is kept at least so long.", Some(DWELL))),
            ("cooldown", span("Time between two runs of `do`.", Some(COOLDOWN))),
            ("budget", budget),
            ("do", list("What is done once, in order.", &reference("action"), ITEMS_MAX)),
            ("hold", list("What is kept up while the tier is active.", &reference("hold"), ITEMS_MAX)),
            ("expect", reference("expect")),
            ("guard", expression("What must hold before anything that the bot can notice is done.")),
            (
                "latch",
                json!({ "const": "human", "description": "A spent budget waits for `fdguard ctl release`." }),
            ),
            (
                "always",
                json!({ "type": "boolean", "default": false, "description": "Do it also where the tier is jumped over." }),
            ),
            ("every", span("Repeat `do` so often while the tier stays.", None)),
        ],
    )
}

fn expect() -> Value {
    object(
        "What a run of `do` should bring about.",
        &["that"],
        [
            ("that", expression("What should become true; `before.x` is a signal as the run found it.")),
            ("within", span("How soon after the run.", Some(WITHIN))),
        ],
    )
}

/// A word alone, a table of that word, or both.
fn variants(words: impl Iterator<Item = (Word, Value)>) -> Value {
    let mut bare = Vec::new();
    let mut one_of = Vec::new();
    for (word, mut fields) in words {
        fields["properties"]["dry_run"] = dry_run();
        if fields["required"].as_array().is_none_or(Vec::is_empty) {
            bare.push(word.name());
        }
        one_of.push(object(word.meaning(), &[word.name()], [(word.name(), fields)]));
    }
    one_of.insert(0, json!({ "enum": bare }));
    json!({ "oneOf": one_of })
}

fn action() -> Value {
    let hooks = json!({ "type": "array", "items": name("A hook of the agent's file.") });
    let nofile = json!({
        "oneOf": [{ "const": "hard" }, { "type": "integer", "minimum": 1, "maximum": 1_048_576 }],
        "default": "hard",
        "description": "How far: to the hard limit, or to a number.",
    });
    let share = json!({ "type": "string", "default": "100%", "description": "Which share, oldest first." });
    let max = |default| count("At most so many, oldest first.", default);
    let older = |default| span("Only those at least so old.", Some(default));
    let notify = [
        ("to", name("A receiver of the agent's file, or `journal`.")),
        ("message", json!({ "type": "string", "description": "What to say; else what happened is said." })),
    ];
    let reset = [
        ("pool", name("The pool.")),
        ("how", words("Which connections and how.", &["idle", "drain", "hard"], "idle")),
        ("share", share),
    ];
    let destroy = [
        ("older", older(DESTROY_OLDER)),
        ("remote", json!({ "type": "string", "description": "Only those to this remote: `host:port`." })),
        ("max", max(DESTROY_MAX)),
    ];
    let stop = [
        ("before", hooks),
        ("grace", span("Time between TERM and KILL.", Some(STOP_GRACE))),
        ("then", words("What follows.", &["restart", "stay", "systemd"], "stay")),
    ];
    let fields = [
        (Word::Notify, object("Whom, and what.", &[], notify)),
        (Word::Snapshot, object("Nothing to say.", &[], [])),
        (Word::RaiseNofile, object("How far.", &[], [("to", nofile)])),
        (Word::ResetPool, object("Which pool and how.", &["pool"], reset)),
        (Word::DestroySockets, object("Which sockets.", &[], destroy)),
        (
            Word::ReapDescriptors,
            object("Which descriptors.", &[], [("older", older(REAP_OLDER)), ("max", max(REAP_MAX))]),
        ),
        (Word::Run, object("Which hook.", &["hook"], [("hook", name("A hook of the agent's file."))])),
        (Word::Stop, object("How.", &[], stop)),
    ];
    variants(fields.into_iter())
}

fn hold() -> Value {
    let rate = json!({ "type": "string", "description": "New clients allowed: `5/s`, `90/min`." });
    let gate = words("How far.", &["reducing", "halted"], "reducing");
    let fields = [
        (
            Word::ThrottleConnects,
            object("Which pool, how fast.", &["pool", "rate"], [("pool", name("The pool.")), ("rate", rate)]),
        ),
        (
            Word::PollStream,
            object(
                "Which stream, how often.",
                &["stream"],
                [("stream", name("The stream.")), ("every", span("Time between polls.", Some(POLL_EVERY)))],
            ),
        ),
        (Word::PauseTrading, object("How far.", &[], [("state", gate)])),
        (
            Word::Freeze,
            object("How long at most.", &[], [("limit", span("Thawed after so long.", Some(FREEZE_LIMIT)))]),
        ),
    ];
    variants(fields.into_iter())
}
