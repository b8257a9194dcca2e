//! What probes and hooks have in common: a command or an HTTP call.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::read;
use super::secret::Secret;
use super::section::{Context, Section};
use super::show::Show;
use super::url::Url;
use crate::model::diagnostic::Diagnostic;

/// A command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// Program and arguments; no shell.
    pub argv: Vec<String>,
    /// Variables added to the agent's environment.
    pub env: BTreeMap<String, Secret>,
    /// The user it runs as; the agent's own where absent.
    pub user: Option<String>,
}

/// An HTTP call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpCall {
    /// Where to.
    pub url: Url,
    /// How.
    pub method: Method,
    /// A file of `Name: value` lines to send with it; see `headers`.
    pub headers_file: Option<PathBuf>,
    /// What is sent.
    pub body: Option<String>,
}

/// The method of an HTTP call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
}

const METHODS: &[(&str, Method)] =
    &[("GET", Method::Get), ("POST", Method::Post), ("PUT", Method::Put), ("DELETE", Method::Delete)];

impl Method {
    /// As it stands in a request.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

impl Show for Method {
    fn show(&self) -> String {
        super::show::quoted(self.name())
    }
}

/// Which of `run` and `http` is given; exactly one must be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Run,
    Http,
}

/// Finds out which of `run` and `http` a section has.
pub(super) fn way(section: &mut Section<'_>, cx: &mut Context<'_>) -> Option<Way> {
    match (section.value("run"), section.value("http")) {
        (Some(_), None) => Some(Way::Run),
        (None, Some(_)) => Some(Way::Http),
        (None, None) => {
            section.miss(
                cx,
                "run",
                Some("say what to do: run = [\"/path/to/program\"] or http = { url = … }"),
            );
            None
        }
        (Some(_), Some(_)) => {
            let span = section.key_span("http").unwrap_or_else(|| section.span());
            cx.faults.push(
                Diagnostic::error("one-variant", span, "either `run` or `http`, not both")
                    .help("take one out"),
            );
            None
        }
    }
}

/// Reads the parts of an HTTP call from its table, which the caller finishes.
pub(super) fn http(section: &mut Section<'_>, usual: Method, cx: &mut Context<'_>) -> Option<HttpCall> {
    let url = section.need(cx, "url", |v, f| v.parsed(f, Url::parse));
    let method = section.or(cx, "method", usual, read::word(METHODS));
    let headers_file = section.file(cx, "headers_file");
    let body = section.get(cx, "body", read::text);
    Some(HttpCall { url: url?, method, headers_file, body })
}
