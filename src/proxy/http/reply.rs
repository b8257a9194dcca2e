//! What the proxy itself answers: a status, and a short body that names the proxy and the reason.

use std::fmt::Write as _;

use crate::config::proxy::GateAnswer;
use crate::model::destination::Destination;
use crate::model::trading::Trading;
use crate::pool::reason::Refusal;
use crate::proxy::http::forward::Trouble;
use crate::wire::http::fault::Fault;
use crate::wire::http::head::{After, Method};

/// A client that was refused may come again after so many seconds.
const RETRY_AFTER: u32 = 1;
/// The same where an upstream is down.
const RETRY_DOWN_AFTER: u32 = 5;

/// How the words of the order gate begin.
const OF_GATE: &str = "trading_";

/// Whether an answer tells that a request failed: the server could not, or the client asked too often.
pub(super) fn is_failure(status: u16) -> bool {
    status == 429 || status >= 500
}

/// An answer of the proxy's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Reply {
    status: u16,
    /// One word, for programs.
    reason: &'static str,
    /// One sentence, for people.
    message: String,
    retry_after: Option<u32>,
    /// Type and body, where the settings declare them.
    declared: Option<(String, String)>,
}

impl Reply {
    fn new(status: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { status, reason, message: message.into(), retry_after: None, declared: None }
    }

    /// The kernel's word on the client speaks against it.
    pub(super) fn stranger(why: String) -> Self {
        Self::new(403, "stranger", why)
    }

    /// The pool has refused it.
    pub(super) fn refused(refusal: Refusal) -> Self {
        let after = match refusal {
            Refusal::UpstreamDown | Refusal::ShuttingDown => RETRY_DOWN_AFTER,
            Refusal::ClientsFull
            | Refusal::Throttled
            | Refusal::Scarce
            | Refusal::QueueFull
            | Refusal::WaitOver
            | Refusal::LoginRefused
            | Refusal::Disabled
            | Refusal::OutOfTurn => RETRY_AFTER,
        };
        let retry_after = refusal.retryable().then_some(after);
        Self { retry_after, ..Self::new(503, refusal.name(), refusal.meaning()) }
    }

    /// The request can't be passed on.
    pub(super) fn fault(fault: Fault) -> Self {
        Self::new(fault.status(), "bad_request", format!("The request is refused: {fault}."))
    }

    /// The order gate keeps it back.
    pub(super) fn kept_back(gate: &GateAnswer, proxy: &str, state: Trading) -> Self {
        let (reason, meaning) = match state {
            Trading::Active => ("trading_active", "Trading is active"),
            Trading::Reducing => ("trading_reducing", "Trading is reducing, and this order may add risk"),
            Trading::Halted => ("trading_halted", "Trading is halted"),
        };
        let message = format!("{meaning}: it was refused by the order gate, and nothing was sent.");
        let declared = gate.told(proxy, state).map(|body| (gate.kind.clone(), body));
        Self { declared, ..Self::new(gate.status, reason, message) }
    }

    /// A request that only a forward proxy takes.
    pub(super) fn forward() -> Self {
        Self::new(400, "not_a_forward_proxy", "This proxy leads to its own upstreams alone: ask for a path.")
    }

    /// A request that a forward proxy does not take.
    pub(super) fn wants_absolute() -> Self {
        Self::new(
            400,
            "forward_proxy",
            "This is a forward proxy: ask by CONNECT, or for a whole URL of http, as clients do that have it as their proxy.",
        )
    }

    /// A URL of https without a tunnel.
    pub(super) fn wants_connect() -> Self {
        Self::new(400, "wants_connect", "A URL of https is asked for in a tunnel: open it by CONNECT.")
    }

    /// A CONNECT with a body.
    pub(super) fn connect_with_body() -> Self {
        Self::new(400, "connect_with_body", "A CONNECT has no body: what follows it is the tunnel's.")
    }

    /// A target that is no host and port.
    pub(super) fn no_destination() -> Self {
        Self::new(
            400,
            "no_destination",
            "The target is no host and port: a name or an address, and 1 to 65535.",
        )
    }

    /// A destination that the settings do not name.
    pub(super) fn not_allowed(to: &Destination) -> Self {
        let message = format!("This proxy does not lead to {to}: it is not in `forward.allow`.");
        Self::new(403, "not_allowed", message)
    }

    /// More destinations than are kept in mind.
    pub(super) fn too_many() -> Self {
        let retry_after = Some(RETRY_AFTER);
        let message = "Too many destinations are in use at once.";
        Self { retry_after, ..Self::new(503, "too_many_destinations", message) }
    }

    /// A destination that could not be reached.
    pub(super) fn unreached(trouble: &Trouble) -> Self {
        let (status, reason) = match trouble {
            Trouble::Unreachable(_) => (502, "unreachable"),
            Trouble::Late(_) => (504, "connect_late"),
            Trouble::Denied(_) => (403, "address_not_allowed"),
        };
        Self::new(status, reason, format!("No connection: {}.", trouble.why()))
    }

    /// The client has begun a request and does not go on.
    pub(super) fn late_client() -> Self {
        Self::new(408, "client_late", "The request did not come to its end in time.")
    }

    /// The upstream did not answer in time.
    pub(super) fn late_upstream() -> Self {
        Self::new(
            504,
            "upstream_late",
            "The upstream did not answer in time; whether it did what was asked is unknown.",
        )
    }

    /// The upstream went away before it answered.
    pub(super) fn lost_upstream() -> Self {
        Self::new(502, "upstream_lost", "The upstream went away; whether it did what was asked is unknown.")
    }

    /// The upstream's answer is none.
    pub(super) fn bad_upstream(fault: Fault) -> Self {
        Self::new(502, "upstream_protocol", format!("The answer of the upstream is not passed on: {fault}."))
    }

    /// Whether it tells that a request failed. What the order gate keeps back is refused as it should be.
    pub(super) fn is_failure(&self) -> bool {
        is_failure(self.status) && !self.reason.starts_with(OF_GATE)
    }

    /// The word for it.
    pub(super) fn reason(&self) -> &'static str {
        self.reason
    }

    /// Writes it as the answer of a proxy to a request by that method, with what becomes of the connection.
    pub(super) fn write(&self, proxy: &str, (method, after): (Method, After), out: &mut Vec<u8>) {
        let own = serde_json::json!({
            "error": { "proxy": proxy, "reason": self.reason, "message": self.message },
        });
        let (kind, body) =
            self.declared.clone().unwrap_or_else(|| ("application/json".to_owned(), format!("{own}\n")));
        let mut head = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n",
            self.status,
            phrase(self.status),
            body.len()
        );
        if let Some(seconds) = self.retry_after {
            // Writing to a text does not fail.
            let _written = write!(head, "Retry-After: {seconds}\r\n");
        }
        head.push_str(match after {
            After::Close => "Connection: close\r\n\r\n",
            After::Keep => "\r\n",
        });
        out.extend_from_slice(head.as_bytes());
        if method != Method::Head {
            out.extend_from_slice(body.as_bytes());
        }
    }
}

const fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        403 => "Forbidden",
        408 => "Request Timeout",
        409 => "Conflict",
        422 => "Unprocessable Content",
        423 => "Locked",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(reply: &Reply, method: Method) -> String {
        let mut out = Vec::new();
        reply.write("api", (method, After::Close), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn it_names_the_proxy_and_the_reason() {
        let reply = Reply::refused(Refusal::QueueFull);
        let said = text(&reply, Method::Get);
        assert!(said.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{said}");
        assert!(said.contains("\r\nRetry-After: 1\r\nConnection: close\r\n"), "{said}");
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            (&body["error"]["proxy"], &body["error"]["reason"]),
            (&"api".into(), &"queue_full".into())
        );
    }

    #[test]
    fn an_answer_to_head_has_no_body() {
        let said = text(&Reply::fault(Fault::Host), Method::Head);
        assert!(said.ends_with("Connection: close\r\n\r\n"), "{said}");
    }
}
