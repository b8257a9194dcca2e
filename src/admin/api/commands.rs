//! The verbs of `fdguard ctl` as JSON: the same words, the same values with units.

use std::time::Duration;

use serde::Deserialize;

use crate::agent::request::{Command, PoolWork};
use crate::model::action::{ResetHow, Then};
use crate::model::name::Name;
use crate::model::trading::Trading;
use crate::model::units::{UnitError, parse_ratio, parse_span};

/// How long a freeze lasts where nobody says.
const FREEZE: Duration = Duration::from_secs(10);

/// What can be asked for: the verb, which stands in the path, and its particulars.
#[derive(Deserialize, Debug)]
#[serde(tag = "verb", rename_all = "snake_case", deny_unknown_fields)]
enum Wanted {
    Reload {},
    Reset {
        pool: Name,
        #[serde(default = "idle")]
        how: ResetHow,
        #[serde(default)]
        share: Share,
    },
    Pool {
        pool: Name,
        work: PoolWork,
    },
    Connect {
        proxy: Name,
    },
    Close {
        proxy: Name,
    },
    Trading {
        state: Trading,
        proxy: Option<Name>,
        #[serde(rename = "for")]
        limit: Option<Span>,
    },
    Release {
        target: Name,
        rule: Option<String>,
    },
    Hold {
        target: Name,
    },
    Resume {
        target: Name,
    },
    Snapshot {
        target: Name,
    },
    Freeze {
        target: Name,
        #[serde(rename = "for")]
        limit: Option<Span>,
    },
    Thaw {
        target: Name,
    },
    Start {
        target: Name,
    },
    Stop {
        target: Name,
        grace: Option<Span>,
        #[serde(default)]
        then: After,
    },
}

/// A time as people write it: `90s`.
#[derive(Clone, Copy, Deserialize, Debug)]
#[serde(try_from = "String")]
struct Span(Duration);

impl TryFrom<String> for Span {
    type Error = UnitError;

    fn try_from(text: String) -> Result<Self, UnitError> {
        parse_span(&text).map(Self)
    }
}

/// A share as people write it: `50%`.
#[derive(Clone, Copy, Deserialize, Debug)]
#[serde(try_from = "String")]
struct Share(f64);

impl Default for Share {
    fn default() -> Self {
        Self(1.0)
    }
}

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let share = parse_ratio(&text).map_err(|error| error.to_string())?;
        let fits = share > 0.0 && share <= 1.0;
        fits.then_some(Self(share)).ok_or_else(|| "a share is above 0% and at most 100%".to_owned())
    }
}

/// What follows a stop.
#[derive(Clone, Copy, Default, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
enum After {
    Restart,
    #[default]
    Stay,
}

const fn idle() -> ResetHow {
    ResetHow::Idle
}

/// Understands a command; an empty body is one without particulars.
pub(super) fn parse(verb: &str, body: &[u8]) -> Result<Command, String> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    let mut value: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if value.insert("verb".to_owned(), verb.into()).is_some() {
        return Err("the verb stands in the path".to_owned());
    }
    let wanted: Wanted = serde_json::from_value(value.into()).map_err(|error| error.to_string())?;
    Ok(command(wanted))
}

fn command(wanted: Wanted) -> Command {
    match wanted {
        Wanted::Reload {} => Command::Reload,
        Wanted::Reset { pool, how, share } => Command::ResetPool { pool, how, share: share.0 },
        Wanted::Pool { pool, work } => Command::Pool { pool, work },
        Wanted::Connect { proxy } => Command::Pool { pool: proxy, work: PoolWork::Connect },
        Wanted::Close { proxy } => Command::Pool { pool: proxy, work: PoolWork::Close },
        Wanted::Trading { state, proxy, limit } => {
            Command::Trading { state, proxy, limit: limit.map(|span| span.0) }
        }
        Wanted::Release { target, rule } => Command::Release { target, rule },
        Wanted::Hold { target } => Command::Hold { target },
        Wanted::Resume { target } => Command::Resume { target },
        Wanted::Snapshot { target } => Command::Snapshot { target },
        Wanted::Freeze { target, limit } => {
            Command::Freeze { target, limit: limit.map_or(FREEZE, |span| span.0) }
        }
        Wanted::Thaw { target } => Command::Thaw { target },
        Wanted::Start { target } => Command::Start { target },
        Wanted::Stop { target, grace, then } => {
            let then = match then {
                After::Restart => Then::Restart,
                After::Stay => Then::Stay,
            };
            Command::Stop { target, grace: grace.map(|span| span.0), then }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_what_ctl_would_have_made_of_it() {
        let said = |verb, body: &str| parse(verb, body.as_bytes()).unwrap().to_string();
        assert_eq!(said("reload", ""), "reload");
        assert_eq!(said("hold", r#"{"target": "bot"}"#), "hold bot");
        assert_eq!(said("reset", r#"{"pool": "db", "share": "50%"}"#), "reset db --how idle --share 50%");
        assert_eq!(said("pool", r#"{"pool": "db", "work": "flush_cache"}"#), "pool flush-cache db");
        assert_eq!(said("trading", r#"{"state": "halted", "for": "30m"}"#), "trading halted --for 30m");
        let freeze = parse("freeze", br#"{"target": "bot"}"#).unwrap();
        assert_eq!(freeze, Command::Freeze { target: Name::parse("bot").unwrap(), limit: FREEZE });
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (verb, body, told) in [
            ("fly", "{}", "unknown variant `fly`"),
            ("hold", "{}", "missing field `target`"),
            ("hold", r#"{"target": "../x"}"#, "a name"),
            ("hold", r#"{"target": "bot", "for": "1s"}"#, "unknown field `for`"),
            ("freeze", r#"{"target": "bot", "for": "10"}"#, "unit"),
            ("reset", r#"{"pool": "db", "share": "200%"}"#, "at most 100%"),
            ("stop", r#"{"verb": "reload"}"#, "the verb stands in the path"),
            ("reload", "[1]", "invalid type"),
            ("reload", "{", "EOF"),
        ] {
            let why = parse(verb, body.as_bytes()).unwrap_err();
            assert!(why.contains(told), "{verb} {body}: {why}");
        }
    }
}
