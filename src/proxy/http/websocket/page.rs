//! Pages in a browser: what a request says of where it comes from.
//!
//! A browser lets any page open a WebSocket to any address of this machine, with no question before, and it is the user's
//! own process that connects. What tells it from a program is the field `Origin`, which a browser sends with each of
//! them and no page can change. Some clients of programs send it too (websocket-client does): it names what they connect to, as a
//! page of the proxy itself would. Such a one is taken for no page only where the name is an address or `localhost`:
//! any other can be made to lead here by who owns it (DNS rebinding).

use std::net::IpAddr;

use crate::wire::websocket::handshake::Field;

/// Where a request comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Source {
    /// A program that says nothing of it, or a page that may come: what it says is passed on.
    #[default]
    Welcome,
    /// One that names the proxy: the upstream is told its own name instead, as it is with `Host`.
    Ours,
    /// A page that may not come.
    Foreign,
}

const ORIGIN: &str = "origin";

/// By the fields of a request, and the pages that may come.
pub(super) fn source(fields: &[Field<'_>], allowed: &[String]) -> Source {
    let mut origins = values(fields, ORIGIN);
    let Some(origin) = origins.next() else { return Source::Welcome };
    let (Ok(origin), None) = (std::str::from_utf8(origin), origins.next()) else { return Source::Foreign };
    let origin = origin.trim();
    if allowed.iter().any(|one| one.eq_ignore_ascii_case(origin)) {
        return Source::Welcome;
    }
    let host = values(fields, "host").next().and_then(|host| std::str::from_utf8(host).ok()).map(str::trim);
    match (host, origin.strip_prefix("http://")) {
        (Some(host), Some(named)) if host.eq_ignore_ascii_case(named) && is_address(host) => Source::Ours,
        (_, _) => Source::Foreign,
    }
}

/// Whether a field is the one that names the page.
pub(super) fn is_origin(name: &str) -> bool {
    name.eq_ignore_ascii_case(ORIGIN)
}

fn values<'f>(fields: &'f [Field<'_>], name: &'static str) -> impl Iterator<Item = &'f [u8]> {
    fields.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
}

/// Whether nobody else can have a name lead here.
fn is_address(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && !name.is_empty() => (name, port),
        Some(_) | None => (host, "0"),
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let is_name = name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok();
    is_name && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(host: &str, origins: &[&str], allowed: &[&str]) -> Source {
        let mut fields: Vec<Field<'_>> = vec![("Host", host.as_bytes())];
        fields.extend(origins.iter().map(|origin| -> Field<'_> { ("Origin", origin.as_bytes()) }));
        source(&fields, &allowed.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_program_is_no_page() {
        assert_eq!(seen("127.0.0.1:9443", &[], &[]), Source::Welcome);
        for host in ["127.0.0.1:9443", "localhost:9443", "LOCALHOST", "[::1]:9443", "[::1]", "127.0.0.1"] {
            assert_eq!(seen(host, &[&format!("http://{host}")], &[]), Source::Ours, "{host}");
        }
    }

    #[test]
    fn a_page_of_elsewhere_comes_only_where_it_is_named() {
        let host = "127.0.0.1:9443";
        let pages = [
            "https://evil.example",
            "http://127.0.0.1:8000",
            "https://127.0.0.1:9443",
            "http://127.0.0.1:9443/",
            "http://127.0.0.1",
            "null",
            "file://",
            "",
        ];
        for page in pages {
            assert_eq!(seen(host, &[page], &["https://desk.example"]), Source::Foreign, "{page}");
        }
        assert_eq!(seen(host, &["https://desk.example"], &["https://desk.example"]), Source::Welcome);
        assert_eq!(seen(host, &["https://DESK.example"], &["https://desk.example"]), Source::Welcome);
        let own = "http://127.0.0.1:9443";
        assert_eq!(seen(host, &[own, own], &[]), Source::Foreign, "which of two counts is not known");
        assert_eq!(source(&[("Host", host.as_bytes()), ("Origin", b"\xff")], &[]), Source::Foreign);
    }

    #[test]
    fn a_name_that_somebody_else_may_lead_here_is_no_address() {
        for host in
            ["evil.example:9443", "127.0.0.1.evil.example", "localhost.evil.example:9443", ":9443", "[", ""]
        {
            assert_eq!(seen(host, &[&format!("http://{host}")], &[]), Source::Foreign, "{host}");
        }
    }
}
