//! `env`: variables of a child that are rewritten to the listener.

use super::Listen;
use crate::config::read;
use crate::config::section::{Context, Section};
use crate::config::show::{Show, quoted};
use crate::document::{Faults, Value};
use crate::model::diagnostic::Diagnostic;

/// The most variables of one proxy.
const VARIABLES_MAX: usize = 32;
/// The word for libpq's own variables.
const PG: &str = "PG";
/// What that word stands for.
const TOGETHER: &[&str] = &["PGHOST", "PGHOSTADDR", "PGPORT", "PGSSLMODE"];

/// A variable of a child.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Variable {
    /// One that holds a URL: its host and port are exchanged.
    Url(String),
    /// `PGHOST`, `PGPORT` and what belongs to them.
    Pg,
}

impl Variable {
    /// As written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Url(name) => name,
            Self::Pg => PG,
        }
    }
}

impl Show for Variable {
    fn show(&self) -> String {
        quoted(self.as_str())
    }
}

/// Reads `env`.
pub(super) fn read(section: &mut Section<'_>, listen: &[Listen], cx: &mut Context<'_>) -> Vec<Variable> {
    let names = section.or(cx, "env", Vec::new(), |value, faults| {
        let mut names = Vec::new();
        for item in read::one_or_many(value, 0..=VARIABLES_MAX, faults)? {
            let Some(name) = variable(item, faults) else { continue };
            if names.contains(&name) {
                faults.push(Diagnostic::error("listed-twice", item.span(), "this variable is listed twice"));
            }
            names.push(name);
        }
        Some(names)
    });
    let unknown = |place: &Listen| matches!(place, Listen::Systemd(_));
    if let Some(span) = section.key_span("env").filter(|_| !names.is_empty() && !listen.is_empty())
        && listen.iter().all(unknown)
    {
        let message = "where this proxy listens is known to systemd alone, so no variable can say it";
        let help =
            "write the address of the socket unit into `listen` as well, or set the variables yourself";
        cx.faults.push(Diagnostic::error("unknown-place", span, message).help(help));
    }
    names
}

fn variable(value: Value<'_>, faults: &mut Faults) -> Option<Variable> {
    let name = read::text(value, faults)?;
    let fault = |message: String| Diagnostic::error("bad-name", value.span(), message);
    if name == PG {
        return Some(Variable::Pg);
    }
    if TOGETHER.contains(&name.as_str()) {
        let message = format!("`{name}` goes together with the other variables of libpq");
        faults.push(fault(message).help("write \"PG\" for all of them"));
        return None;
    }
    if read::is_variable(&name) {
        return Some(Variable::Url(name));
    }
    faults.push(fault("this is no name of a variable".to_owned()));
    None
}
