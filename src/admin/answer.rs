//! Answers of the API: asking the control loop, and putting what it says into a response.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::oneshot;

use crate::admin::metrics;
use crate::agent::request::{Answer, Envelope, Request};

/// A response, whole.
pub(super) type Whole = Response<Full<Bytes>>;

/// Asks the control loop, for a user.
pub(super) async fn ask(request: Request, uid: u32, submit: &impl Fn(Envelope)) -> Answer {
    let (reply, answer) = oneshot::channel();
    submit(Envelope { request, uid, reply });
    answer.await.unwrap_or_else(|_| Answer::Refused("the agent is stopping".to_owned()))
}

/// The page of metrics.
pub(super) async fn metrics(uid: u32, submit: &impl Fn(Envelope)) -> Whole {
    let Answer::Status(status) = ask(Request::Status, uid, submit).await else {
        return say(StatusCode::SERVICE_UNAVAILABLE, "the agent is busy or ending");
    };
    match metrics::write(*status) {
        Ok(page) => respond(StatusCode::OK, metrics::CONTENT_TYPE, page.into()),
        Err(error) => say(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// An answer as JSON.
pub(super) fn answer(answer: &Answer) -> Whole {
    match serde_json::to_vec(answer) {
        Ok(body) => respond(StatusCode::OK, "application/json", body.into()),
        Err(error) => say(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// An error as JSON.
pub(super) fn say(status: StatusCode, text: &str) -> Whole {
    let body = serde_json::json!({ "error": text }).to_string();
    respond(status, "application/json", body.into())
}

/// A response.
pub(super) fn respond(status: StatusCode, kind: &'static str, body: Bytes) -> Whole {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
