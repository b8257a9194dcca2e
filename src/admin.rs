//! Operators over sockets: an HTTP server on a unix socket, open to those whom the kernel says they are; the same API and its
//! page on an address, for those who bring a token; and the page of metrics on an address, for Prometheus.

mod answer;
mod api;
mod api_server;
mod door;
mod keys;
mod metrics;
mod metrics_server;
mod server;

pub use api::Desk;
pub use api_server::ApiServer;
pub use keys::{Keys, TokenFile, Tokens};
pub use metrics_server::MetricsServer;
pub use server::{AdminError, Rights, listen, serve};
