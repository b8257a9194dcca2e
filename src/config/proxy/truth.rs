//! `truth`: what the upstream itself says of the pool's user, asked past the pool.

use std::time::Duration;

use super::session::Login;
use super::tls::UpstreamTls;
use crate::config::section::{Context, Section};
use crate::config::{defaults, read};
use crate::model::diagnostic::Diagnostic;

/// How the upstreams are asked what they see of the pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Truth {
    /// Between two questions to one upstream.
    pub every: Duration,
    /// A question, with the connect and login where there is no connection, may take so long.
    pub timeout: Duration,
    /// As whom: as the pool itself, since its sessions are looked for by its user.
    pub login: Login,
    /// In which database; any will do.
    pub database: String,
}

/// Reads `truth`; none where it is absent.
pub(super) fn read(
    proxy: &mut Section<'_>,
    login: Option<&Login>,
    tls: &UpstreamTls,
    cx: &mut Context<'_>,
) -> Option<Truth> {
    let mut section = proxy.present(cx, "truth")?;
    let every = Duration::from_secs(1)..=Duration::from_hours(1);
    let every = section.or(cx, "every", defaults::TRUTH_EVERY, read::span(every));
    let timeout = Duration::from_millis(100)..=Duration::from_mins(1);
    let timeout = section.or(cx, "timeout", defaults::TRUTH_TIMEOUT, read::span(timeout));
    let usual = login.and_then(|login| login.database.clone());
    let usual = usual.unwrap_or_else(|| defaults::TRUTH_DATABASE.to_owned());
    let database = section.or(cx, "database", usual, read::text);
    let span = section.span();
    section.finish(cx);
    if tls.name.is_some() {
        let message = "`truth` can't hold a certificate against `tls.name`";
        let help = "name the upstream as its certificate does, or take `truth` out";
        cx.faults.push(Diagnostic::error("truth-by-name", span.clone(), message).help(help));
    }
    let Some(login) = login else {
        let message = "`truth` looks for the sessions of the pool's user, and each client has its own";
        let help = "write pool.login = { user = …, password_file = … }, or take `truth` out";
        cx.faults.push(Diagnostic::error("truth-without-login", span, message).help(help));
        return None;
    };
    Some(Truth { every, timeout, login: login.clone(), database })
}
