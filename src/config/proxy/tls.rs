//! `tls`: TLS towards the upstream.

use std::path::PathBuf;

use super::Upstream;
use crate::config::read;
use crate::config::section::{Context, Section};
use crate::config::show::{Show, quoted};
use crate::document::{Faults, Value};
use crate::model::diagnostic::Diagnostic;

/// TLS towards the upstream. Unix sockets go without, whatever the mode.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpstreamTls {
    /// Whether, and what is checked.
    pub mode: TlsMode,
    /// The file of authorities that are believed; the usual ones where absent.
    pub ca_file: Option<PathBuf>,
    /// What is shown to an upstream that asks who we are.
    pub identity: Option<Identity>,
    /// The name that the certificate must have; the upstream's own where absent.
    pub name: Option<String>,
}

/// A certificate of our own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The file of certificates, our own first.
    pub cert: PathBuf,
    /// The file of its key.
    pub key: PathBuf,
}

/// Whether TLS is used, and what is checked. As `sslmode` of PostgreSQL, without `allow`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TlsMode {
    /// TLS, from an authority that is believed, with the right name.
    VerifyFull,
    /// TLS, from an authority that is believed, with any name.
    VerifyCa,
    /// TLS, from anybody.
    Require,
    /// TLS from anybody where the upstream has it.
    Prefer,
    /// None.
    Disable,
}

const MODES: &[(&str, TlsMode)] = &[
    ("verify-full", TlsMode::VerifyFull),
    ("verify-ca", TlsMode::VerifyCa),
    ("require", TlsMode::Require),
    ("prefer", TlsMode::Prefer),
    ("disable", TlsMode::Disable),
];

impl TlsMode {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::VerifyFull => "verify-full",
            Self::VerifyCa => "verify-ca",
            Self::Require => "require",
            Self::Prefer => "prefer",
            Self::Disable => "disable",
        }
    }
}

impl Show for TlsMode {
    fn show(&self) -> String {
        quoted(self.name())
    }
}

/// Reads `tls`.
pub(super) fn read(proxy: &mut Section<'_>, upstream: &[Upstream], cx: &mut Context<'_>) -> UpstreamTls {
    let is_near = proxy.value("tls").is_none() && upstream.iter().all(Upstream::is_local);
    let usual = if is_near { TlsMode::Prefer } else { TlsMode::VerifyFull };
    read_with(proxy, usual, upstream, cx)
}

fn read_with(
    proxy: &mut Section<'_>,
    usual: TlsMode,
    upstream: &[Upstream],
    cx: &mut Context<'_>,
) -> UpstreamTls {
    let mut section = proxy.section(cx, "tls");
    let mode = section.or(cx, "mode", usual, read::word(MODES));
    let ca_file = section.file(cx, "ca_file");
    let cert = section.file(cx, "cert");
    let key = section.file(cx, "key");
    let name = section.get(cx, "name", host);
    for (one, other) in [("cert", "key"), ("key", "cert")] {
        if section.value(one).is_some() && section.value(other).is_none() {
            section.miss(cx, other, Some("`cert` and `key` go together"));
        }
    }
    no_effect(&section, mode, cx);
    unchecked(&section, mode, upstream, cx);
    section.finish(cx);
    let identity = cert.zip(key).map(|(cert, key)| Identity { cert, key });
    UpstreamTls { mode, ca_file, identity, name }
}

/// Reads it for upstreams that are written as `https`: there is no doing without.
pub(super) fn of_https(proxy: &mut Section<'_>, upstream: &[Upstream], cx: &mut Context<'_>) -> UpstreamTls {
    let span = proxy.key_span("tls");
    let tls = read_with(proxy, TlsMode::VerifyFull, upstream, cx);
    if matches!(tls.mode, TlsMode::Prefer | TlsMode::Disable) {
        let message = format!("mode `{}` means nothing: the upstreams are `https`", tls.mode.name());
        let help = "write mode = \"require\" to believe any certificate";
        cx.faults.push(Diagnostic::error("no-effect", span.unwrap_or_default(), message).help(help));
    }
    tls
}

fn host(value: Value<'_>, faults: &mut Faults) -> Option<String> {
    let text = read::text(value, faults)?;
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte)) {
        return Some(text);
    }
    faults.push(Diagnostic::error("bad-name", value.span(), "this is no name of a host"));
    None
}

/// Tells of keys that the mode makes idle.
fn no_effect(section: &Section<'_>, mode: TlsMode, cx: &mut Context<'_>) {
    let idle: &[&str] = match mode {
        TlsMode::VerifyFull => &[],
        TlsMode::VerifyCa => &["name"],
        TlsMode::Require | TlsMode::Prefer => &["ca_file", "name"],
        TlsMode::Disable => &["ca_file", "name", "cert", "key"],
    };
    for key in idle {
        let Some(span) = section.key_span(key) else { continue };
        let message = format!("`{key}` means nothing for mode `{}`", mode.name());
        let help = "write mode = \"verify-full\", or take it out";
        cx.faults.push(Diagnostic::error("no-effect", span, message).help(help));
    }
}

/// Warns where data leave this machine and nobody knows who gets them.
fn unchecked(section: &Section<'_>, mode: TlsMode, upstream: &[Upstream], cx: &mut Context<'_>) {
    let message = match mode {
        TlsMode::VerifyFull | TlsMode::VerifyCa => return,
        TlsMode::Require => "the upstream's certificate is not checked: anybody on the way can read along",
        TlsMode::Prefer | TlsMode::Disable => "passwords and data may leave this machine in clear",
    };
    if let (Some(span), Some(far)) = (section.key_span("mode"), upstream.iter().find(|up| !up.is_local())) {
        let help = format!("`{far}` is not on this machine: write mode = \"verify-full\" and ca_file = …");
        cx.faults.push(Diagnostic::warning("unchecked-tls", span, message).help(help));
    }
}
