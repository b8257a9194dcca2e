//! What is typed on the console, in PgBouncer's words: one command a query, keywords in any case, names bare or in double
//! quotes, a semicolon at the end or none.

use crate::proxy::postgres::console::fault::Fault;

/// Settings of a session that drivers make without being asked; here they mean nothing and hurt nobody.
const HARMLESS: &[&str] = &[
    "application_name",
    "client_encoding",
    "client_min_messages",
    "datestyle",
    "extra_float_digits",
    "standard_conforming_strings",
    "timezone",
];
/// Of a text that is not understood, so many characters are told again.
const TOLD_MAX: usize = 200;

/// A command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// Tell of something.
    Show(Subject),
    /// New work waits; answered once no server connection is left.
    Pause(Option<String>),
    /// Back to work.
    Resume(Option<String>),
    /// Replace all server connections.
    Reconnect(Option<String>),
    /// Wait until all that is to be replaced is.
    WaitClose(Option<String>),
    /// Close all and pause.
    Kill(Option<String>),
    /// Refuse new clients and new work.
    Disable(String),
    /// End that.
    Enable(String),
    /// Close one client, by the number that `SHOW CLIENTS` gives it.
    KillClient(u64),
    /// Read the agent's files anew.
    Reload,
    /// A setting that is passed over.
    Set,
}

/// What can be shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Subject {
    Help,
    Version,
    Pools,
    Clients,
    Servers,
    Sockets,
    Databases,
    Users,
    Stats,
    StatsTotals,
    StatsAverages,
    Totals,
    Cache,
    Lists,
    Config,
    State,
}

/// Subjects as they are typed.
const SUBJECTS: &[(&str, Subject)] = &[
    ("HELP", Subject::Help),
    ("VERSION", Subject::Version),
    ("POOLS", Subject::Pools),
    ("CLIENTS", Subject::Clients),
    ("SERVERS", Subject::Servers),
    ("SOCKETS", Subject::Sockets),
    ("ACTIVE_SOCKETS", Subject::Sockets),
    ("DATABASES", Subject::Databases),
    ("USERS", Subject::Users),
    ("STATS", Subject::Stats),
    ("STATS_TOTALS", Subject::StatsTotals),
    ("STATS_AVERAGES", Subject::StatsAverages),
    ("TOTALS", Subject::Totals),
    ("CACHE", Subject::Cache),
    ("LISTS", Subject::Lists),
    ("CONFIG", Subject::Config),
    ("STATE", Subject::State),
];
/// What PgBouncer can show and this can't.
const NOT_KEPT: &[&str] = &["FDS", "MEM", "DNS_HOSTS", "DNS_ZONES", "PEERS", "PEER_POOLS"];

/// Reads a command.
pub(super) fn parse(text: &str) -> Result<Order, Fault> {
    let unknown = || {
        let told: String = text.chars().take(TOLD_MAX).collect();
        Fault::new(format!("invalid command '{told}', use SHOW HELP;"))
    };
    let words = words(text).ok_or_else(unknown)?;
    let [verb, rest @ ..] = words.as_slice() else { return Err(unknown()) };
    let verb = verb.to_ascii_uppercase();
    match (verb.as_str(), rest) {
        ("SET", [name, ..]) => set(name),
        ("SHOW", [subject]) => show(subject).unwrap_or_else(|| Err(unknown())),
        ("PAUSE", [] | [_]) => Ok(Order::Pause(rest.first().cloned())),
        ("RESUME", [] | [_]) => Ok(Order::Resume(rest.first().cloned())),
        ("RECONNECT", [] | [_]) => Ok(Order::Reconnect(rest.first().cloned())),
        ("WAIT_CLOSE", [] | [_]) => Ok(Order::WaitClose(rest.first().cloned())),
        ("KILL", [] | [_]) => Ok(Order::Kill(rest.first().cloned())),
        ("DISABLE" | "ENABLE", []) => Err(Fault::new("a database is required")),
        ("DISABLE", [name]) => Ok(Order::Disable(name.clone())),
        ("ENABLE", [name]) => Ok(Order::Enable(name.clone())),
        ("KILL_CLIENT", []) => Err(Fault::new("a client id is required")),
        ("KILL_CLIENT", [id]) => {
            id.parse().map(Order::KillClient).map_err(|_| Fault::new("invalid client pointer supplied"))
        }
        ("RELOAD", []) => Ok(Order::Reload),
        ("SUSPEND", []) => Err(Fault::new("SUSPEND is not known here").hint("PAUSE holds all work back.")),
        ("SHUTDOWN", _) => Err(Fault::new("the proxies end with the agent, not by themselves")
            .hint("Stop the service: systemctl stop fdguard. It drains them first.")),
        (_, _) => Err(unknown()),
    }
}

fn show(subject: &str) -> Option<Result<Order, Fault>> {
    let subject = subject.to_ascii_uppercase();
    if NOT_KEPT.contains(&subject.as_str()) {
        let text = format!("SHOW {subject} is not known here");
        return Some(Err(Fault::new(text).hint("Use SHOW HELP for what is; fdguard status tells the rest.")));
    }
    let (_, found) = SUBJECTS.iter().find(|(word, _)| *word == subject)?;
    Some(Ok(Order::Show(*found)))
}

/// `SET name = value`, the sign with spaces around it or none, or `TO`.
fn set(name: &str) -> Result<Order, Fault> {
    let name = name.split('=').next().unwrap_or_default().to_ascii_lowercase();
    if HARMLESS.contains(&name.as_str()) {
        return Ok(Order::Set);
    }
    Err(Fault::new("SET failed").hint("Settings stand in the agent's file: change it there, then RELOAD."))
}

/// The words of a text without the semicolon at its end; none where a quote does not end or a second command follows.
fn words(text: &str) -> Option<Vec<String>> {
    let text = text.trim();
    let text = text.strip_suffix(';').unwrap_or(text);
    let mut words = Vec::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        let (word, left) = if first == '"' { quoted(&rest[1..])? } else { bare(rest)? };
        words.push(word);
        rest = left.trim_start();
    }
    Some(words)
}

fn bare(text: &str) -> Option<(String, &str)> {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, left) = text.split_at(end);
    (!word.contains([';', '"'])).then(|| (word.to_owned(), left))
}

/// What stands behind an opening quote, and what follows the closing one; a doubled quote stands for itself.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        word.push_str(before);
        match after.strip_prefix('"') {
            Some(left) => {
                word.push('"');
                rest = left;
            }
            None => return Some((word, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        parse(text).unwrap_err().text
    }

    #[test]
    fn commands_are_read_as_pgbouncer_reads_them() {
        let db = || Some("orders-db".to_owned());
        let orders = [
            ("show pools", Order::Show(Subject::Pools)),
            ("  SHOW\n Stats_Totals ; ", Order::Show(Subject::StatsTotals)),
            ("PAUSE", Order::Pause(None)),
            ("pause orders-db;", Order::Pause(db())),
            ("RESUME \"orders-db\"", Order::Resume(db())),
            ("RECONNECT \"a\"\"b c\"", Order::Reconnect(Some("a\"b c".to_owned()))),
            ("DISABLE orders-db", Order::Disable("orders-db".to_owned())),
            ("KILL_CLIENT 12", Order::KillClient(12)),
            ("SET extra_float_digits=3", Order::Set),
            ("set datestyle to 'ISO'", Order::Set),
        ];
        for (text, expected) in orders {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused_in_pgbouncers_words() {
        for text in
            ["", ";", "foo", "SHOW", "SHOW NOPE", "SHOW pools extra", "show pools; show lists", "PAUSE a b"]
        {
            assert_eq!(fault(text), format!("invalid command '{text}', use SHOW HELP;"));
        }
        assert_eq!(fault("PAUSE \"open"), "invalid command 'PAUSE \"open', use SHOW HELP;");
        assert_eq!(fault("DISABLE"), "a database is required");
        assert_eq!(fault("KILL_CLIENT x"), "invalid client pointer supplied");
        assert_eq!(fault("SET pool_mode = session"), "SET failed");
        assert!(fault(&"x".repeat(60_000)).len() < 300);
        for text in ["SHUTDOWN", "SHUTDOWN WAIT_FOR_CLIENTS", "SUSPEND", "SHOW FDS", "show mem"] {
            assert!(parse(text).unwrap_err().hint.is_some(), "{text} says what to do instead");
        }
    }
}
