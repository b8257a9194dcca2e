//! What the proxies are set to: connections kept on both sides.

use crate::common::contest::subject::Work;
use crate::http::load;

/// Connections kept to the upstream.
const KEPT: usize = 100;

/// See the module.
pub(crate) fn work() -> Work {
    Work {
        protocol: ["http", "http"],
        fdguard: format!(
            "pool     = {{ max = {KEPT}, per_host = {KEPT}, lifetime = \"none\" }}\nclients  = {{ max = 4000 }}"
        ),
        nginx: [
            format!("keepalive {KEPT}; keepalive_requests 1000000000;"),
            "proxy_set_header Connection \"\";".to_owned(),
        ],
        haproxy: ["http-reuse always".to_owned(), format!("pool-max-conn {KEPT}")],
        ask: load::once,
    }
}
