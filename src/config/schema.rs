//! The JSON Schema of the agent file, for editors. `tests/policies` holds it against what the reader knows.

mod proxy;
mod stream;

use serde_json::{Value, json};

use super::defaults;
use crate::model::action::{Effect, Word};
use crate::model::select_use::SelectUse;
use crate::model::units::{format_bytes, format_ratio, format_span};

const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$";
const SPAN: &str = "^([0-9.]+ *(ms|s|m|min|h|d) *)+$";
const SIZE: &str = "^[0-9.]+ *(B|[KMGT]iB|[kMGT]B)$";
const SHARE: &str = "^[0-9.]+ *%$";
const QUOTA: &str = "^[0-9]+ */.+$";
const REMOTE: &str = "^.+:([0-9]+|\\*)$";

/// The JSON Schema (draft 2020-12) of the agent file.
pub fn schema() -> Value {
    let mut root = table(
        "The agent file of fdguard.",
        json!({
            "schema": { "const": super::SCHEMA, "description": "The version of the file's form." },
            "target": named("What is guarded.", target()),
            "proxy": named("Local listeners and the pools behind them.", proxy::proxy()),
            "probe": named("Questions asked again and again; the answers are signals.", probe()),
            "hook": named("What a policy's `run` and a stop's `before` may call.", hook()),
            "notify": named("Who is told, beside the journal.", receiver()),
            "history": history(),
            "fleet": fleet(),
            "admin": admin(),
            "agent": agent(),
        }),
        &["schema"],
    );
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("fdguard agent file");
    root
}

fn table(about: &str, properties: Value, required: &[&str]) -> Value {
    let mut schema = json!({
        "type": "object",
        "description": about,
        "required": required,
        "additionalProperties": false,
    });
    schema["properties"] = properties;
    schema
}

fn named(about: &str, entry: Value) -> Value {
    let mut schema = json!({ "type": "object", "description": about, "propertyNames": { "pattern": NAME } });
    schema["additionalProperties"] = entry;
    schema
}

fn text(about: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "description": about })
}

fn pattern(about: &str, pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern, "description": about })
}

fn usual(mut schema: Value, default: impl Into<Value>) -> Value {
    schema["default"] = default.into();
    schema
}

fn span(about: &str, default: std::time::Duration) -> Value {
    usual(pattern(about, SPAN), format_span(default))
}

fn flag(about: &str) -> Value {
    json!({ "type": "boolean", "default": false, "description": about })
}

fn count(about: &str, least: u64, most: u64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most, "description": about })
}

fn words(about: &str, words: &[&str]) -> Value {
    json!({ "enum": words, "description": about })
}

fn list(about: &str, items: Value) -> Value {
    let mut schema = json!({ "type": "array", "description": about });
    schema["items"] = items;
    schema
}

fn argv() -> Value {
    json!({
        "type": "array",
        "items": { "type": "string" },
        "minItems": 1,
        "maxItems": 256,
        "description": "Program and arguments; no shell reads them.",
    })
}

fn variables() -> Value {
    json!({
        "type": "object",
        "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
        "additionalProperties": { "type": "string" },
        "description": "Variables added to the agent's environment.",
    })
}

fn target() -> Value {
    let dangerous: Vec<&str> =
        Word::ALL.iter().filter(|word| word.effect() == Effect::Dangerous).map(|word| word.name()).collect();
    let select: Vec<&str> = SelectUse::WORDS.iter().map(|(word, _)| *word).collect();
    table(
        "A guarded process or set of processes.",
        json!({
            "match": matching(),
            "policy": list("Policy files that act; [] only watches.", text("A path.")),
            "shadow": list("Policy files that only tell where they would have acted.", text("A path.")),
            "protect": list("Remotes whose sockets no action may destroy or reap.", pattern("host:port", REMOTE)),
            "allow": list("Dangerous words that may be done to it.", words("A word.", &dangerous)),
            "dry_run": flag("Actions are told and not done."),
            "select": usual(
                words("Whether it uses select(), which breaks on descriptors past 1023; raise_nofile heeds it.", &select),
                "auto",
            ),
            "window": table("Windows of the slope behind fd.tte.", json!({
                "short": span("For fast leaks.", defaults::WINDOW_SHORT),
                "long": span("For slow leaks.", defaults::WINDOW_LONG),
            }), &[]),
            "restart": table("When a child is started again.", json!({
                "when": usual(words("When.", &["policy", "always", "on-failure"]), "policy"),
                "backoff": span("First pause, doubled each time.", defaults::RESTART_BACKOFF),
                "backoff_max": span("Longest pause.", defaults::RESTART_BACKOFF_MAX),
                "max": usual(pattern("At most so often.", QUOTA), defaults::RESTART_MAX.to_string()),
            }), &[]),
            "stop": table("How a person, and the agent at its end, stops it; a policy says it for itself.", json!({
                "before": list("Hooks to run before the signal.", pattern("A hook.", NAME)),
                "grace": span("Between TERM and KILL.", defaults::STOP_GRACE),
            }), &[]),
            "trading": table("What its policies pause where they pause trading.", json!({
                "gates": list("Proxies whose order gate they close; all that have one where empty.", pattern("A proxy.", NAME)),
                "hook": pattern("The bot's own hook, told of each change.", NAME),
                "resume": pattern("The one that is told that all is active again, where that is another one.", NAME),
            }), &[]),
        }),
        &["match", "policy"],
    )
}

fn matching() -> Value {
    let child = table(
        "A command with its surroundings.",
        json!({ "argv": argv(), "env": variables(), "cwd": text("The folder it runs in.") }),
        &["argv"],
    );
    let ways = json!({
        "pid": count("A number, once.", 1, 1 << 22),
        "pidfile": text("A file that holds the number."),
        "unit": pattern("A systemd unit.", "\\.(service|scope|slice)$"),
        "cgroup": pattern("A cgroup, from the root of its hierarchy.", "^/."),
        "command": text("A regular expression over the command line."),
        "child": { "oneOf": [argv(), child], "description": "A command the agent starts itself." },
    });
    let mut schema = table("How its processes are found; one way.", ways, &[]);
    schema["minProperties"] = json!(1);
    schema["maxProperties"] = json!(1);
    schema
}

fn call(extra: &Value) -> Value {
    let mut properties = json!({
        "url": pattern("Where to.", "^https?://"),
        "method": words("How.", &["GET", "POST", "PUT", "DELETE"]),
        "headers_file": text("A file of `Name: value` lines."),
        "body": text("What is sent."),
    });
    extend(&mut properties, extra);
    let required: &[&str] = if extra.get("every").is_some() { &["url", "every"] } else { &["url"] };
    table("An HTTP call.", properties, required)
}

fn extend(properties: &mut Value, extra: &Value) {
    for (key, schema) in extra.as_object().into_iter().flatten() {
        properties[key] = schema.clone();
    }
}

fn probe() -> Value {
    let timing = json!({
        "value": pattern("Where the value stands in a JSON answer (RFC 6901).", "^(/.*)?$"),
        "every": pattern("Time from one question to the next.", SPAN),
        "timeout": span("Without an answer in this time the value is unknown.", defaults::PROBE_TIMEOUT),
    });
    let mut run = json!({ "argv": argv(), "env": variables(), "user": text("The user it runs as.") });
    extend(&mut run, &timing);
    table(
        "A question asked again and again.",
        json!({
            "feeds": words("The signal it feeds.", &["orders.open", "deadman.armed"]),
            "targets": list("The targets it speaks of; all where empty.", pattern("A target.", NAME)),
            "http": call(&timing),
            "run": table("A command whose standard output is the answer.", run, &["argv", "every"]),
        }),
        &[],
    )
}

fn hook() -> Value {
    let until = json!({
        "probe": text("A probe, asked until it says 0."),
        "within": span("It is asked so long.", defaults::HOOK_UNTIL),
    });
    table(
        "A command or an HTTP call of the operator's own.",
        json!({
            "run": argv(),
            "env": variables(),
            "user": text("The user it runs as."),
            "http": call(&json!({})),
            "timeout": span("It is given up after so long.", defaults::HOOK_TIMEOUT),
            "until": table("What shows that its work is done.", until, &["probe"]),
        }),
        &[],
    )
}

fn receiver() -> Value {
    let headers = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    table(
        "Somebody to tell.",
        json!({
            "url_file": text("A file that holds the address of a webhook."),
            "url_env": pattern("A variable that holds it.", "^[A-Za-z0-9_]+$"),
            "url": pattern("The address itself; better in a file of its own.", "^https?://"),
            "command": argv(),
            "format": usual(words("What a webhook is sent.", &["slack", "json"]), "slack"),
            "headers": headers,
            "headers_file": text("A file of `Name: value` lines."),
            "timeout": span("One attempt.", defaults::NOTIFY_TIMEOUT),
            "group": span("Notices within this time go out as one.", defaults::NOTIFY_GROUP),
            "rate": usual(pattern("At most so many.", QUOTA), defaults::NOTIFY_RATE.to_string()),
            "retries": usual(count("Attempts after the first.", 0, 10), defaults::NOTIFY_RETRIES),
        }),
        &[],
    )
}

fn history() -> Value {
    let size = usual(pattern("On disk at most.", SIZE), format_bytes(defaults::HISTORY_SIZE));
    table(
        "Where the history is kept.",
        json!({
            "store": pattern("An SQLite file, a database in PostgreSQL, or none.", "^(none|sqlite:.+|postgres(ql)?://.+)$"),
            "password_file": text("The file that holds the password of the database."),
            "agent": text("Under which name the agent writes to the database."),
            "keep": table("How much of it.", json!({
                "for": span("Entries older than this go.", defaults::HISTORY_FOR),
                "size": size,
            }), &[]),
        }),
        &[],
    )
}

fn fleet() -> Value {
    table(
        "How many bots of a group may be stopped at once, over all machines.",
        json!({
            "etcd": text("Where etcd answers."),
            "group": text("The group."),
            "at_most": usual(count("So many may be stopped at once.", 1, 64), defaults::FLEET_AT_MOST),
            "lease": span("How long a stop has its place where nobody gives it back.", defaults::FLEET_LEASE),
        }),
        &["etcd", "group"],
    )
}

fn admin() -> Value {
    let id = || count("A number.", 0, u64::from(u32::MAX) - 1);
    table(
        "The control socket.",
        json!({
            "socket": text("Its path."),
            "allow": table("Who may use it beside root and the agent's own user.", json!({
                "uid": list("Users.", id()),
                "gid": list("Groups.", id()),
            }), &[]),
            "metrics": table("Where Prometheus reads.", json!({
                "listen": text("An address and a port."),
                "token_file": text("A file with the token that who reads must know."),
            }), &["listen"]),
            "api": table("Where the status API and its page are served.", json!({
                "listen": text("An address of this machine and a port."),
                "read_token_file": text("A file with the token that lets somebody look."),
                "write_token_file": text("A file with the token that lets somebody look and command."),
            }), &["listen"]),
        }),
        &[],
    )
}

fn agent() -> Value {
    let levels = ["error", "warn", "info", "debug", "trace"];
    let bundle = usual(pattern("Largest bundle.", SIZE), format_bytes(defaults::EVIDENCE_SIZE));
    table(
        "The agent itself.",
        json!({
            "dry_run": flag("Actions are told and not done, for all targets."),
            "log": usual(words("What is logged.", &levels), defaults::LOG.name()),
            "reserve": usual(count("Descriptors kept back.", 4, 1024), defaults::RESERVE),
            "tick": table("When it looks.", json!({
                "fast_min": span("Shortest time between fast ticks.", defaults::TICK_FAST_MIN),
                "fast_max": span("Longest time between fast ticks.", defaults::TICK_FAST_MAX),
                "full": span("Time between full ticks.", defaults::TICK_FULL),
                "cpu": usual(pattern("Share of one core.", SHARE), format_ratio(defaults::TICK_CPU)),
            }), &[]),
            "evidence": table("Where evidence bundles go.", json!({
                "dir": text("The folder."),
                "max_size": bundle,
                "keep": usual(count("How many are kept.", 1, 10_000), defaults::EVIDENCE_KEEP),
            }), &[]),
        }),
        &[],
    )
}
