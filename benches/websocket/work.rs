//! What the proxies are set to: a connection to the upstream for each client, as long as that stays.

use crate::common::contest::subject::Work;
use crate::websocket::opening;

/// See the module.
pub(crate) fn work() -> Work {
    Work {
        protocol: ["websocket", "ws"],
        fdguard: "pool     = { max = 4000 }\nclients  = { max = 4000 }".to_owned(),
        nginx: [
            String::new(),
            "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\"; proxy_read_timeout 1h;"
                .to_owned(),
        ],
        haproxy: ["timeout tunnel 1h".to_owned(), String::new()],
        ask: opening::once,
    }
}
