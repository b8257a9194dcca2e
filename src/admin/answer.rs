//! Answers of the API: asking the control loop, and putting what it says into a response.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::{Either, Full};
use hyper::body::{Body, Bytes, Frame};
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::admin::metrics;
use crate::agent::request::{Answer, Envelope, Request};
use crate::model::asker::Asker;

/// A response: whole, or one that flows on.
pub(super) type Reply = Response<Either<Full<Bytes>, Flow>>;

/// A body that is written as it happens. Its place is free again once the server has dropped it.
#[derive(Debug)]
pub(super) struct Flow {
    frames: mpsc::Receiver<Bytes>,
    _place: OwnedSemaphorePermit,
}

impl Body for Flow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.get_mut().frames.poll_recv(cx).map(|frame| frame.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Asks the control loop, for somebody.
pub(super) async fn ask(request: Request, by: Asker, submit: &(impl Fn(Envelope) + ?Sized)) -> Answer {
    let (reply, answer) = oneshot::channel();
    submit(Envelope { request, by, reply });
    answer.await.unwrap_or_else(|_| Answer::Refused("the agent is stopping".to_owned()))
}

/// The page of metrics.
pub(super) async fn metrics(by: Asker, submit: &(impl Fn(Envelope) + ?Sized)) -> Reply {
    let Answer::Status(status) = ask(Request::Status, by, submit).await else {
        return say(StatusCode::SERVICE_UNAVAILABLE, "the agent is busy or ending");
    };
    match metrics::write(*status) {
        Ok(page) => respond(StatusCode::OK, metrics::CONTENT_TYPE, page.into()),
        Err(error) => say(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// A value as JSON.
pub(super) fn json(value: &impl serde::Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(body) => respond(StatusCode::OK, "application/json", body.into()),
        Err(error) => say(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// An error as JSON.
pub(super) fn say(status: StatusCode, text: &str) -> Reply {
    let body = serde_json::json!({ "error": text }).to_string();
    respond(status, "application/json", body.into())
}

/// There is no room now, and when to try again. The connection goes too: resting, it would take the place of another one.
pub(super) fn full(text: &str) -> Reply {
    let mut reply = say(StatusCode::SERVICE_UNAVAILABLE, text);
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
    reply
}

/// Another method would have been right.
pub(super) fn only(method: &'static str) -> Reply {
    let mut reply = say(StatusCode::METHOD_NOT_ALLOWED, &format!("only {method} is known here"));
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(method));
    reply
}

/// A response.
pub(super) fn respond(status: StatusCode, kind: &'static str, body: Bytes) -> Reply {
    let mut response = Response::new(Either::Left(Full::new(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// A response that goes on for as long as frames come. Its connection ends with it, so that the end is seen.
pub(super) fn flow(kind: &'static str, frames: mpsc::Receiver<Bytes>, place: OwnedSemaphorePermit) -> Reply {
    let mut response = Response::new(Either::Right(Flow { frames, _place: place }));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
