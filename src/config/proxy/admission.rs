//! The part of `clients` that says how clients log in.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use super::Listen;
use super::listen::{Audience, is_local};
use crate::config::section::{Context, Section};
use crate::config::show::{Show, quoted};
use crate::config::{defaults, read};
use crate::model::diagnostic::Diagnostic;
use crate::model::units::Quota;

/// How clients log in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Admission {
    /// By what.
    pub auth: Auth,
    /// In so long.
    pub within: Duration,
    /// So many may fail, for each user of this machine.
    pub tries: Quota,
    /// TLS on the listeners; none where absent.
    pub tls: Option<ListenerTls>,
}

/// By what clients log in. Who may connect at all is said by `allow` and known from the kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Auth {
    /// By nothing more.
    Trust,
    /// By an MD5 hash.
    Md5 {
        /// The file of users and their passwords or hashes.
        users_file: PathBuf,
    },
    /// By SCRAM-SHA-256 (RFC 7677).
    ScramSha256 {
        /// The file of users and their passwords or verifiers.
        users_file: PathBuf,
    },
    /// By the password in clear.
    Password {
        /// The file of users that it is held against; where absent the upstream decides.
        users_file: Option<PathBuf>,
    },
}

/// TLS on the listeners.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListenerTls {
    /// The file of certificates, the server's own first.
    pub cert: PathBuf,
    /// The file of its key.
    pub key: PathBuf,
    /// Whether clients without TLS are refused; never those of a unix socket.
    pub require: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Trust,
    Md5,
    ScramSha256,
    Password,
}

const WAYS: &[(&str, Way)] = &[
    ("trust", Way::Trust),
    ("md5", Way::Md5),
    ("scram-sha-256", Way::ScramSha256),
    ("password", Way::Password),
];

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Md5 => "md5",
            Self::ScramSha256 => "scram-sha-256",
            Self::Password => "password",
        }
    }
}

impl Show for Way {
    fn show(&self) -> String {
        quoted(self.name())
    }
}

/// What the listeners are open to.
pub(super) struct Reach<'p> {
    /// The listeners.
    pub(super) listen: &'p [Listen],
    /// Who is meant to reach them.
    pub(super) audience: Audience,
    /// Where that stands.
    pub(super) span: Range<usize>,
}

/// Whether what clients send can be read on the way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wire {
    Clear,
    Covered,
}

/// Reads the rest of `clients`.
pub(super) fn read(section: &mut Section<'_>, reach: &Reach<'_>, cx: &mut Context<'_>) -> Option<Admission> {
    let way = section.or(cx, "auth", Way::Trust, read::word(WAYS));
    let users_file = section.file(cx, "users_file");
    let within = read::span(Duration::from_millis(100)..=Duration::from_mins(10));
    let within = section.or(cx, "login", defaults::CLIENTS_LOGIN, within);
    let tries = section.or(cx, "tries", defaults::CLIENTS_TRIES, |v, f| v.parsed(f, Quota::parse));
    let tls = section.present(cx, "tls").and_then(|tls| listener_tls(tls, cx));
    let wire = match &tls {
        Some(tls) if !tls.require => Wire::Clear,
        None if section.value("tls").is_none() => Wire::Clear,
        // What is wrong with it is told elsewhere.
        Some(_) | None => Wire::Covered,
    };
    check(section, way, (reach, wire), cx);
    let auth = match (way, users_file) {
        (Way::Trust, users_file) => {
            if let Some(span) = section.key_span("users_file").filter(|_| users_file.is_some()) {
                let message = "`users_file` means nothing for auth `trust`";
                let help = "write auth = \"scram-sha-256\", or take it out";
                cx.faults.push(Diagnostic::error("no-effect", span, message).help(help));
            }
            Some(Auth::Trust)
        }
        (Way::Md5, Some(users_file)) => Some(Auth::Md5 { users_file }),
        (Way::ScramSha256, Some(users_file)) => Some(Auth::ScramSha256 { users_file }),
        (Way::Password, users_file) => Some(Auth::Password { users_file }),
        (Way::Md5 | Way::ScramSha256, None) => {
            if section.value("users_file").is_none() {
                let help = format!("auth `{}` holds clients against a file of users", way.name());
                section.miss(cx, "users_file", Some(&help));
            }
            None
        }
    };
    Some(Admission { auth: auth?, within, tries, tls })
}

fn listener_tls(mut section: Section<'_>, cx: &mut Context<'_>) -> Option<ListenerTls> {
    for key in ["cert", "key"] {
        if section.value(key).is_none() {
            section.miss(cx, key, None);
        }
    }
    let cert = section.file(cx, "cert");
    let key = section.file(cx, "key");
    let require = section.or(cx, "require", false, read::flag);
    section.finish(cx);
    Some(ListenerTls { cert: cert?, key: key?, require })
}

/// Whether this way to log in is safe at these places.
fn check(section: &Section<'_>, way: Way, (reach, wire): (&Reach<'_>, Wire), cx: &mut Context<'_>) {
    let span = section.key_span("auth").unwrap_or_else(|| reach.span.clone());
    let listen = reach.listen;
    let exposed = listen.iter().find(|place| match place {
        Listen::Tcp(address) => reach.audience == Audience::Everybody && !is_local(address),
        Listen::Unix(_) | Listen::Systemd(_) => false,
    });
    let on_the_wire = listen.iter().any(|place| match place {
        Listen::Tcp(_) | Listen::Systemd(_) => true,
        Listen::Unix(_) => false,
    });
    match (way, exposed) {
        (Way::Trust, Some(place)) => {
            let message = format!("with auth `trust` anybody who reaches `{place}` is let in");
            let help = "write auth = \"scram-sha-256\" and users_file = …";
            cx.faults.push(Diagnostic::error("open-door", span, message).help(help));
        }
        (Way::Password, _) if on_the_wire && wire == Wire::Clear => {
            let message = "auth `password` sends passwords in clear";
            let help =
                "write tls = { cert = …, key = …, require = true } beside it, or auth = \"scram-sha-256\"";
            cx.faults.push(Diagnostic::error("clear-password", span, message).help(help));
        }
        (Way::Trust | Way::Md5 | Way::ScramSha256 | Way::Password, _) => {}
    }
}
