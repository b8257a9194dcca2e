//! What a client's text does to its session, as far as sharing a server connection goes.

use std::rc::Rc;

use crate::proxy::postgres::names::Names;
use crate::proxy::postgres::resets::Resets;
use crate::proxy::postgres::side::OLDEST;
use crate::proxy::postgres::statements::Statement;
use crate::wire::postgres::settings::Parameter;
use crate::wire::postgres::statement::{Discard, Effect, Pin, Scope, Strings, statements};

/// The marks of a text.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// State that it leaves behind and that can't be carried over.
    pub(super) pin: Option<Pin>,
    /// Settings that it gives back or sets.
    pub(super) resets: Option<Box<Resets>>,
    /// It deallocates this one statement and does nothing else.
    pub(super) deallocates: Option<(Vec<u8>, Rc<Statement>)>,
}

/// Reads a text.
pub(super) fn read(text: &[u8], strings: Strings, names: Option<&Names>) -> Marks {
    let mut marks = Marks::default();
    let mut count = 0;
    for statement in statements(text, strings) {
        count += 1;
        let pin = statement.pin().filter(|_| !is_followed(&statement.effect) || statement.sets_config);
        marks.pin = marks.pin.or(pin);
        match statement.effect {
            Effect::Reset(None) | Effect::Discard(Discard::All) => {
                marks.resets = Some(Box::new(Resets::everything()));
            }
            Effect::Reset(Some(name)) => marks.resets.get_or_insert_default().add(name.folded()),
            Effect::Set(Scope::Session, name) => marks.resets.get_or_insert_default().set(name.folded()),
            _ => {}
        }
        if let Effect::Deallocate(Some(name)) = statement.effect {
            let name = name.folded();
            let known = names.and_then(|names| names.find(&name)).cloned();
            marks.deallocates = known.map(|statement| (name, statement));
        }
    }
    if count != 1 {
        marks.deallocates = None;
    }
    marks
}

/// A setting that the server reports when it changes, so that it can be carried over.
fn is_followed(effect: &Effect<'_>) -> bool {
    match effect {
        Effect::Set(Scope::Session, name) => {
            let parameter = Parameter::of(&name.folded());
            parameter.is_some_and(|parameter| parameter.reported(OLDEST))
        }
        _ => false,
    }
}

/// What a client is told where the settings say that such state is refused: a statement that fails with it.
pub(super) fn refusal(pin: Pin) -> String {
    let (what, hint) = match pin {
        Pin::Setting => ("changing a setting of the session", "Use SET LOCAL within a transaction"),
        Pin::Listen => ("LISTEN", "Use a connection past the proxy for notifications"),
        Pin::Prepared => ("PREPARE as SQL", "Use prepared statements of the driver"),
        Pin::Cursor => ("a cursor WITH HOLD", "Read it within the transaction"),
        Pin::Temporary => ("a temporary table", "Create it ON COMMIT DROP or use a table"),
        Pin::AdvisoryLock => ("an advisory lock of the session", "Use pg_advisory_xact_lock"),
        Pin::Library => ("LOAD", "Use shared_preload_libraries"),
    };
    format!(
        "DO $fdguard$ BEGIN RAISE EXCEPTION USING ERRCODE = '0A000', \
         MESSAGE = '{what} does not work through a pool in transaction mode', \
         HINT = '{hint}, or set pool.state = \"pin\" or pool.mode = \"session\" for this proxy.'; END $fdguard$"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(text: &str) -> Option<Pin> {
        read(text.as_bytes(), Strings::Standard, None).pin
    }

    #[test]
    fn what_stays_in_a_session_pins_it() {
        let pins = [
            ("set statement_timeout = 5000", Some(Pin::Setting)),
            ("SET search_path TO a, b", Some(Pin::Setting)),
            ("listen prices", Some(Pin::Listen)),
            ("prepare p as select 1", Some(Pin::Prepared)),
            ("select pg_advisory_lock(1)", Some(Pin::AdvisoryLock)),
            ("create temp table t(a int)", Some(Pin::Temporary)),
            ("select set_config('a.b', '1', false)", Some(Pin::Setting)),
        ];
        for (text, expected) in pins {
            assert_eq!(pin(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_followed_or_ends_with_the_transaction_does_not() {
        let free = [
            "select 1",
            "set application_name = 'x'",
            "SET client_encoding TO 'UTF8'",
            "set local statement_timeout = 1",
            "select pg_advisory_xact_lock(1)",
            "begin; update t set a = 1; commit",
            // asyncpg, when it takes a connection back.
            "SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL;",
            "DISCARD ALL",
        ];
        for text in free {
            assert_eq!(pin(text), None, "{text}");
        }
    }

    #[test]
    fn a_refusal_is_one_statement_without_loose_quotes() {
        for word in [Pin::Setting, Pin::Listen, Pin::Prepared, Pin::Cursor, Pin::Temporary] {
            let text = refusal(word);
            assert_eq!(statements(text.as_bytes(), Strings::Standard).count(), 1);
            // Two quotes around each of code, message and hint.
            assert_eq!(text.matches('\'').count(), 6, "{text}");
        }
    }
}
