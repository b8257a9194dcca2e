//! `proxy` in the JSON Schema. What means nothing for `tcp`, or beside `forward`, is told by the reader, not here.

use std::time::Duration;

use serde_json::{Value, json};

use super::stream::stream;
use super::{QUOTA, SIZE, SPAN, count, flag, list, pattern, span, table, text, usual, words};
use crate::config::defaults;
use crate::config::show::NONE;
use crate::model::units::{format_bytes, format_span};

const LISTEN: &str = "^(unix:.+|systemd:.+|.+:[0-9]+)$";
const UPSTREAM: &str = "^(unix:.+|(https?|wss?)://[^/]+/?|[^/]+)$";
const ALLOWED: &str = "^[^/]+:([0-9]+|\\*)$";
const VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]*$";

/// One proxy.
pub(super) fn proxy() -> Value {
    let failover = words("Which upstream a new connection goes to.", &["least-connections", "failover"]);
    let cache_size = pattern("All cached answers have at most so many bytes.", SIZE);
    table(
        "A local listener and the pool behind it.",
        json!({
            "protocol": words("What is spoken.", &["postgres", "http", "websocket", "tcp"]),
            "listen": one_or_many("Where it listens: ADDRESS:PORT, unix:PATH, systemd:NAME.", LISTEN),
            "expose": flag("It may listen where other machines reach it."),
            "upstream": one_or_many("Where to: HOST:PORT, unix:PATH, https://HOST, wss://HOST.", UPSTREAM),
            "forward": forward(),
            "host": usual(words("What an HTTP upstream is told as Host.", &["upstream", "client"]), "upstream"),
            "balance": usual(failover, "least-connections"),
            "lookup": span("Names of upstreams are looked up again after so long.", defaults::PROXY_LOOKUP),
            "drain": span("For busy connections at shutdown and in a reset.", defaults::PROXY_DRAIN),
            "allow": access("Who may connect; the users that the targets run as where absent."),
            "pool": pool(),
            "clients": clients(),
            "stream": stream(),
            "tls": upstream_tls(),
            "cache": list("Reads that are answered for a time without the upstream.", cached()),
            "cache_size": usual(cache_size, format_bytes(defaults::CACHE_SIZE)),
            "breaker": breaker(),
            "gate": gate(),
            "truth": truth(),
            "env": one_or_many("Variables of a child that are rewritten to the listener.", VARIABLE),
            "console": access("Who may use the console; those of [admin] where absent."),
        }),
        &["protocol", "listen"],
    )
}

fn forward() -> Value {
    let spare = "A tunnel that has rested for so long makes room for a client that waits.";
    table(
        "Where a proxy for HTTP leads that goes wherever its clients ask, in place of upstream.",
        json!({
            "allow": one_or_many("Where clients may ask to go: HOST:PORT, *.NAME:PORT, HOST:*.", ALLOWED),
            "lifetime": span_or_none("A tunnel is closed when it has become so old.", None),
            "spare": span_or_none(spare, Some(defaults::FORWARD_SPARE)),
        }),
        &["allow"],
    )
}

fn one_or_many(about: &str, form: &str) -> Value {
    json!({ "description": about, "oneOf": [pattern("One.", form), list("Several.", pattern("One.", form))] })
}

fn span_or_none(about: &str, default: Option<Duration>) -> Value {
    let default = default.map_or_else(|| NONE.to_owned(), format_span);
    usual(pattern(about, &format!("{SPAN}|^{NONE}$")), default)
}

fn number(about: &str, (least, most): (u64, u64), default: u32) -> Value {
    usual(count(about, least, most), default)
}

fn access(about: &str) -> Value {
    let id = json!({ "type": ["integer", "string"], "minimum": 0, "minLength": 1 });
    table(about, json!({ "uid": list("Users.", id.clone()), "gid": list("Groups.", id) }), &[])
}

fn pool() -> Value {
    let login = json!({
        "user": text("The user."),
        "password_file": text("The file that holds the password."),
        "database": text("The database; the client's own where absent."),
    });
    let state = words("What becomes of a client that wants state beyond its loan.", &["pin", "refuse"]);
    let reset = words("What is done between two clients.", &["smart", "discard-all"]);
    let mode = words(
        "How long a client keeps the connection it was lent.",
        &["session", "transaction", "statement"],
    );
    let mut uses = json!({ "type": ["integer", "string"], "minimum": 1, "pattern": format!("^{NONE}$") });
    uses["description"] = json!("Closed after so many loans.");
    let rest = "A client may rest so long inside a transaction.";
    let lifetime = "Closed when so old and free; without bound for tcp.";
    table(
        "Its connections to the upstreams.",
        json!({
            "mode": usual(mode, "transaction"),
            "min": number("Kept open even where nobody needs them.", (0, 10_000), defaults::POOL_MIN),
            "max": number("At most so many, over all upstreams.", (1, 10_000), defaults::POOL_MAX),
            "per_host": number("At most so many to one upstream.", (1, 10_000), defaults::HTTP_PER_HOST),
            "wait": span("A client waits at most so long for one.", defaults::POOL_WAIT),
            "waiters": number("At most so many wait.", (0, 100_000), defaults::POOL_WAITERS),
            "read_timeout": span("An upstream that is asked may be silent so long.", defaults::HTTP_READ_TIMEOUT),
            "total_timeout": span_or_none("From a request to the head of its answer.", Some(defaults::HTTP_TOTAL_TIMEOUT)),
            "command_timeout": span_or_none("A command may take so long.", None),
            "idle_transaction": span_or_none(rest, Some(defaults::POOL_IDLE_TRANSACTION)),
            "max_uses": usual(uses, NONE),
            "idle": span("Closed after so long without use, down to min.", defaults::POOL_IDLE),
            "lifetime": span_or_none(lifetime, Some(defaults::POOL_LIFETIME)),
            "connect_timeout": span("A connect with its login.", defaults::POOL_CONNECT_TIMEOUT),
            "connects": number("At most so many connects at once.", (1, 10_000), defaults::POOL_CONNECTS),
            "check": span("After so long a ping comes before the next loan.", defaults::POOL_CHECK),
            "statements": number("Prepared statements kept on each.", (0, 10_000), defaults::POOL_STATEMENTS),
            "state": usual(state, defaults::POOL_STATE.name()),
            "reset": usual(reset, defaults::POOL_RESET.name()),
            "login": table("Who logs in; the client's own user where absent.", login, &["user"]),
        }),
        &[],
    )
}

fn clients() -> Value {
    let tls = json!({
        "cert": text("The file of certificates."),
        "key": text("The file of its key."),
        "require": flag("Clients without TLS are refused, but for those of a unix socket."),
    });
    let auth = words("How they log in.", &["trust", "md5", "scram-sha-256", "password"]);
    let buffer = pattern("The most bytes held for one, in each direction.", SIZE);
    let reserve = "Of them, let in under a throttle, and where descriptors are nearly gone.";
    let mut scarce = json!({ "type": ["integer", "string"], "minimum": 1, "pattern": format!("^{NONE}$") });
    scarce["description"] = json!(
        "Nobody is let in beyond the reserve while the process of a client has so few descriptors left."
    );
    let tries = pattern("So many logins may fail, for each user of this machine.", QUOTA);
    table(
        "Its clients.",
        json!({
            "max": number("At most so many.", (1, 100_000), defaults::CLIENTS_MAX),
            "reserve": number(reserve, (0, 100_000), defaults::CLIENTS_RESERVE),
            "scarce": usual(scarce, u64::from(defaults::CLIENTS_SCARCE)),
            "idle": span_or_none("One that rests so long is closed.", Some(defaults::CLIENTS_IDLE)),
            "login": span("For the login.", defaults::CLIENTS_LOGIN),
            "head": span("For the head of a request.", defaults::HTTP_HEAD),
            "auth": usual(auth, "trust"),
            "users_file": text("The file of users and their passwords or verifiers."),
            "tries": usual(tries, defaults::CLIENTS_TRIES.to_string()),
            "tls": table("TLS on the listeners; none where absent.", tls, &["cert", "key"]),
            "buffer": usual(buffer, format_bytes(defaults::CLIENTS_BUFFER)),
        }),
        &[],
    )
}

fn upstream_tls() -> Value {
    let modes = ["verify-full", "verify-ca", "require", "prefer", "disable"];
    let mode = "What is checked; prefer where absent and all upstreams are on this machine.";
    table(
        "TLS towards the upstream.",
        json!({
            "mode": usual(words(mode, &modes), "verify-full"),
            "ca_file": text("The file of authorities that are believed; the usual ones where absent."),
            "cert": text("The file of our own certificates."),
            "key": text("The file of their key."),
            "name": text("The name that the certificate must have; the upstream's own where absent."),
        }),
        &[],
    )
}

fn cached() -> Value {
    let size = pattern("A larger answer is not kept.", SIZE);
    table(
        "A read whose answers are kept.",
        json!({
            "query": text("Its text."),
            "ttl": pattern("An answer is good for so long.", SPAN),
            "size": usual(size, format_bytes(defaults::CACHE_QUERY_SIZE)),
            "tables": list("Tables that it depends on beside the names in it.", text("A table, without its schema.")),
        }),
        &["query", "ttl"],
    )
}

fn gate() -> Value {
    let values = json!({ "type": ["string", "integer", "boolean"], "minimum": 0 });
    let condition = table(
        "A place, and the values that it may have there.",
        json!({
            "pointer": pattern("A JSON pointer into the body; a part * stands for every item of a list.", "^(/.*)?$"),
            "field": text("A field of the query or of a form."),
            "is": json!({ "anyOf": [values.clone(), list("One of these.", values)], "description": "What stands there." }),
        }),
        &["is"],
    );
    let several = list("All of these.", condition.clone());
    let conditions =
        |about: &str| json!({ "anyOf": [condition.clone(), several.clone()], "description": about });
    let mut rule = json!({
        "method": one_or_many("By these methods; by any where absent.", "^[A-Z]+$"),
        "path": pattern("The path: * for anything within a part, ** at the end for anything.", "^/"),
        "when": conditions("Only where this holds."),
    });
    let cancel = table("A cancel.", rule.clone(), &["path"]);
    rule["reduces"] = conditions("It can only reduce risk where this holds.");
    let body = pattern("So much of a body is read before it is decided.", SIZE);
    let refusal = table(
        "What a refused order is answered.",
        json!({
            "status": number("Its status.", (400, 599), defaults::GATE_STATUS),
            "type": usual(text("Its type."), defaults::GATE_TYPE),
            "body": text("Its body, with {state} and {proxy} replaced; the proxy's own where absent."),
        }),
        &[],
    );
    table(
        "Which requests are orders and cancels.",
        json!({
            "orders": list("Orders; the first that fits counts.", table("An order.", rule, &["path"])),
            "cancels": list("Cancels; they always pass.", cancel),
            "body": usual(body, format_bytes(defaults::GATE_BODY)),
            "refusal": refusal,
        }),
        &["orders"],
    )
}

fn truth() -> Value {
    let database = usual(
        text("The database it is asked in; the pool's own where it has one."),
        defaults::TRUTH_DATABASE,
    );
    table(
        "The upstream itself is asked for the sessions of the pool's user.",
        json!({
            "every": span("Between two questions.", defaults::TRUTH_EVERY),
            "timeout": span("One may take so long.", defaults::TRUTH_TIMEOUT),
            "database": database,
        }),
        &[],
    )
}

fn breaker() -> Value {
    table(
        "When an upstream that fails is left alone.",
        json!({
            "failures": number("Once at least so many connects and units of work ended, and half of them failed.", (1, 1000), defaults::BREAKER_FAILURES),
            "window": span("The time in which they are counted.", defaults::BREAKER_WINDOW),
            "open": span("Nothing is tried for so long.", defaults::BREAKER_OPEN),
        }),
        &[],
    )
}
