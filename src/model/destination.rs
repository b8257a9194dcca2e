//! Where a forward proxy may lead: patterns of hosts and ports, and what an address must be like to be connected to.
//!
//! A name proves nothing of the address behind it: who owns a name of the list may point it to this machine. So the address
//! that was looked up is judged as well, and the one that was judged is the one that is connected to.
//!
//! | an address of | may be reached by |
//! |---|---|
//! | this machine, its links, a group | a pattern that is this address, for `127.0.0.1` and `::1` also `localhost` |
//! | a private network | a pattern that names the whole host |
//! | anywhere else | any pattern |

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest name of a host.
const HOST_MAX: usize = 253;

/// A host and a port, as a client asks for them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Destination {
    host: String,
    port: u16,
}

impl Destination {
    /// Of what stands in a request: a name, or an address, that of IPv6 in brackets; none where it is neither. `usual` is the
    /// port where none is written.
    pub fn parse(authority: &str, usual: Option<u16>) -> Option<Self> {
        let (host, port) = split(authority);
        let port = match port {
            None | Some("") => usual?,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
        };
        let host = host_of(host)?;
        (port > 0).then_some(Self { host, port })
    }

    /// The host: a name in small letters without its last dot, or an address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// The host and what stands behind its colon.
fn split(text: &str) -> (&str, Option<&str>) {
    let end = text.rfind(']').map_or(0, |end| end + 1);
    match text[end..].find(':') {
        Some(colon) => (&text[..end + colon], Some(&text[end + colon + 1..])),
        None => (text, None),
    }
}

fn host_of(text: &str) -> Option<String> {
    if let Some(inside) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inside.parse::<Ipv6Addr>().ok().map(|ip| ip.to_string());
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let whole = !name.is_empty() && name.len() <= HOST_MAX && name.split('.').all(|part| !part.is_empty());
    (whole && name.bytes().all(fits)).then(|| name.to_ascii_lowercase())
}

/// One entry of the list: `api.venue.example:443`, `*.venue.example:443`, `10.0.0.7:8545`, `[::1]:*`, `*:443`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    hosts: Hosts,
    /// None for any.
    port: Option<u16>,
}

/// Which hosts.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Hosts {
    /// This one.
    Named(String),
    /// All below this name, which begins with its dot.
    Below(String),
    /// All.
    All,
}

/// Why a text is no pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadPattern {
    /// No port.
    #[error("an entry is written with its port: `host:443`, `host:*`")]
    NoPort,
    /// No such port.
    #[error("the port of an entry is a number from 1 to 65535, or `*`")]
    Port,
    /// No such host.
    #[error("the host of an entry is a name, an address (`[v6]`), `*.name`, or `*`")]
    Host,
}

impl Pattern {
    /// Parses one.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let (host, port) = split(text);
        let port = match port.ok_or(BadPattern::NoPort)? {
            "*" => None,
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok().filter(|port| *port > 0).ok_or(BadPattern::Port)?)
            }
            _ => return Err(BadPattern::Port),
        };
        let hosts = match host.strip_prefix('*') {
            Some("") => Hosts::All,
            Some(rest) => {
                let name = rest.strip_prefix('.').and_then(host_of).ok_or(BadPattern::Host)?;
                Hosts::Below(format!(".{name}"))
            }
            None => Hosts::Named(host_of(host).ok_or(BadPattern::Host)?),
        };
        Ok(Self { hosts, port })
    }

    /// Whether a destination is one of these.
    pub fn fits(&self, destination: &Destination) -> bool {
        let host = &destination.host;
        // No address is below a name.
        let below = |name: &String| {
            host.len() > name.len() && host.ends_with(name) && host.parse::<IpAddr>().is_err()
        };
        let hosts = match &self.hosts {
            Hosts::Named(name) => name == host,
            Hosts::Below(name) => below(name),
            Hosts::All => true,
        };
        hosts && self.port.is_none_or(|port| port == destination.port)
    }

    /// Whether a destination that fits may be at this address.
    fn leads_to(&self, address: IpAddr) -> bool {
        let named = match &self.hosts {
            Hosts::Named(name) => Some(name.as_str()),
            Hosts::Below(_) | Hosts::All => None,
        };
        match (Ground::of(address), named) {
            (Ground::Open, _) | (Ground::Private, Some(_)) => true,
            (Ground::Near, Some(name)) => {
                name.parse::<IpAddr>().is_ok_and(|ip| ip == address)
                    || (name == "localhost" && address.to_canonical().is_loopback())
            }
            (Ground::Private | Ground::Near, None) => false,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hosts {
            Hosts::Named(name) if name.contains(':') => write!(f, "[{name}]")?,
            Hosts::Named(name) => f.write_str(name)?,
            Hosts::Below(name) => write!(f, "*{name}")?,
            Hosts::All => f.write_str("*")?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => f.write_str(":*"),
        }
    }
}

/// Whether one of the list lets a client ask for a destination.
pub fn is_allowed(list: &[Pattern], destination: &Destination) -> bool {
    list.iter().any(|pattern| pattern.fits(destination))
}

/// Whether one of the list lets a destination be at an address.
pub fn may_be_at(list: &[Pattern], destination: &Destination, address: IpAddr) -> bool {
    list.iter().any(|pattern| pattern.fits(destination) && pattern.leads_to(address))
}

/// What kind of ground an address is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ground {
    /// This machine, its links, or more than one host.
    Near,
    /// A private network.
    Private,
    /// Anywhere else.
    Open,
}

impl Ground {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(ip) => Self::of_v4(ip),
            IpAddr::V6(ip) => Self::of_v6(ip),
        }
    }

    fn of_v4(ip: Ipv4Addr) -> Self {
        let [first, second, ..] = ip.octets();
        let shared = first == 100 && second & 0xc0 == 64;
        if first == 0 || ip.is_loopback() || ip.is_link_local() || ip.is_multicast() || ip.is_broadcast() {
            Self::Near
        } else if ip.is_private() || shared {
            Self::Private
        } else {
            Self::Open
        }
    }

    /// Addresses that carry one of IPv4 within are on its ground: what translates them may be this machine.
    fn of_v6(ip: Ipv6Addr) -> Self {
        let inner = |high: u16, low: u16| {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Self::of_v4(Ipv4Addr::new(a, b, c, d))
        };
        match ip.segments() {
            // `::`, `::1`, and those once called compatible with IPv4.
            [0, 0, 0, 0, 0, 0, ..] => Self::Near,
            [0x0064, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => inner(high, low),
            [0x0064, 0xff9b, 1, ..] => Self::Private,
            [first, ..] if first & 0xffc0 == 0xfe80 || first & 0xff00 == 0xff00 => Self::Near,
            [first, ..] if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0 => Self::Private,
            _ => Self::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(text: &str) -> Destination {
        Destination::parse(text, None).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn a_destination_is_a_host_and_a_port() {
        for (text, told) in [
            ("API.venue.example:443", "api.venue.example:443"),
            ("api.venue.example.:443", "api.venue.example:443"),
            ("192.0.2.1:1", "192.0.2.1:1"),
            ("[2001:DB8:0::1]:65535", "[2001:db8::1]:65535"),
        ] {
            assert_eq!(destination(text).to_string(), told);
        }
        for text in [
            "a",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "a:1:2",
            ":1",
            ".:1",
            "a..b:1",
            "u@a:1",
            "a/b:1",
            "a%41:1",
            "[::1:1",
            "::1:1",
            "[::1%eth0]:1",
            "[::1]x:1",
            "[a]:1",
            "[]:1",
            "a b:1",
            "*:1",
            "",
        ] {
            assert_eq!(Destination::parse(text, None), None, "{text}");
        }
        let usual = |text| Destination::parse(text, Some(80)).map(|found| found.to_string());
        assert_eq!(usual("a").as_deref(), Some("a:80"));
        assert_eq!(usual("[::1]").as_deref(), Some("[::1]:80"));
        assert_eq!(usual("a:").as_deref(), Some("a:80"));
        assert_eq!(usual("a:0"), None);
    }

    #[test]
    fn patterns_fit_what_they_say() {
        let fits = |pattern: &str, asked: &str| Pattern::parse(pattern).unwrap().fits(&destination(asked));
        for (pattern, asked) in [
            ("api.x.example:443", "API.x.example.:443"),
            ("*.x.example:443", "a.b.x.example:443"),
            ("*.x.example:*", "a.x.example:1"),
            ("*:443", "192.0.2.1:443"),
            ("[2001:db8:0::1]:1", "[2001:db8::1]:1"),
        ] {
            assert!(fits(pattern, asked), "{pattern} {asked}");
        }
        for (pattern, asked) in [
            ("api.x.example:443", "api.x.example:80"),
            ("*.x.example:443", "x.example:443"),
            ("*.x.example:443", "evilx.example:443"),
            ("*.x.example:443", "a.x.example.evil:443"),
            ("*.0.1:443", "127.0.0.1:443"),
            ("192.0.2.1:443", "192.0.2.10:443"),
        ] {
            assert!(!fits(pattern, asked), "{pattern} {asked}");
        }
        for (text, error) in [
            ("api.x", BadPattern::NoPort),
            ("[::1]", BadPattern::NoPort),
            ("a:0", BadPattern::Port),
            ("a:99999", BadPattern::Port),
            ("a:", BadPattern::Port),
            ("*x.example:1", BadPattern::Host),
            ("a.*.b:1", BadPattern::Host),
            ("https://a:1", BadPattern::Port),
            ("u@a:1", BadPattern::Host),
        ] {
            assert_eq!(Pattern::parse(text), Err(error), "{text}");
        }
        for text in ["api.x:443", "*.x:*", "*:1", "[::1]:1"] {
            assert_eq!(Pattern::parse(text).unwrap().to_string(), text);
        }
    }

    fn may(pattern: &str, asked: &str, address: &str) -> bool {
        let list = [Pattern::parse(pattern).unwrap()];
        may_be_at(&list, &destination(asked), address.parse().unwrap())
    }

    #[test]
    fn a_name_does_not_lead_home() {
        for near in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "fe80::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ] {
            for pattern in ["api.x:443", "*.x:443", "*:443"] {
                let asked = if pattern == "*.x:443" { "a.x:443" } else { "api.x:443" };
                assert!(!may(pattern, asked, near), "{pattern} {near}");
            }
        }
        assert!(may("localhost:1", "localhost:1", "127.0.0.1") && may("localhost:1", "localhost:1", "::1"));
        assert!(!may("localhost:1", "localhost:1", "169.254.169.254"));
        assert!(may("127.0.0.1:1", "127.0.0.1:1", "127.0.0.1"));
        assert!(may("169.254.169.254:80", "169.254.169.254:80", "169.254.169.254"));
        assert!(!may("127.0.0.1:1", "127.0.0.1:1", "127.0.0.2"));
        assert!(!may("*:1", "127.0.0.1:1", "127.0.0.1"), "a star names nobody");
    }

    #[test]
    fn a_private_network_is_reached_by_whole_names() {
        for private in ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "64:ff9b::a00:1"] {
            assert!(may("node.internal:1", "node.internal:1", private), "{private}");
            assert!(!may("*.internal:1", "node.internal:1", private), "{private}");
            assert!(!may("*:1", "node.internal:1", private), "{private}");
        }
        for open in ["192.0.2.1", "172.32.0.1", "100.128.0.1", "2001:db8::1", "64:ff9b::c000:201"] {
            assert!(may("*.x:1", "a.x:1", open), "{open}");
        }
    }
}
