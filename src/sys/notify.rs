//! Telling the service manager how we are (`sd_notify(3)`): one datagram each, lost without harm where nobody listens.
//!
//! A reload says when it began on the monotonic clock, as `Type=notify-reload` wants it.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, sendto, socket};

use crate::sys::deadline::monotonic;

/// What there is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice<'a> {
    /// Started; clients may come.
    Ready,
    /// Reading the configuration again; [`Notice::Ready`] follows.
    Reloading,
    /// About to end.
    Stopping,
    /// One line for people; line breaks are made spaces.
    Status(&'a str),
    /// Alive: the answer to the watchdog.
    Watchdog,
}

/// The service manager, where one listens.
#[derive(Debug)]
pub struct Notifier {
    socket: OwnedFd,
    address: UnixAddr,
}

/// Why the manager's address could not be used.
#[derive(Debug, thiserror::Error)]
pub enum NotifierError {
    /// Neither an absolute path nor an abstract name.
    #[error("NOTIFY_SOCKET is neither an absolute path nor an abstract name")]
    Address,
    /// No socket could be made.
    #[error("could not open a socket to the service manager")]
    Open {
        /// Why.
        source: io::Error,
    },
}

impl Notifier {
    /// The manager that the value of `NOTIFY_SOCKET` names; `None` where it is unset or empty.
    pub fn from_value(notify_socket: Option<&OsStr>) -> Result<Option<Self>, NotifierError> {
        let Some(name) = notify_socket.map(OsStr::as_bytes).filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let address = match name.split_first() {
            Some((b'@', abstract_name)) => UnixAddr::new_abstract(abstract_name),
            Some((b'/', _)) => UnixAddr::new(name),
            Some(_) | None => return Err(NotifierError::Address),
        };
        let address = address.map_err(|_| NotifierError::Address)?;
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None);
        let socket = socket.map_err(|errno| NotifierError::Open { source: errno.into() })?;
        Ok(Some(Self { socket, address }))
    }

    /// Tells it. Never blocks: a manager that does not read is an error to log, not to wait for.
    pub fn tell(&self, notice: Notice<'_>) -> io::Result<()> {
        let text = text(notice, monotonic());
        sendto(self.socket.as_raw_fd(), text.as_bytes(), &self.address, MsgFlags::MSG_NOSIGNAL)?;
        Ok(())
    }
}

/// How long the manager waits for a [`Notice::Watchdog`], from the values of `WATCHDOG_USEC` and `WATCHDOG_PID`.
///
/// `None` where there is no watchdog, or it is meant for another process. Ping at half of it.
pub fn watchdog_interval(usec: Option<&str>, pid: Option<&str>) -> Option<Duration> {
    let for_us = pid.is_none_or(|pid| pid.parse() == Ok(std::process::id()));
    let usec = usec?.parse().ok().filter(|usec| *usec > 0 && for_us)?;
    Some(Duration::from_micros(usec))
}

fn text(notice: Notice<'_>, now: Duration) -> String {
    match notice {
        Notice::Ready => "READY=1".into(),
        Notice::Reloading => format!("RELOADING=1\nMONOTONIC_USEC={}", now.as_micros()),
        Notice::Stopping => "STOPPING=1".into(),
        Notice::Status(line) => format!("STATUS={}", line.replace(['\n', '\r'], " ")),
        Notice::Watchdog => "WATCHDOG=1".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    use super::*;

    fn received(manager: &UnixDatagram) -> String {
        let mut bytes = [0; 256];
        let got = manager.recv(&mut bytes).expect("a datagram");
        String::from_utf8_lossy(&bytes[..got]).into_owned()
    }

    #[test]
    fn notices_arrive_at_a_path_and_at_an_abstract_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let name = format!("fdguard-notify-{}", std::process::id());
        let abstract_address = SocketAddr::from_abstract_name(&name).expect("a name");
        let managers = [
            (path.clone().into_os_string(), UnixDatagram::bind(&path).expect("bind")),
            (format!("@{name}").into(), UnixDatagram::bind_addr(&abstract_address).expect("bind")),
        ];
        for (value, manager) in managers {
            let notifier = Notifier::from_value(Some(&value)).expect("an address").expect("set");
            notifier.tell(Notice::Ready).expect("told");
            assert_eq!(received(&manager), "READY=1");
            notifier.tell(Notice::Status("guarding\nbot")).expect("told");
            assert_eq!(received(&manager), "STATUS=guarding bot");
            notifier.tell(Notice::Reloading).expect("told");
            assert!(received(&manager).starts_with("RELOADING=1\nMONOTONIC_USEC="));
        }
    }

    #[test]
    fn nobody_to_tell_is_no_fault_and_an_odd_address_is() {
        assert!(Notifier::from_value(None).expect("unset").is_none());
        assert!(Notifier::from_value(Some(OsStr::new(""))).expect("empty").is_none());
        assert!(matches!(Notifier::from_value(Some(OsStr::new("relative"))), Err(NotifierError::Address)));
        let gone =
            Notifier::from_value(Some(OsStr::new("/nonexistent/notify"))).expect("an address").expect("set");
        assert!(gone.tell(Notice::Watchdog).is_err(), "told nobody");
    }

    #[test]
    fn the_watchdog_is_ours_only_by_its_pid() {
        let own = std::process::id().to_string();
        assert_eq!(watchdog_interval(Some("30000000"), Some(&own)), Some(Duration::from_secs(30)));
        assert_eq!(watchdog_interval(Some("30000000"), None), Some(Duration::from_secs(30)));
        assert_eq!(watchdog_interval(Some("30000000"), Some("1")), None);
        assert_eq!(watchdog_interval(Some("0"), None), None);
        assert_eq!(watchdog_interval(Some("soon"), None), None);
        assert_eq!(watchdog_interval(None, None), None);
    }
}
