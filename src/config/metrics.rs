//! `metrics` of `[admin]`: where Prometheus reads, and what it must know.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::proxy::listen::{address, is_local};
use super::section::{Context, Section};
use super::show::{Show, quoted};
use crate::model::diagnostic::Diagnostic;

/// A port for the help texts: one that no known exporter has.
const USUAL_PORT: u16 = 9465;

/// Where metrics are served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Metrics {
    /// The address.
    pub listen: SocketAddr,
    /// The file that holds the token which whoever reads must know; without one any program of this machine may.
    pub token_file: Option<PathBuf>,
}

impl Show for SocketAddr {
    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

/// Reads it, where it is present.
pub(super) fn read(admin: &mut Section<'_>, cx: &mut Context<'_>) -> Option<Metrics> {
    let mut section = admin.present(cx, "metrics")?;
    if section.value("listen").is_none() {
        section.miss(cx, "listen", Some("write for example listen = \"127.0.0.1:9465\""));
    }
    let listen = section.get(cx, "listen", |value, faults| address(value, USUAL_PORT, faults));
    let token_file = section.file(cx, "token_file");
    if let Some(listen) = listen.filter(|listen| !is_local(listen) && token_file.is_none()) {
        let message = format!("other machines reach `{listen}`, and whoever reads needs to know nothing");
        let help =
            format!("listen at 127.0.0.1:{}, or write token_file = \"/run/credentials/…\"", listen.port());
        let span = section.key_span("listen").unwrap_or_default();
        cx.faults.push(Diagnostic::error("exposed", span, message).help(help));
    }
    section.finish(cx);
    Some(Metrics { listen: listen?, token_file })
}
