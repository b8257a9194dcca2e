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
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Request, StatusCode};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, timeout};

use crate::admin::answer::{self, Reply, json, only, respond, say};
use crate::admin::door::{CameFrom, Patience};
use crate::admin::keys::{Tokens, foreign};
use crate::agent::feed::Feed;
use crate::agent::request::{self, Answer, Envelope};
use crate::journal::place::Place;
use crate::model::asker::{Asker, Role};
use crate::model::name::Name;
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
    reads: Arc<Semaphore>,
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
            reads: Arc::new(Semaphore::new(READS_MAX)),
            shared: Mutex::new(None),
        })
    }

    /// Asks the control loop, for somebody.
    pub(super) async fn ask(&self, request: request::Request, by: Asker) -> Answer {
        let asked = timeout(ANSWER_TIME_MAX, answer::ask(request, by, &*self.submit)).await;
        asked.unwrap_or_else(|_| Answer::Refused("the agent does not answer in time".to_owned()))
    }

    /// The status as JSON, asked once for all who want it in the same second.
    async fn shared_status(&self, by: Asker) -> Option<Bytes> {
        let mut shared = self.shared.lock().await;
        if let Some((at, bytes)) = &*shared
            && at.elapsed() < SHARED_FOR
        {
            return Some(bytes.clone());
        }
        let Answer::Status(status) = self.ask(request::Request::Status, by).await else { return None };
        let bytes = Bytes::from(serde_json::to_vec(&status).ok()?);
        *shared = Some((Instant::now(), bytes.clone()));
        Some(bytes)
    }
}

/// Who comes.
pub(super) struct Visitor<'v> {
    patience: &'v Rc<Patience>,
    known: Known<'v>,
}

/// What is known of one who comes.
#[derive(Clone, Copy)]
enum Known<'v> {
    /// The kernel has said which user it is; such a one may do everything.
    User(u32),
    /// No more than the token that it brings.
    Token(&'v Tokens),
}

/// One who is let in.
struct Guest<'v> {
    by: Asker,
    visitor: &'v Visitor<'v>,
    desk: &'v Rc<Desk>,
}

impl<'v> Visitor<'v> {
    /// One whom the kernel has named, and who may do everything.
    pub(super) fn known(uid: u32, patience: &'v Rc<Patience>) -> Self {
        Self { patience, known: Known::User(uid) }
    }

    /// One who shows by a token what it may do.
    pub(super) fn unknown(tokens: &'v Tokens, patience: &'v Rc<Patience>) -> Self {
        Self { patience, known: Known::Token(tokens) }
    }

    /// Who this is and what it may do, where that is asked; or what it is told where it may not go there.
    fn admit<B>(&self, needs: Role, request: &Request<B>) -> Result<(Role, Asker), Box<Reply>> {
        let tokens = match self.known {
            Known::User(uid) => return Ok((Role::Write, Asker::User { uid })),
            Known::Token(tokens) => tokens,
        };
        if let Some(refusal) = foreign(request) {
            return Err(Box::new(refusal));
        }
        let token = tokens.role(request.headers().get(AUTHORIZATION))?;
        if token < needs {
            return Err(Box::new(say(StatusCode::FORBIDDEN, "this token lets look and not command")));
        }
        let Some(CameFrom(from)) = request.extensions().get().copied() else {
            return Err(Box::new(say(
                StatusCode::INTERNAL_SERVER_ERROR,
                "nobody knows where this comes from",
            )));
        };
        Ok((token, Asker::Token { token, from }))
    }
}

/// Answers one request.
pub(super) async fn serve(request: Request<Incoming>, visitor: &Visitor<'_>, desk: &Rc<Desk>) -> Reply {
    let mut reply = match Route::find(request.method(), request.uri().path()) {
        Found::Nothing => {
            say(StatusCode::NOT_FOUND, "there is no such place; /openapi.json tells which there are")
        }
        Found::Other(method) => only(method),
        Found::Here(route, rest) => match route.needs() {
            None => public(route, rest),
            Some(needs) => match visitor.admit(needs, &request) {
                Err(refusal) => *refusal,
                Ok((role, by)) => {
                    visitor.patience.welcome();
                    let rest = rest.to_owned();
                    let mut reply = give(route, &rest, request, &Guest { by, visitor, desk }).await;
                    reply.headers_mut().insert(ROLE, HeaderValue::from_static(role.name()));
                    reply
                }
            },
        },
    };
    for (name, value) in HEADERS {
        reply.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    reply
}

/// What tells nothing of the agent.
fn public(route: Route, rest: &str) -> Reply {
    match route {
        Route::Page => page::root(),
        Route::PageFile => page::file(rest),
        Route::Document => respond(StatusCode::OK, "application/json", page::DOCUMENT.into()),
        Route::Health
        | Route::Metrics
        | Route::Status
        | Route::Explain
        | Route::Events
        | Route::HistoryEvents
        | Route::HistorySeries
        | Route::Command => say(StatusCode::NOT_FOUND, "there is no such place"),
    }
}

async fn give(route: Route, rest: &str, request: Request<Incoming>, guest: &Guest<'_>) -> Reply {
    let query = Query::of(request.uri());
    let (desk, by) = (guest.desk, guest.by);
    match route {
        Route::Page | Route::PageFile | Route::Document => public(route, rest),
        Route::Health => match desk.ask(request::Request::Status, by).await {
            Answer::Status(_) => respond(StatusCode::OK, "text/plain; charset=utf-8", "ok\n".into()),
            Answer::Refused(why) => say(StatusCode::SERVICE_UNAVAILABLE, &why),
            other => refused(other),
        },
        Route::Metrics => answer::metrics(by, &*desk.submit).await,
        Route::Status => match desk.ask(request::Request::Status, by).await {
            Answer::Status(status) => json(&status),
            other => refused(other),
        },
        Route::Explain => explain(&query, by, desk).await,
        Route::Events => stream::open(&query, request.headers(), guest),
        Route::HistoryEvents => history::events(&query, desk).await,
        Route::HistorySeries => history::series(&query, desk).await,
        Route::Command => command(rest, request, guest).await,
    }
}

async fn explain(query: &Query, by: Asker, desk: &Desk) -> Reply {
    let target = match query.only(&["target"]).and_then(|()| query.parsed("target", Name::parse)) {
        Ok(target) => target,
        Err(why) => return say(StatusCode::BAD_REQUEST, &why),
    };
    match desk.ask(request::Request::Explain { target }, by).await {
        Answer::Explained(all) => json(&all),
        other => refused(other),
    }
}

async fn command(verb: &str, request: Request<Incoming>, guest: &Guest<'_>) -> Reply {
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
    match guest.desk.ask(request::Request::Do(command), guest.by).await {
        Answer::Taken(what) => json(&serde_json::json!({ "taken": what })),
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
