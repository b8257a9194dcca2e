//! Operators over sockets: an HTTP server on a unix socket, open to those whom the kernel says they are, and the page of
//! metrics on an address, for Prometheus.

mod answer;
mod metrics;
mod metrics_server;
mod server;

pub use metrics_server::{Keys, MetricsServer};
pub use server::{AdminError, Rights, listen, serve};
