//! What an upstream itself says of a pool: a second opinion beside the agent's own counters.
//!
//! One connection of the agent's own to each upstream, kept from one question to the next: a server that is full lets
//! nobody new in, and that is when it is to be asked. Which sessions are the pool's says the number of the server's
//! process. What the pool opens or closes at the moment of the question would look foreign, so a session counts as
//! foreign only once two questions in a row have seen it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow, PgSslMode};
use sqlx::{ConnectOptions as _, Row as _};
use tokio::time::timeout;

use crate::config::proxy::{TlsMode, Truth, Upstream, UpstreamTls};
use crate::pool::backoff::Backoff;
use crate::sys::secrets::{SecretError, read_password};

/// The longest time between two questions to an upstream that can't be asked.
const FAILED_EVERY_MAX: Duration = Duration::from_mins(5);
/// Foreign sessions that are told one by one.
const FOREIGN_TOLD_MAX: usize = 10;
/// The longest text of a session that is told.
const TEXT_MAX: usize = 64;
/// What every socket of PostgreSQL is called, before its port.
const SOCKET_NAME: &str = ".s.PGSQL.";

/// One row for each session of the asking user but its own, at least one; at most 10,000. Both counts are of the
/// whole server. What kind of session another user's is the server hides from a user without rights: it counts all the
/// same.
const QUESTION: &str = "\
    select most, taken, pid, state, application_name, host(client_addr), \
           extract(epoch from clock_timestamp() - xact_start)::float8 \
    from (select current_setting('max_connections')::int4 as most, \
                 (select count(*) from pg_catalog.pg_stat_activity where backend_type = 'client backend' or (backend_type is null and usesysid is not null)) as taken) as host \
    left join pg_catalog.pg_stat_activity \
    on usename = current_user and backend_type = 'client backend' and pid <> pg_backend_pid() \
    limit 10000";

/// What an upstream says of the sessions of the pool's user.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Testimony {
    /// Its sessions.
    pub sessions: u32,
    /// Its sessions by state, as the server calls them.
    pub states: BTreeMap<String, u32>,
    /// How many the pool had open itself, right after the question.
    pub pooled: u32,
    /// How old its oldest transaction is.
    pub oldest_transaction: Option<Duration>,
    /// Connections that are taken, of all users.
    pub taken: u32,
    /// `max_connections`.
    pub most: u32,
    /// Sessions that are not the pool's.
    pub foreign: u32,
    /// Some of them.
    pub foreign_told: Vec<Foreigner>,
}

/// A session of the pool's user that is not the pool's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Foreigner {
    /// The number of the server's process.
    pub backend: u32,
    /// What it calls itself.
    pub application: String,
    /// Its address; empty for a unix socket.
    pub address: String,
    /// What it does.
    pub state: String,
}

/// Why an upstream said nothing.
#[derive(Debug, thiserror::Error)]
pub enum Silence {
    /// It took too long.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// The password can't be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The password is no text.
    #[error("the password is not UTF-8")]
    NoText,
    /// A unix socket with a name of its own.
    #[error("a socket whose name is not .s.PGSQL.PORT can't be asked")]
    SocketName,
    /// The connect, the login or the question failed.
    #[error("it can't be asked")]
    Sql(#[from] sqlx::Error),
}

/// One session as the server tells it.
#[derive(Clone, PartialEq, Debug, Default)]
struct Session {
    backend: u32,
    state: String,
    application: String,
    address: String,
    transaction: Option<Duration>,
}

/// All that one answer holds.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Seen {
    sessions: Vec<Session>,
    taken: u32,
    most: u32,
}

/// Asks one upstream again and again.
#[derive(Debug)]
pub struct Witness {
    settings: Truth,
    upstream: Upstream,
    tls: UpstreamTls,
    connection: Option<PgConnection>,
    /// Sessions that the last answer had and the pool did not.
    doubted: BTreeSet<u32>,
    failures: u32,
}

impl Witness {
    /// Of this upstream; nothing is opened before the first question.
    pub fn new(settings: &Truth, upstream: &Upstream, tls: &UpstreamTls) -> Self {
        let (settings, upstream, tls) = (settings.clone(), upstream.clone(), tls.clone());
        Self { settings, upstream, tls, connection: None, doubted: BTreeSet::new(), failures: 0 }
    }

    /// Asks once. The connection of a question that failed is not used again, nor one whose answer can't be read.
    pub async fn ask(&mut self) -> Result<Seen, Silence> {
        let within = self.settings.timeout;
        let kept = self.connection.take();
        let answer = match timeout(within, self.question(kept)).await {
            Ok(answer) => answer,
            Err(_) => Err(Silence::Late(within)),
        };
        let read = answer.and_then(|(connection, rows)| Ok((connection, Seen::read(&rows)?)));
        match read {
            Ok((connection, seen)) => {
                self.failures = 0;
                self.connection = Some(connection);
                Ok(seen)
            }
            Err(silence) => {
                self.failures = self.failures.saturating_add(1);
                Err(silence)
            }
        }
    }

    /// How long to wait before the next question.
    pub fn pause(&self) -> Duration {
        let every = self.settings.every;
        let backoff = Backoff { first: every, most: every.max(FAILED_EVERY_MAX) };
        backoff.pause(self.failures, 0.0)
    }

    /// What an answer means, held against the server processes that the pool had around it.
    pub fn compare(&mut self, seen: Seen, around: &BTreeSet<u32>, pooled: u32) -> Testimony {
        let mut testimony = Testimony { taken: seen.taken, most: seen.most, pooled, ..Testimony::default() };
        let mut doubted = BTreeSet::new();
        for session in seen.sessions {
            testimony.sessions += 1;
            *testimony.states.entry(session.state.clone()).or_default() += 1;
            testimony.oldest_transaction = testimony.oldest_transaction.max(session.transaction);
            if around.contains(&session.backend) {
                continue;
            }
            doubted.insert(session.backend);
            if self.doubted.contains(&session.backend) {
                testimony.foreign += 1;
                if testimony.foreign_told.len() < FOREIGN_TOLD_MAX {
                    testimony.foreign_told.push(session.into());
                }
            }
        }
        self.doubted = doubted;
        testimony
    }

    async fn question(&self, kept: Option<PgConnection>) -> Result<(PgConnection, Vec<PgRow>), Silence> {
        // In one text and without a statement prepared: nothing is left behind in the server.
        if let Some(mut connection) = kept
            && let Ok(rows) = sqlx::raw_sql(QUESTION).fetch_all(&mut connection).await
        {
            return Ok((connection, rows));
        }
        // The server may have closed it meanwhile.
        let mut connection = self.options()?.connect().await?;
        let rows = sqlx::raw_sql(QUESTION).fetch_all(&mut connection).await?;
        Ok((connection, rows))
    }

    /// All is said here: what the environment of the agent says to libpq is not meant for it. Only PGOPTIONS, and the
    /// files of PGSSL* where the settings name none, can't be left out.
    fn options(&self) -> Result<PgConnectOptions, Silence> {
        let Truth { login, database, .. } = &self.settings;
        let password = match &login.password_file {
            Some(path) => String::from_utf8(read_password(path)?).map_err(|_| Silence::NoText)?,
            None => String::new(),
        };
        let options = PgConnectOptions::new_without_pgpass()
            .username(&login.user)
            .password(&password)
            .database(database)
            .application_name("fdguard")
            .statement_cache_capacity(0)
            .disable_statement_logging();
        let options = match &self.upstream {
            Upstream::Tcp { host, port } => options.host(host).port(*port),
            Upstream::Unix(path) => {
                let (folder, port) = socket(path).ok_or(Silence::SocketName)?;
                return Ok(options.socket(folder).port(port).ssl_mode(PgSslMode::Disable));
            }
        };
        Ok(with_tls(options, &self.tls))
    }
}

impl Seen {
    fn read(rows: &[PgRow]) -> Result<Self, sqlx::Error> {
        let mut seen = Self::default();
        for row in rows {
            seen.most = row.try_get::<i32, _>(0)?.unsigned_abs();
            seen.taken = u32::try_from(row.try_get::<i64, _>(1)?).unwrap_or(u32::MAX);
            // The server's numbers of processes are positive.
            let Some(backend) = row.try_get::<Option<i32>, _>(2)? else { continue };
            let text = |place| row.try_get::<Option<String>, _>(place).map(Option::unwrap_or_default);
            let age: Option<f64> = row.try_get(6)?;
            seen.sessions.push(Session {
                backend: backend.unsigned_abs(),
                state: text(3)?,
                application: text(4)?.chars().take(TEXT_MAX).collect(),
                address: text(5)?,
                // A clock that was set back is no age.
                transaction: age.and_then(|age| Duration::try_from_secs_f64(age).ok()),
            });
        }
        Ok(seen)
    }
}

impl From<Session> for Foreigner {
    fn from(session: Session) -> Self {
        let Session { backend, state, application, address, transaction: _ } = session;
        Self { backend, application, address, state }
    }
}

/// The folder and port of a socket, as clients of PostgreSQL name it.
fn socket(path: &std::path::Path) -> Option<(PathBuf, u16)> {
    let name = path.file_name()?.to_str()?;
    Some((path.parent()?.to_owned(), name.strip_prefix(SOCKET_NAME)?.parse().ok()?))
}

fn with_tls(options: PgConnectOptions, tls: &UpstreamTls) -> PgConnectOptions {
    let mut options = options.ssl_mode(match tls.mode {
        TlsMode::VerifyFull => PgSslMode::VerifyFull,
        TlsMode::VerifyCa => PgSslMode::VerifyCa,
        TlsMode::Require => PgSslMode::Require,
        TlsMode::Prefer => PgSslMode::Prefer,
        TlsMode::Disable => PgSslMode::Disable,
    });
    if let Some(file) = &tls.ca_file {
        options = options.ssl_root_cert(file);
    }
    match &tls.identity {
        Some(own) => options.ssl_client_cert(&own.cert).ssl_client_key(&own.key),
        None => options,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::proxy::Login;

    fn witness() -> Witness {
        let login = Login { user: "bot".to_owned(), password_file: None, database: None };
        let (every, timeout) = (Duration::from_secs(10), Duration::from_secs(2));
        let settings = Truth { every, timeout, login, database: "postgres".to_owned() };
        let tls = UpstreamTls { mode: TlsMode::Disable, ca_file: None, identity: None, name: None };
        Witness::new(&settings, &Upstream::Unix("/run/x".into()), &tls)
    }

    fn seen(backends: &[u32]) -> Seen {
        let session = |backend: &u32| Session {
            backend: *backend,
            state: "idle".to_owned(),
            transaction: Some(Duration::from_secs(u64::from(*backend))),
            ..Session::default()
        };
        Seen { sessions: backends.iter().map(session).collect(), taken: 9, most: 100 }
    }

    #[test]
    fn a_session_is_foreign_once_two_answers_in_a_row_had_it_and_the_pool_did_not() {
        let mut witness = witness();
        let own = BTreeSet::from([1, 2]);
        let first = witness.compare(seen(&[1, 2, 7]), &own, 2);
        assert_eq!((first.sessions, first.pooled, first.foreign), (3, 2, 0));
        assert_eq!(first.oldest_transaction, Some(Duration::from_secs(7)));
        let second = witness.compare(seen(&[1, 7, 8]), &own, 2);
        assert_eq!((second.foreign, second.foreign_told[0].backend), (1, 7));
        let third = witness.compare(seen(&[1, 8]), &BTreeSet::from([1, 8]), 2);
        assert_eq!((third.foreign, third.states["idle"]), (0, 2));
        let many: Vec<u32> = (100..150).collect();
        witness.compare(seen(&many), &own, 2);
        let told = witness.compare(seen(&many), &own, 2);
        assert_eq!((told.foreign, told.foreign_told.len()), (50, FOREIGN_TOLD_MAX));
    }

    #[test]
    fn an_upstream_that_fails_is_asked_ever_more_seldom() {
        let mut witness = witness();
        assert_eq!(witness.pause(), Duration::from_secs(10));
        witness.failures = 3;
        assert_eq!(witness.pause(), Duration::from_secs(40));
        witness.failures = 99;
        assert_eq!(witness.pause(), FAILED_EVERY_MAX);
    }

    #[test]
    fn a_socket_is_asked_by_the_name_that_clients_know() {
        let found = |path: &str| socket(std::path::Path::new(path));
        assert_eq!(found("/run/pg/.s.PGSQL.5433"), Some(("/run/pg".into(), 5433)));
        assert_eq!(found("/run/pg/server.sock"), None);
    }
}
