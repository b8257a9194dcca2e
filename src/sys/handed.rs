//! Listening sockets that systemd hands over (sd_listen_fds(3)): numbers from 3 on, with names, meant for one process.
#![expect(unsafe_code, reason = "a number from the environment becomes an owned descriptor")]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::net::TcpListener;
use std::os::fd::{BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::sync::Mutex;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{AddressFamily, SockaddrLike as _, SockaddrStorage, getsockname, getsockopt, sockopt};

/// The first of them.
const FIRST: RawFd = 3;
/// The most that are looked at.
const MOST: usize = 256;
/// What says so in the environment. A child must not see it.
pub const VARIABLES: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// Numbers that were taken: each has one owner.
static TAKEN: Mutex<BTreeSet<RawFd>> = Mutex::new(BTreeSet::new());

/// A socket that was handed over.
#[derive(Debug)]
pub enum Handed {
    /// TCP.
    Tcp(TcpListener),
    /// Unix.
    Unix(UnixListener),
}

/// What the environment says was handed over.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Offer(Vec<(RawFd, String)>);

impl Offer {
    /// What was handed to this process.
    pub fn of_environment() -> Self {
        let [pid, count, names] = VARIABLES.map(std::env::var_os);
        Self::read(pid.as_deref(), count.as_deref(), names.as_deref(), std::process::id())
    }

    fn read(pid: Option<&OsStr>, count: Option<&OsStr>, names: Option<&OsStr>, own: u32) -> Self {
        let number = |text: Option<&OsStr>| text?.to_str()?.parse::<usize>().ok();
        if number(pid) != usize::try_from(own).ok() {
            return Self::default();
        }
        let names = names.and_then(OsStr::to_str).unwrap_or_default();
        // As systemd calls what has no name.
        let named = names.split(':').chain(std::iter::repeat(""));
        let named = named.map(|name| if name.is_empty() { "unknown" } else { name }.to_owned());
        Self((FIRST..).zip(named).take(number(count).unwrap_or(0).min(MOST)).collect())
    }

    /// Takes all listening stream sockets of a name. None of them may have been taken before.
    pub fn take(&self, name: &str) -> Vec<Handed> {
        self.0.iter().filter(|(_, own)| own == name).filter_map(|(number, _)| take(*number)).collect()
    }
}

/// Owns a number; none where another owner has it, or where it is no listening socket: then it is left alone.
fn take(number: RawFd) -> Option<Handed> {
    // First of all this tells whether it is open, and a socket.
    let address: SockaddrStorage = getsockname(number).ok()?;
    // SAFETY: it is open, and nobody closes what systemd has handed over before it was taken.
    let offered = unsafe { BorrowedFd::borrow_raw(number) };
    if !getsockopt(&offered, sockopt::AcceptConn).ok()? || !TAKEN.lock().ok()?.insert(number) {
        return None;
    }
    // SAFETY: systemd opened it for this process, and the table above gives each number away once.
    let socket = unsafe { OwnedFd::from_raw_fd(number) };
    fcntl(&socket, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
    match address.family()? {
        AddressFamily::Inet | AddressFamily::Inet6 => Some(Handed::Tcp(socket.into())),
        AddressFamily::Unix => Some(Handed::Unix(socket.into())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsRawFd as _, IntoRawFd as _};

    use super::*;

    fn read(pid: &str, count: &str, names: Option<&str>) -> Offer {
        Offer::read(Some(pid.as_ref()), Some(count.as_ref()), names.map(AsRef::as_ref), 7)
    }

    #[test]
    fn only_what_is_meant_for_us_counts() {
        let two = Offer(vec![(3, "a".to_owned()), (4, "b".to_owned())]);
        assert_eq!(read("7", "2", Some("a:b")), two);
        assert_eq!(read("8", "2", Some("a:b")), Offer::default());
        assert_eq!(read("x", "2", Some("a:b")), Offer::default());
        assert_eq!(read("7", "-1", None), Offer::default());
        assert_eq!(Offer::read(None, Some("2".as_ref()), None, 7), Offer::default());
        assert_eq!(read("7", "1", None), Offer(vec![(3, "unknown".to_owned())]));
    }

    #[test]
    fn a_listener_is_taken_once_and_not_inherited() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let offer = Offer(vec![(listener.into_raw_fd(), "db".to_owned())]);
        assert!(offer.take("other").is_empty());
        let taken = offer.take("db");
        let [Handed::Tcp(listener)] = &taken[..] else { panic!("{taken:?}") };
        assert_eq!(listener.local_addr().unwrap(), address);
        let flags = fcntl(listener, FcntlArg::F_GETFD).unwrap();
        assert!(FdFlag::from_bits_truncate(flags).contains(FdFlag::FD_CLOEXEC));
        assert!(offer.take("db").is_empty());
    }

    #[test]
    fn what_is_no_listener_is_left_alone() {
        let file = std::fs::File::open("/dev/null").unwrap();
        // Kept, since its end would end the connection.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let numbers = [file.as_raw_fd(), stream.as_raw_fd(), 100_000];
        let offer = Offer(numbers.iter().map(|number| (*number, "db".to_owned())).collect());
        assert!(offer.take("db").is_empty());
        assert!(file.metadata().is_ok() && stream.local_addr().is_ok(), "both are open");
    }
}
