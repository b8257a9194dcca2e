//! Metrics on an address: `GET /metrics` and `GET /healthz`, and nothing that could be told to do something.
//!
//! With a file of a token who asks must know it. Without one every program of this machine may read, but no page in a
//! browser: a request must name the place by its address, which a name that is bent to 127.0.0.1 does not. Connections,
//! heads and times are bounded.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use tokio::net::TcpListener;

use crate::admin::answer::{Reply, metrics, only, respond, say};
use crate::admin::door::{self, Patience};
use crate::admin::keys::Keys;
use crate::admin::server::AdminError;
use crate::agent::request::Envelope;
use crate::model::asker::Asker;
use crate::sys::peer::own_uid;

/// Connections at once.
const CONNECTIONS_MAX: usize = 16;
/// The agent answers within this.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// The listener, opened.
#[derive(Debug)]
pub struct MetricsServer {
    listener: TcpListener,
    keys: Keys,
}

impl MetricsServer {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// The system refuses the address.
    pub async fn listen(address: SocketAddr, keys: Keys) -> Result<Self, AdminError> {
        Ok(Self { listener: door::listen(address).await?, keys })
    }

    /// Serves it until the future is dropped. Runs on a local set.
    pub async fn serve(self, submit: impl Fn(Envelope) + 'static) -> Infallible {
        let keys = self.keys;
        let handle = async move |request, patience: &Rc<Patience>| {
            let reply = handle(&request, &keys, &submit).await;
            if reply.status().is_success() {
                patience.welcome();
            }
            reply
        };
        door::serve(self.listener, CONNECTIONS_MAX, handle).await
    }
}

async fn handle(request: &Request<Incoming>, keys: &Keys, submit: &impl Fn(Envelope)) -> Reply {
    if let Some(refusal) = keys.refusal(request) {
        return refusal;
    }
    let path = request.uri().path();
    if !matches!(path, "/metrics" | "/healthz") {
        return say(StatusCode::NOT_FOUND, "there are /metrics and /healthz");
    }
    if request.method() != Method::GET {
        return only("GET");
    }
    let page = tokio::time::timeout(ANSWER_TIME_MAX, metrics(Asker::User { uid: own_uid() }, submit)).await;
    match page {
        Ok(page) if path == "/healthz" && page.status().is_success() => {
            respond(StatusCode::OK, "text/plain; charset=utf-8", "ok\n".into())
        }
        Ok(page) => page,
        Err(_) => say(StatusCode::SERVICE_UNAVAILABLE, "the agent does not answer in time"),
    }
}
