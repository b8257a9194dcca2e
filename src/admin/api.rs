//! The status API: routes, who may use which, and what they give. One for the unix socket and for the address; only who
//! asks is found out in two ways.

mod commands;
mod event;
mod history;
mod page;
mod query;
mod route;
mod stream;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Request, StatusCode};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, timeout};

use crate::admin::answer::{self, Reply, json, only, respond, say};
use crate::admin::door::Patience;
use crate::admin::keys::{Role, Tokens, foreign};
use crate::agent::feed::Feed;
use crate::agent::request::{self, Answer, Envelope};
use crate::journal::place::Place;
use crate::model::name::Name;
use crate::sys::peer::own_uid;
use query::Query;
use route::{Found, Route};

pub(super) use stream::STREAMS_MAX;

/// The agent answers within this, or did not.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes of a command.
const COMMAND_MAX: usize = 4 << 10;
/// Histories that are read at once.
const READS_MAX: usize = 2;
/// A status that streams share is as old as this at most.
const SHARED_FOR: Duration = Duration::from_millis(900);

/// Says what the token of a request lets its bearer do.
const ROLE: HeaderName = HeaderName::from_static("fdguard-role");
/// What a page may do that came from here: draw itself and ask here.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What browsers are told with each answer.
const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
];

/// What the API answers from.
pub struct Desk {
    submit: Box<dyn Fn(Envelope)>,
    feed: Feed,
    store: Option<Place>,
    streams: Arc<Semaphore>,
    socket_streams: Arc<Semaphore>,
    reads: Semaphore,
    shared: Mutex<Option<(Instant, Bytes)>>,
}

impl Desk {
    /// With a way to the control loop, its events, and the history where there is one.
    pub fn new(submit: impl Fn(Envelope) + 'static, feed: Feed, store: Option<Place>) -> Rc<Self> {
        Rc::new(Self {
            submit: Box::new(submit),
            feed,
            store,
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            socket_streams: Arc::new(Semaphore::new(stream::SOCKET_STREAMS_MAX)),
            reads: Semaphore::new(READS_MAX),
            shared: Mutex::new(None),
        })
    }

    /// Asks the control loop, for a user.
    pub(super) async fn ask(&self, request: request::Request, uid: u32) -> Answer {
        let asked = timeout(ANSWER_TIME_MAX, answer::ask(request, uid, &*self.submit)).await;
        asked.unwrap_or_else(|_| Answer::Refused("the agent does not answer in time".to_owned()))
    }

    /// The status as JSON, asked once for all who want it in the same second.
    async fn shared_status(&self, uid: u32) -> Option<Bytes> {
        let mut shared = self.shared.lock().await;
        if let Some((at, bytes)) = &*shared
            && at.elapsed() < SHARED_FOR
        {
            return Some(bytes.clone());
        }
        let Answer::Status(status) = self.ask(request::Request::Status, uid).await else { return None };
        let bytes = Bytes::from(serde_json::to_vec(&status).ok()?);
        *shared = Some((Instant::now(), bytes.clone()));
        Some(bytes)
    }
}

/// Who asks.
pub(super) struct Visitor<'v> {
    uid: u32,
    patience: &'v Rc<Patience>,
    /// None: the kernel has said that this one may do everything.
    tokens: Option<&'v Tokens>,
}

impl<'v> Visitor<'v> {
    /// One whom the kernel has named, and who may do everything.
    pub(super) fn known(uid: u32, patience: &'v Rc<Patience>) -> Self {
        Self { uid, patience, tokens: None }
    }

    /// One who shows by a token what it may do; the agent does it in its own name.
    pub(super) fn unknown(tokens: &'v Tokens, patience: &'v Rc<Patience>) -> Self {
        Self { uid: own_uid(), patience, tokens: Some(tokens) }
    }

    /// What this one may do, where that is asked; or what it is told where it may not go there.
    fn admit<B>(&self, needs: Option<Role>, request: &Request<B>) -> Result<Option<Role>, Box<Reply>> {
        let Some(needs) = needs else { return Ok(None) };
        let Some(tokens) = self.tokens else { return Ok(Some(Role::Write)) };
        if let Some(refusal) = foreign(request) {
            return Err(Box::new(refusal));
        }
        let role = tokens.role(request)?;
        if role < needs {
            return Err(Box::new(say(StatusCode::FORBIDDEN, "this token lets look and not command")));
        }
        Ok(Some(role))
    }
}

/// Answers one request.
pub(super) async fn serve(request: Request<Incoming>, visitor: &Visitor<'_>, desk: &Rc<Desk>) -> Reply {
    let mut reply = match Route::find(request.method(), request.uri().path()) {
        Found::Nothing => {
            say(StatusCode::NOT_FOUND, "there is no such place; /openapi.json tells which there are")
        }
        Found::Other(method) => only(method),
        Found::Here(route, rest) => match visitor.admit(route.needs(), &request) {
            Err(refusal) => *refusal,
            Ok(role) => {
                let rest = rest.to_owned();
                let mut reply = give(route, &rest, request, (visitor, desk)).await;
                if let Some(role) = role {
                    reply.headers_mut().insert(ROLE, HeaderValue::from_static(role.name()));
                }
                reply
            }
        },
    };
    for (name, value) in HEADERS {
        reply.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    reply
}

async fn give(
    route: Route,
    rest: &str,
    request: Request<Incoming>,
    (visitor, desk): (&Visitor<'_>, &Rc<Desk>),
) -> Reply {
    let query = Query::of(request.uri());
    match route {
        Route::Page => page::root(),
        Route::PageFile => page::file(rest),
        Route::Document => respond(StatusCode::OK, "application/json", page::DOCUMENT.into()),
        Route::Health => match desk.ask(request::Request::Status, visitor.uid).await {
            Answer::Status(_) => respond(StatusCode::OK, "text/plain; charset=utf-8", "ok\n".into()),
            Answer::Refused(why) => say(StatusCode::SERVICE_UNAVAILABLE, &why),
            other => refused(other),
        },
        Route::Metrics => answer::metrics(visitor.uid, &*desk.submit).await,
        Route::Status => match desk.ask(request::Request::Status, visitor.uid).await {
            Answer::Status(status) => json(&status),
            other => refused(other),
        },
        Route::Explain => explain(&query, visitor.uid, desk).await,
        Route::Events => stream::open(&query, request.headers(), (visitor, desk)),
        Route::HistoryEvents => history::events(&query, desk).await,
        Route::HistorySeries => history::series(&query, desk).await,
        Route::Command => command(rest, request, (visitor, desk)).await,
    }
}

async fn explain(query: &Query, uid: u32, desk: &Desk) -> Reply {
    let target = match query.only(&["target"]).and_then(|()| query.parsed("target", Name::parse)) {
        Ok(target) => target,
        Err(why) => return say(StatusCode::BAD_REQUEST, &why),
    };
    match desk.ask(request::Request::Explain { target }, uid).await {
        Answer::Explained(all) => json(&all),
        other => refused(other),
    }
}

async fn command(verb: &str, request: Request<Incoming>, (visitor, desk): (&Visitor<'_>, &Desk)) -> Reply {
    // What a form of another page can send is something else.
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return say(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a command is application/json");
    }
    let Ok(body) = Limited::new(request.into_body(), COMMAND_MAX).collect().await else {
        return say(StatusCode::PAYLOAD_TOO_LARGE, "the command is too large or broken");
    };
    let command = match commands::parse(verb, &body.to_bytes()) {
        Ok(command) => command,
        Err(why) => return say(StatusCode::BAD_REQUEST, &why),
    };
    let words = command.to_string();
    match desk.ask(request::Request::Do(command), visitor.uid).await {
        Answer::Taken(what) => {
            if visitor.tokens.is_some() {
                tracing::info!(command = words, "a command was given over the status API");
            }
            json(&serde_json::json!({ "taken": what }))
        }
        other => refused(other),
    }
}

/// What the control loop does not do.
fn refused(answer: Answer) -> Reply {
    match answer {
        Answer::Refused(why) => say(StatusCode::CONFLICT, &why),
        Answer::Status(_)
        | Answer::Explained(_)
        | Answer::Events(_)
        | Answer::Trading(_)
        | Answer::Taken(_) => say(StatusCode::INTERNAL_SERVER_ERROR, "the agent answered something else"),
    }
}
