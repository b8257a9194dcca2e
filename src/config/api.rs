//! `api` of `[admin]`: where the status API and its page are served, and what who asks must know.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::proxy::listen::{address, is_local};
use super::section::{Context, Section};
use crate::model::diagnostic::Diagnostic;

/// A port for the help texts: the one after that of the metrics.
const USUAL_PORT: u16 = 9466;

/// Where the status API is served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Api {
    /// The address, one of this machine.
    pub listen: SocketAddr,
    /// The file of the token that lets somebody look.
    pub read_token_file: Option<PathBuf>,
    /// The file of the token that lets somebody look and command.
    pub write_token_file: Option<PathBuf>,
}

/// Reads it, where it is present.
pub(super) fn read(admin: &mut Section<'_>, cx: &mut Context<'_>) -> Option<Api> {
    let mut section = admin.present(cx, "api")?;
    if section.value("listen").is_none() {
        section.miss(cx, "listen", Some("write for example listen = \"127.0.0.1:9466\""));
    }
    let listen = section.get(cx, "listen", |value, faults| address(value, USUAL_PORT, faults));
    let read_token_file = section.file(cx, "read_token_file");
    let write_token_file = section.file(cx, "write_token_file");
    if let Some(listen) = listen.filter(|listen| !is_local(listen)) {
        let message = format!("other machines reach `{listen}`, and tokens would pass unencrypted");
        let help = format!("listen at 127.0.0.1:{}; from elsewhere go through ssh -L", listen.port());
        let span = section.key_span("listen").unwrap_or_default();
        cx.faults.push(Diagnostic::error("exposed", span, message).help(help));
    }
    if read_token_file.is_none() && write_token_file.is_none() {
        let help = "write read_token_file = \"/run/credentials/…\", or write_token_file";
        section.miss(cx, "read_token_file", Some(help));
    }
    section.finish(cx);
    Some(Api { listen: listen?, read_token_file, write_token_file })
}
