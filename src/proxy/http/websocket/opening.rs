//! The client's request: read, passed on to the upstream, and answered by what came of it.

use std::task::Context;

use crate::pool::reason::Farewell;
use crate::proxy::http::side::Heard;
use crate::proxy::http::turns::{Attached, Step};
use crate::proxy::http::web::Tools;
use crate::proxy::http::websocket::page::{Source, is_origin, source};
use crate::proxy::http::websocket::session::{Phase, Session};
use crate::wire::http::fields::Fields;
use crate::wire::http::head::{After, HEAD_MAX, Method, Request as Head, Version, request};
use crate::wire::http::target::Target;
use crate::wire::websocket::handshake::request::{Line, Request};
use crate::wire::websocket::handshake::response::{Agreed, write_refusal};
use crate::wire::websocket::handshake::{Field, Key};

/// Fields that are of one connection, or that the proxy writes itself.
const OWN: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "trailer",
    "expect",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
];

/// What the client has asked for; each connection to the upstream asks for it again.
#[derive(Debug, Default)]
pub(super) struct Ask {
    key: Option<Key>,
    pub(super) protocols: Vec<String>,
    pub(super) target: String,
    pub(super) fields: Vec<(String, Vec<u8>)>,
    pub(super) source: Source,
}

impl Session {
    /// Reads the head of the request.
    pub(super) fn head(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Step {
        match self.client.hear(&mut tools.scratch, cx) {
            None => return Step::Wait,
            Some(Ok(Heard::Bytes(count))) => self.held.extend_from_slice(&tools.scratch[..count]),
            Some(Ok(Heard::End) | Err(_)) => {
                self.abort(Farewell::Left);
                return Step::Again;
            }
        }
        match request(&self.held, &mut self.finder, &mut tools.fields) {
            Ok(Some(head)) => self.asked(&head, tools),
            Ok(None) if self.held.len() <= HEAD_MAX => {}
            Ok(None) => self.refuse((431, "The head of the request is too long."), Farewell::Protocol),
            Err(fault) => {
                let why = format!("The request is refused: {fault}.");
                self.refuse((fault.status(), &why), Farewell::Protocol);
            }
        }
        Step::Again
    }

    /// The head is there.
    fn asked(&mut self, head: &Head, tools: &mut Tools) {
        if let Attached::Never(reply) = &self.attached {
            tools.out.clear();
            reply.write(&self.settings().name, (Method::Get, After::Close), &mut tools.out);
            // Who does not hear it has gone.
            let _heard = self.client.send(&tools.out);
            return self.part(Farewell::Refused);
        }
        let bytes = std::mem::take(&mut self.held);
        match read(&bytes, (head, &tools.fields), &self.stream().origins) {
            Ok(ask) if ask.source == Source::Foreign => {
                self.warn("a page in a browser may not connect: `stream.origins` names those that may");
                let why = "Pages of this origin may not connect; stream.origins names those that may.";
                return self.refuse((403, why), Farewell::Refused);
            }
            Ok(ask) => self.ask = ask,
            Err((status, why)) => return self.refuse((status, &why), Farewell::Refused),
        }
        self.phase = Phase::Dialing;
        self.feed.open(self.now());
        self.carry_out();
        // Some send their first message without waiting for the answer.
        self.held = bytes[head.end..].to_vec();
    }

    /// Answers the client: its WebSocket is open.
    pub(super) fn welcome(&mut self) {
        let Some(key) = &self.ask.key else { return };
        let mut out = Vec::new();
        let agreed = self.agreed.clone().unwrap_or_else(|| Agreed {
            // Nobody was asked yet: most like what the client likes most.
            protocol: self.ask.protocols.first().cloned(),
        });
        agreed.write(&mut out, key);
        self.agreed = Some(agreed);
        self.to_client.extend_from_slice(&out);
        self.phase = Phase::Open;
    }

    /// Answers the client: it gets none.
    pub(super) fn refuse(&mut self, (status, why): (u16, &str), farewell: Farewell) {
        let mut out = Vec::new();
        let line = (status, phrase(status));
        write_refusal(&mut out, line, &format!("fdguard, proxy {}: {why}", self.settings().name));
        self.count(0, out.len());
        // Who does not hear it has gone.
        let _heard = self.client.send(&out);
        self.part(farewell);
    }
}

/// What a request asks for; why not, where it can't be had.
fn read(bytes: &[u8], (head, fields): (&Head, &Fields), origins: &[String]) -> Result<Ask, (u16, String)> {
    let bytes = &bytes[..head.end];
    if head.form != Target::Origin {
        return Err((400, "The request names no path of this proxy.".to_owned()));
    }
    let text = |(name, value)| std::str::from_utf8(name).ok().map(|name| (name, value));
    let all: Vec<Field<'_>> = fields.iter(bytes).filter_map(text).collect();
    let method = if head.method == Method::Get { "GET" } else { "" };
    let minor = u8::from(head.version == Version::Http11);
    let request = Request::parse(Line { method, minor }, &all)
        .map_err(|error| (error.status().0, error.to_string()))?;
    let source = source(&all, origins);
    let own = |name: &str| {
        OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) || (source == Source::Ours && is_origin(name))
    };
    let kept = (0..fields.len()).filter(|place| !fields.is_cut(*place)).map(|place| fields.at(bytes, place));
    let kept = kept.filter_map(text).filter(|(name, _)| !own(name));
    Ok(Ask {
        key: Some(request.key),
        protocols: request.protocols,
        target: String::from_utf8_lossy(&bytes[head.target.clone()]).into_owned(),
        fields: kept.map(|(name, value)| (name.to_owned(), value.to_vec())).collect(),
        source,
    })
}

pub(super) const fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        410 => "Gone",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Error",
    }
}
