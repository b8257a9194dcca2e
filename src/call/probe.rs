//! Probes: a question to the bot or its venue, asked again and again, whose answer is a signal.

use std::time::Duration;

use serde_json::Value;

use crate::call::capture::{self, Command, Ended};
use crate::call::endpoint::{Endpoint, EndpointError};
use crate::call::excerpt::Excerpt;
use crate::call::web::{Call, Web, WebError, method};
use crate::config::{Ask, HttpCall, Probe};
use crate::model::reading::{Gap, Reading};
use crate::sys::user;

/// Bytes of an answer that are read at its beginning; a value further on is not found.
const ANSWER_KEPT: usize = 64 * 1_024;

/// An answer stands until so many more should have come.
const OVERDUE_ANSWERS: u32 = 3;

/// How long an answer stands, counted from its question; after that the probe is late.
pub fn stands(probe: &Probe) -> Duration {
    (probe.every + probe.timeout) * OVERDUE_ANSWERS
}

/// Asks once. Whatever goes wrong is an unavailable reading, never a zero.
pub async fn ask(probe: &Probe, web: &Web) -> Reading<f64> {
    let answer = match &probe.ask {
        Ask::Http(call) => http(probe, call, web).await,
        Ask::Run(command) => run(probe, command).await,
    };
    match answer {
        Ok(text) => {
            value(&text, probe.value.as_deref()).map_or(Reading::Unavailable(Gap::Failed), Reading::Known)
        }
        Err(gap) => Reading::Unavailable(gap),
    }
}

async fn http(probe: &Probe, call: &HttpCall, web: &Web) -> Result<String, Gap> {
    let endpoint = endpoint(call).map_err(|error| {
        tracing::warn!(probe = %probe.name, %error, "a probe can't be asked");
        Gap::Failed
    })?;
    let body = call.body.clone().unwrap_or_default().into_bytes();
    let question = Call { method: method(call.method), body, timeout: probe.timeout };
    match web.call_keeping(&endpoint, question, Excerpt::keeping(ANSWER_KEPT)).await {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(answer.body.text()),
        Err(WebError::Late { .. }) => Err(Gap::Late),
        Ok(_) | Err(WebError::Failed { .. }) => Err(Gap::Failed),
    }
}

fn endpoint(call: &HttpCall) -> Result<Endpoint, EndpointError> {
    let endpoint = Endpoint::parse(call.url.as_str())?;
    match &call.headers_file {
        Some(path) => endpoint.with_headers_file(path),
        None => Ok(endpoint),
    }
}

async fn run(probe: &Probe, command: &crate::config::Command) -> Result<String, Gap> {
    let environment: Vec<(&str, &str)> =
        command.env.iter().map(|(name, value)| (name.as_str(), value.reveal())).collect();
    let user = match &command.user {
        Some(name) => Some(user::lookup(name).ok().flatten().ok_or(Gap::NotPermitted)?),
        None => None,
    };
    let command = Command {
        argv: &command.argv,
        environment: &environment,
        user,
        input: Vec::new(),
        timeout: probe.timeout,
    };
    match capture::run_keeping(command, Excerpt::keeping(ANSWER_KEPT)).await {
        Ok(ran) => match ran.ended {
            Ended::Exited(0) => Ok(ran.output.text()),
            Ended::TimedOut(_) => Err(Gap::Late),
            Ended::Exited(_) | Ended::Signalled(_) => Err(Gap::Failed),
        },
        Err(_) => Err(Gap::Failed),
    }
}

/// The number in an answer: the answer itself, or what a JSON pointer leads to. True is 1, false is 0; a list
/// counts as its length.
fn value(text: &str, pointer: Option<&str>) -> Option<f64> {
    let json: Value = serde_json::from_str(text.trim()).ok()?;
    match json.pointer(pointer.unwrap_or(""))? {
        Value::Number(number) => number.as_f64(),
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        Value::Array(items) => Some(items.len() as f64),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbers_flags_lists_or_what_a_pointer_finds() {
        assert_eq!(value("3\n", None), Some(3.0));
        assert_eq!(value("true", None), Some(1.0));
        assert_eq!(value("{\"count\": 7}", Some("/count")), Some(7.0));
        assert_eq!(value("{\"orders\": [{}, {}]}", Some("/orders")), Some(2.0));
        assert_eq!(value("{\"count\": \"12.5\"}", Some("/count")), Some(12.5));
        for nothing in ["", "none", "{}", "null"] {
            assert_eq!(value(nothing, None), None, "{nothing}");
        }
        assert_eq!(value("{\"count\": 7}", Some("/other")), None);
    }
}
