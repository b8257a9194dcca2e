//! Getting one notice to its receiver, with retries.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use crate::call::web::Method;

use crate::model::clock::Clock;
use crate::model::name::Name;

use super::notice::Notice;
use super::receiver::{Receiver, Way};
use crate::call::capture::{self, Command};
use crate::call::endpoint::Endpoint;
use crate::call::web::{Answer, Call, Web};
use crate::model::chain::chain;

/// Delivers for one receiver.
pub(super) struct Courier {
    pub(super) name: Name,
    pub(super) receiver: Receiver,
    pub(super) web: Web,
    pub(super) clock: Arc<dyn Clock>,
}

/// Why one try failed.
struct Failure {
    why: String,
    again: Again,
}

/// Whether another try may help.
enum Again {
    /// It may, not before this pause where the receiver asked for one.
    After(Option<Duration>),
    /// It will fail the same way.
    Never,
}

impl Courier {
    /// Delivers a notice, trying as often as the receiver's backoff says. The error is for people and tells no
    /// secret.
    pub(super) async fn deliver(&self, notice: &Notice) -> Result<(), String> {
        let mut tried = 0;
        loop {
            tried += 1;
            let Err(failure) = self.attempt(notice).await else { return Ok(()) };
            let Again::After(asked) = failure.again else { return Err(failure.why) };
            let dice = RandomState::new().hash_one(tried);
            match self.receiver.backoff.pause(tried, asked, dice) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(format!("{}; given up after {tried} tries", failure.why)),
            }
        }
    }

    async fn attempt(&self, notice: &Notice) -> Result<(), Failure> {
        match &self.receiver.way {
            Way::Slack(endpoint) => self.post(endpoint, notice.slack()).await,
            Way::Webhook(endpoint) => self.post(endpoint, notice.json()).await,
            Way::Command(argv) => run(argv, notice.json(), self.receiver.timeout).await,
        }
    }

    async fn post(&self, endpoint: &Endpoint, body: Vec<u8>) -> Result<(), Failure> {
        let call = Call { method: Method::POST, body, timeout: self.receiver.timeout };
        match self.web.call(endpoint, call).await {
            Ok(answer) => judge(endpoint, &answer),
            Err(error) => Err(Failure { why: chain(&error), again: Again::After(None) }),
        }
    }
}

/// Which answers mean delivered, which mean later, which mean never.
fn judge(endpoint: &Endpoint, answer: &Answer) -> Result<(), Failure> {
    let again = match answer.status {
        200..=299 => return Ok(()),
        408 | 429 | 500..=599 => Again::After(answer.retry_after),
        _ => Again::Never,
    };
    Err(Failure { why: format!("{} answered {}", endpoint.label(), answer.status), again })
}

async fn run(argv: &[String], input: Vec<u8>, timeout: Duration) -> Result<(), Failure> {
    let command = Command { argv, environment: &[], user: None, input, timeout };
    match capture::run(command).await {
        Ok(captured) if captured.ended.success() => Ok(()),
        Ok(captured) => Err(Failure { why: captured.ended.to_string(), again: Again::After(None) }),
        Err(error) => Err(Failure { why: chain(&error), again: Again::After(None) }),
    }
}
