//! Where a proxy listens: an address of this machine, a unix socket, or a socket that systemd hands over.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Kind;
use crate::config::read;
use crate::config::section::{Context, Section, resolved};
use crate::config::service::SOCKET_PATH_MAX;
use crate::config::show::{Show, quoted};
use crate::document::{Faults, Text, Value};
use crate::model::diagnostic::Diagnostic;

/// The most places of one proxy.
const PLACES_MAX: usize = 16;
/// The longest name of a descriptor that systemd hands over (systemd.socket, FileDescriptorName=).
const DESCRIPTOR_NAME_MAX: usize = 255;
/// How the file of a PostgreSQL socket is called, before its port.
pub(super) const POSTGRES_SOCKET: &str = ".s.PGSQL.";

/// Where a proxy listens.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Listen {
    /// At an address.
    Tcp(SocketAddr),
    /// At a path.
    Unix(PathBuf),
    /// At a socket handed over by systemd, by its `FileDescriptorName`.
    Systemd(String),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Systemd(name) => write!(f, "systemd:{name}"),
        }
    }
}

impl Show for Listen {
    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Listen {
    /// The port in the name of a PostgreSQL socket: `.s.PGSQL.6432`.
    pub(super) fn socket_port(path: &Path) -> Option<u16> {
        let digits = path.file_name()?.to_str()?.strip_prefix(POSTGRES_SOCKET)?;
        let port: u16 = digits.parse().ok()?;
        (port > 0 && port.to_string() == digits).then_some(port)
    }

    /// Whether both can't be taken at once.
    pub(in crate::config) fn clashes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp(a), Self::Tcp(b)) => {
                let any = a.ip().is_unspecified() || b.ip().is_unspecified();
                a.port() == b.port() && (any || a.ip().to_canonical() == b.ip().to_canonical())
            }
            (Self::Unix(a), Self::Unix(b)) => a == b,
            (Self::Systemd(a), Self::Systemd(b)) => a == b,
            (Self::Tcp(_) | Self::Unix(_) | Self::Systemd(_), _) => false,
        }
    }
}

/// Who is meant to reach a proxy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Audience {
    /// Programs of this machine.
    Home,
    /// Other machines too: `expose = true`.
    Everybody,
}

/// Reads `listen`.
pub(super) fn read(
    section: &mut Section<'_>,
    kind: Kind,
    audience: Audience,
    cx: &mut Context<'_>,
) -> Vec<Listen> {
    if section.value("listen").is_none() {
        let help = match kind {
            Kind::Postgres => "write for example listen = \"127.0.0.1:6432\"",
            Kind::Tcp => "write for example listen = \"127.0.0.1:9000\"",
            Kind::Http => "write for example listen = \"127.0.0.1:8080\"",
            Kind::WebSocket => "write for example listen = \"127.0.0.1:9443\"",
        };
        section.miss(cx, "listen", Some(help));
    }
    let base = Arc::clone(&cx.base);
    let places = section.get(cx, "listen", |value, faults| {
        let mut places = Vec::new();
        for item in read::one_or_many(value, 1..=PLACES_MAX, faults)? {
            let Some(place) = place(&base, item, faults) else { continue };
            if places.iter().any(|other: &Listen| other.clashes(&place)) {
                faults.push(Diagnostic::error("listed-twice", item.span(), "this place is listed twice"));
            }
            check(&place, (kind, audience), item, faults);
            places.push(place);
        }
        Some(places)
    });
    let places = places.unwrap_or_default();
    warn_of_exposure(section, audience, &places, cx);
    places
}

/// Reads one place.
fn place(base: &Path, value: Value<'_>, faults: &mut Faults) -> Option<Listen> {
    let text = value.text(faults)?;
    let fault = |message: &str| Diagnostic::error("bad-listen", text.span.clone(), message);
    if let Some(path) = text.value.strip_prefix("unix:") {
        return socket(base, path).map(Listen::Unix).map_err(|why| faults.push(fault(&why))).ok();
    }
    if let Some(name) = text.value.strip_prefix("systemd:") {
        let fits = |byte: u8| byte.is_ascii_graphic() && byte != b':';
        if !name.is_empty() && name.len() <= DESCRIPTOR_NAME_MAX && name.bytes().all(fits) {
            return Some(Listen::Systemd(name.to_owned()));
        }
        let help = "write what the socket unit says in FileDescriptorName=: \"systemd:orders-db\"";
        faults.push(fault("`systemd:` is followed by the name of a descriptor").help(help));
        return None;
    }
    let usual = 6432;
    let help = |host: &str, port: u16| match host {
        _ if text.value.starts_with('/') => format!("a unix socket is written \"unix:{}\"", text.value),
        "localhost" | "*" | "" => format!("write \"127.0.0.1:{port}\""),
        _ => format!("write \"127.0.0.1:{usual}\", \"[::1]:{usual}\", \"unix:/path\" or \"systemd:NAME\""),
    };
    parsed(&text, usual, help).map(Listen::Tcp).map_err(|fault| faults.push(fault)).ok()
}

/// Reads a place that can only be an address.
pub(in crate::config) fn address(value: Value<'_>, usual: u16, faults: &mut Faults) -> Option<SocketAddr> {
    let text = value.text(faults)?;
    let help = |_: &str, port: u16| format!("write for example \"127.0.0.1:{port}\"");
    parsed(&text, usual, help).map_err(|fault| faults.push(fault)).ok()
}

fn parsed(text: &Text<'_>, usual: u16, help: impl Fn(&str, u16) -> String) -> Result<SocketAddr, Diagnostic> {
    let fault = |message: &str| Diagnostic::error("bad-listen", text.span.clone(), message);
    match text.value.parse::<SocketAddr>() {
        Ok(address) if address.port() > 0 => Ok(address),
        Ok(_) => {
            let help = "clients must know the port before it is opened";
            Err(fault("the port is missing: 0 would be any").help(help))
        }
        Err(_) => {
            let (host, port) = text.value.rsplit_once(':').unwrap_or((&text.value, ""));
            let help = help(host, port.parse().unwrap_or(usual));
            Err(fault("a place to listen is an address and a port").help(help))
        }
    }
}

/// A path that a socket can have.
pub(super) fn socket(base: &Path, path: &str) -> Result<PathBuf, String> {
    if path.is_empty() || path.ends_with('/') || path.contains('\0') {
        return Err("`unix:` is followed by the path of a socket".to_owned());
    }
    let path = resolved(base, path);
    let bytes = path.as_os_str().len();
    if bytes > SOCKET_PATH_MAX {
        return Err(format!(
            "the path of a socket has at most {SOCKET_PATH_MAX} bytes, this one has {bytes}"
        ));
    }
    Ok(path)
}

fn check(place: &Listen, (kind, audience): (Kind, Audience), value: Value<'_>, faults: &mut Faults) {
    match place {
        Listen::Tcp(address) if !is_local(address) && audience == Audience::Home => {
            let message = format!("other machines reach `{address}`, and this proxy is for this one");
            let help = format!(
                "listen at {}:{}, or write expose = true if others are meant",
                Ipv4Addr::LOCALHOST,
                address.port()
            );
            faults.push(Diagnostic::error("exposed", value.span(), message).help(help));
        }
        Listen::Unix(path) if kind == Kind::Postgres && Listen::socket_port(path).is_none() => {
            let message = "clients of PostgreSQL don't find a socket of this name";
            let help =
                format!("they are given a folder and a port, and look for `{POSTGRES_SOCKET}PORT` in it");
            faults.push(Diagnostic::warning("socket-name", value.span(), message).help(help));
        }
        Listen::Tcp(_) | Listen::Unix(_) | Listen::Systemd(_) => {}
    }
}

/// Whether only this machine reaches an address.
pub(in crate::config) fn is_local(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

fn warn_of_exposure(section: &Section<'_>, audience: Audience, places: &[Listen], cx: &mut Context<'_>) {
    let Some(span) = section.key_span("expose").filter(|_| audience == Audience::Everybody) else { return };
    let open = places.iter().any(|place| match place {
        Listen::Tcp(address) => !is_local(address),
        Listen::Unix(_) => false,
        Listen::Systemd(_) => true,
    });
    let fault = if open {
        let message = "other machines reach this proxy: who they are is not known from the kernel";
        let help = "`allow` counts for clients of this machine; let the others log in, and over TLS";
        Diagnostic::warning("exposed", span, message).help(help)
    } else {
        let message = "nothing is exposed: only this machine reaches these places";
        Diagnostic::warning("needless-expose", span, message).help("take `expose` out")
    };
    cx.faults.push(fault);
}
