//! One HTTP request, bounded in time and size, with errors that never tell the URL.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
pub use hyper::Method;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::endpoint::Endpoint;
use super::excerpt::Excerpt;
use crate::config;

/// How long a TCP connection may take to come up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept for the next request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// No more than this much of an answer is read, unless more is kept of it.
const ANSWER_MAX: u64 = 256 * 1024;

/// An HTTP/1.1 client over TCP and TLS (Mozilla's roots).
#[derive(Clone)]
pub struct Web {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// What is sent.
pub struct Call {
    /// The method.
    pub method: Method,
    /// The body, JSON; empty for none.
    pub body: Vec<u8>,
    /// The whole exchange may take so long.
    pub timeout: Duration,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// `Retry-After` in seconds, where given so.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Excerpt,
}

/// The method of the agent's file as HTTP names it.
pub fn method(method: config::Method) -> Method {
    match method {
        config::Method::Get => Method::GET,
        config::Method::Post => Method::POST,
        config::Method::Put => Method::PUT,
        config::Method::Delete => Method::DELETE,
    }
}

/// Why there is no answer. Neither this nor its source tells the URL.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Nothing in time.
    #[error("no answer in {}", crate::model::units::format_span(*after))]
    Late {
        /// How long was waited.
        after: Duration,
    },
    /// No connection, or it broke.
    #[error("could not call {label}")]
    Failed {
        /// Scheme and host.
        label: String,
        /// What went wrong, from the outside in.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Default for Web {
    fn default() -> Self {
        Self::new()
    }
}

impl Web {
    /// A client without connections.
    pub fn new() -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(1)
            .build(connector);
        Self { client }
    }

    /// Sends one request and reads the answer. Redirections are not followed.
    pub async fn call(&self, endpoint: &Endpoint, call: Call) -> Result<Answer, WebError> {
        self.call_keeping(endpoint, call, Excerpt::default()).await
    }

    /// As [`call`](Self::call), keeping as much of the answer as the given empty excerpt does.
    pub async fn call_keeping(
        &self,
        endpoint: &Endpoint,
        call: Call,
        kept: Excerpt,
    ) -> Result<Answer, WebError> {
        let after = call.timeout;
        let mut request = Request::builder()
            .method(call.method)
            .uri(endpoint.uri().clone())
            .header(USER_AGENT, concat!("fdguard/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(call.body)))
            .expect("a parsed URI and constant headers make a request");
        request.headers_mut().extend(endpoint.headers().iter().cloned());
        let exchange = async {
            let failed = |source| WebError::Failed { label: endpoint.label().to_owned(), source };
            let response = self.client.request(request).await.map_err(|error| failed(error.into()))?;
            read(response, kept).await.map_err(|error| failed(error.into()))
        };
        tokio::time::timeout(after, exchange).await.map_err(|_| WebError::Late { after })?
    }
}

async fn read(response: Response<Incoming>, mut kept: Excerpt) -> Result<Answer, hyper::Error> {
    let (head, mut body) = response.into_parts();
    let most = ANSWER_MAX.max(kept.room());
    while kept.total() < most
        && let Some(frame) = body.frame().await
    {
        if let Some(piece) = frame?.data_ref() {
            kept.push(piece);
        }
    }
    Ok(Answer { status: head.status.as_u16(), retry_after: retry_after(&head.headers), body: kept })
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
