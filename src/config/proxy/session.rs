//! The part of `pool` that sessions of PostgreSQL need: what is done with their state, and who they log in as.

use std::path::PathBuf;
use std::time::Duration;

use super::pool::{Mode, Pool};
use crate::config::section::{Context, Section};
use crate::config::show::{Show, quoted};
use crate::config::{defaults, read};
use crate::model::diagnostic::Diagnostic;

/// The most prepared statements kept on one connection.
const STATEMENTS_MAX: u32 = 10_000;

/// Sessions on the connections to the upstream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sessions {
    /// A client may rest so long inside a transaction.
    pub idle_transaction: Option<Duration>,
    /// Prepared statements kept on each connection; 0 keeps none from one loan to the next.
    pub statements: u32,
    /// What becomes of a client that wants to keep state beyond its loan.
    pub state: SessionState,
    /// What is done between two clients.
    pub reset: Reset,
    /// Who logs in; the client's own user and database where absent.
    pub login: Option<Login>,
}

/// What becomes of a client that wants to keep state beyond its loan: `LISTEN`, advisory locks, temporary tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionState {
    /// It keeps its connection until it leaves.
    Pin,
    /// Its command is refused, with the reason.
    Refuse,
}

/// What is done with a connection between two clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reset {
    /// `DISCARD ALL`, always.
    DiscardAll,
    /// Only what the last client's commands make necessary; nothing where they left nothing behind.
    Smart,
}

/// Who logs in at the upstream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The file that holds the password, where there is one.
    pub password_file: Option<PathBuf>,
    /// The database; the client's own where absent.
    pub database: Option<String>,
}

const STATES: &[(&str, SessionState)] = &[("pin", SessionState::Pin), ("refuse", SessionState::Refuse)];
const RESETS: &[(&str, Reset)] = &[("smart", Reset::Smart), ("discard-all", Reset::DiscardAll)];

impl SessionState {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pin => "pin",
            Self::Refuse => "refuse",
        }
    }
}

impl Show for SessionState {
    fn show(&self) -> String {
        quoted(self.name())
    }
}

impl Reset {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DiscardAll => "discard-all",
            Self::Smart => "smart",
        }
    }
}

impl Show for Reset {
    fn show(&self) -> String {
        quoted(self.name())
    }
}

/// Reads the rest of `pool`.
pub(super) fn read(section: &mut Section<'_>, pool: &Pool, cx: &mut Context<'_>) -> Sessions {
    let rest = read::span(Duration::from_millis(10)..=Duration::from_hours(24));
    let usual = Some(defaults::POOL_IDLE_TRANSACTION);
    let idle_transaction = section.or(cx, "idle_transaction", usual, read::or_none(rest));
    let statements =
        section.or(cx, "statements", defaults::POOL_STATEMENTS, read::number(0..=STATEMENTS_MAX));
    let state = section.or(cx, "state", defaults::POOL_STATE, read::word(STATES));
    let reset = section.or(cx, "reset", defaults::POOL_RESET, read::word(RESETS));
    if let Some(span) = section.key_span("state").filter(|_| pool.mode == Mode::Session) {
        let message = "`state` has no effect: in session mode every client keeps its connection";
        cx.faults.push(Diagnostic::warning("no-effect", span, message).help("take it out"));
    }
    let login = section.present(cx, "login").and_then(|login| read_login(login, cx));
    open_ahead(section, pool, login.as_ref(), cx);
    Sessions { idle_transaction, statements, state, reset, login }
}

fn read_login(mut section: Section<'_>, cx: &mut Context<'_>) -> Option<Login> {
    let user = section.need(cx, "user", read::text);
    if let Some(span) = section.key_span("password") {
        section.value("password").into_iter().for_each(|value| cx.secrets.push(value.span()));
        let message = "a password does not stand in this file: more people read it than need it";
        let help =
            "put it into a file of its own and write password_file = \"/run/credentials/fdguard/NAME\"";
        cx.faults.push(Diagnostic::error("inline-secret", span, message).help(help));
    }
    let password_file = section.file(cx, "password_file");
    let database = section.get(cx, "database", read::text);
    section.finish(cx);
    Some(Login { user: user?, password_file, database })
}

/// Connections that are open before a client has come need to know where to.
fn open_ahead(section: &Section<'_>, pool: &Pool, login: Option<&Login>, cx: &mut Context<'_>) {
    if pool.min == 0 || login.is_some_and(|login| login.database.is_some()) {
        return;
    }
    let span = section.key_span("min").unwrap_or_else(|| section.span());
    let message = "`min` opens connections before a client has said its user and database";
    let help = "write login = { user = …, database = … } beside it";
    cx.faults.push(Diagnostic::error("min-without-login", span, message).help(help));
}
