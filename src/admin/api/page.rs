//! The page of the API, and its description: all in the program, and nothing from elsewhere.

use hyper::StatusCode;

use crate::admin::answer::{Reply, respond, say};

/// The description of the API.
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// What the page is made of.
const FILES: [(&str, &str, &str); 8] = [
    ("style.css", CSS, include_str!("page/style.css")),
    ("main.js", SCRIPT, include_str!("page/main.js")),
    ("link.js", SCRIPT, include_str!("page/link.js")),
    ("draw.js", SCRIPT, include_str!("page/draw.js")),
    ("words.js", SCRIPT, include_str!("page/words.js")),
    ("plot.js", SCRIPT, include_str!("page/plot.js")),
    ("target.js", SCRIPT, include_str!("page/target.js")),
    ("pools.js", SCRIPT, include_str!("page/pools.js")),
];

/// The page itself.
pub(super) fn root() -> Reply {
    respond(StatusCode::OK, HTML, include_str!("page/index.html").into())
}

/// One of its files.
pub(super) fn file(name: &str) -> Reply {
    match FILES.iter().find(|(other, _, _)| *other == name) {
        Some((_, kind, text)) => respond(StatusCode::OK, kind, (*text).into()),
        None => say(StatusCode::NOT_FOUND, "the page has no such file"),
    }
}
