//! Asks the running agent over its unix socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::agent::request::{Answer, Request};

/// How long the agent may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// Nobody listens.
    #[error("no agent answers on {path}")]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The agent did not answer in time.
    #[error("the agent did not answer within {PATIENCE:?}")]
    Late,
    /// The connection broke.
    #[error("the connection to the agent broke")]
    Broken(#[source] hyper::Error),
    /// The agent does not want to talk to this user, or did not understand.
    #[error("the agent refuses: {0}")]
    Refused(String),
    /// The answer could not be read.
    #[error("the agent's answer can't be read; is it of another version?")]
    Unreadable(#[source] serde_json::Error),
}

/// Sends one request and waits for its answer.
pub(super) async fn ask(socket: &Path, request: &Request) -> Result<Answer, ClientError> {
    tokio::time::timeout(PATIENCE, exchange(socket, request)).await.unwrap_or(Err(ClientError::Late))
}

async fn exchange(socket: &Path, request: &Request) -> Result<Answer, ClientError> {
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|source| ClientError::Unreachable { path: socket.to_owned(), source })?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(ClientError::Broken)?;
    tokio::task::spawn_local(connection);
    let body = serde_json::to_vec(request).map_err(ClientError::Unreadable)?;
    let http = hyper::Request::post("/v1/request")
        .header(hyper::header::HOST, "fdguard")
        .body(Full::new(Bytes::from(body)))
        .expect("a constant request is well formed");
    let response = sender.send_request(http).await.map_err(ClientError::Broken)?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(ClientError::Broken)?.to_bytes();
    if status != StatusCode::OK {
        let text = serde_json::from_slice::<serde_json::Value>(&body).ok();
        let text = text.and_then(|value| value["error"].as_str().map(str::to_owned));
        return Err(ClientError::Refused(text.unwrap_or_else(|| status.to_string())));
    }
    serde_json::from_slice(&body).map_err(ClientError::Unreadable)
}
