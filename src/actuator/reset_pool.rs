//! `reset_pool`: replaces server connections of a pool of the agent's own.
//!
//! The pool answers at once what it closed; connections in use are closed when they come back, or by force after its
//! drain time, which is not waited for.

use crate::model::action::ResetHow;
use crate::model::decision::Done;
use crate::model::name::Name;
use crate::proxy::{Command, Proxies};

/// Resets the pool.
pub(super) async fn reset(
    proxies: Option<&Proxies>,
    pool: &Name,
    (how, share): (ResetHow, f64),
) -> Result<Done, String> {
    let proxies = proxies.ok_or_else(|| format!("no pool `{pool}` here"))?;
    let answer = proxies.tell(pool, Command::Reset { how, share }).map_err(|error| error.to_string())?;
    let done = answer.await.map_err(|_| "the proxies have ended".to_owned())?;
    Ok(Done { summary: format!("{pool}: {done}") })
}
