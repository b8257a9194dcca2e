//! The way to the server: who asks, by which password, and for how long an answer is waited for.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::time::timeout;

use crate::journal::place::{Password, Shared};
use crate::journal::store::StoreError;
use crate::sys::secrets::read_password;

/// How long a connect and its login may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Prepared statements kept; there are about a dozen.
const STATEMENTS: usize = 16;

/// Connects and logs in.
pub(super) async fn connect(shared: &Shared) -> Result<PgConnection, StoreError> {
    let options = options(shared)?;
    within(CONNECT_WITHIN, async { Ok(options.connect().await?) }).await
}

/// At most so long; an error of the way itself is told apart from one of the server.
pub(super) async fn within<T>(
    span: Duration,
    act: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match timeout(span, act).await {
        Ok(Err(StoreError::Database(error @ (sqlx::Error::Io(_) | sqlx::Error::Protocol(_))))) => {
            Err(StoreError::Lost(error))
        }
        Ok(done) => done,
        Err(_) => Err(StoreError::Late),
    }
}

/// What the environment says to clients of PostgreSQL is meant for a person's and not for an agent's.
fn options(shared: &Shared) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(shared.database.as_str())?;
    let options = match &shared.password {
        Password::OfPerson => options,
        Password::None => options.password(""),
        Password::File(path) => {
            let password = read_password(path).map_err(StoreError::Secret)?;
            options.password(&String::from_utf8_lossy(&password))
        }
    };
    let options = options.application_name("fdguard").statement_cache_capacity(STATEMENTS);
    Ok(options.disable_statement_logging())
}
