//! One look at a socket of another process, through a duplicate of its descriptor that is held for a moment.
//!
//! It costs a few microseconds whatever the tables of the host hold, where a dump of them takes as long as there are
//! sockets: what a stop of the process can afford. Meant for a process that stands still: while the duplicate is
//! held, a close in the process would not send its FIN. Needs the right to trace the process, and Linux 5.6.
#![expect(unsafe_code, reason = "pidfd_getfd and the socket options asked for have no safe wrapper")]

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{SockaddrStorage, getpeername};

use crate::sys::pidfd::PidFd;
use crate::sys::sock_diag::TcpState;

/// What a descriptor of another process is at this moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// Nothing is open under the number.
    Nothing,
    /// No TCP socket.
    Other,
    /// A TCP socket.
    Tcp(TcpLook),
}

/// What a TCP socket is at this moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpLook {
    /// Its inode.
    pub inode: u64,
    /// Its identity in this boot.
    pub cookie: u64,
    /// Its state; `Close` for one that is in no table any more.
    pub state: TcpState,
    /// The other end, where there is one.
    pub remote: Option<SocketAddr>,
}

/// Looks at descriptor `number` of a process.
pub fn look(process: &PidFd, number: u32) -> io::Result<Look> {
    let duplicate = match duplicate(process, number) {
        Ok(duplicate) => duplicate,
        Err(error) if error.raw_os_error() == Some(libc::EBADF) => return Ok(Look::Nothing),
        Err(error) => return Err(error),
    };
    let protocol = option::<libc::c_int>(&duplicate, libc::SOL_SOCKET, libc::SO_PROTOCOL);
    match protocol {
        Ok(libc::IPPROTO_TCP) => {}
        Ok(_) => return Ok(Look::Other),
        Err(error) if error.raw_os_error() == Some(libc::ENOTSOCK) => return Ok(Look::Other),
        Err(error) => return Err(error),
    }
    // The first byte of `tcp_info`; the kernel gives as much of it as there is room.
    let code = option::<u8>(&duplicate, libc::IPPROTO_TCP, libc::TCP_INFO)?;
    let state = TcpState::from_code(code).ok_or(io::ErrorKind::InvalidData)?;
    let remote = getpeername::<SockaddrStorage>(duplicate.as_raw_fd()).ok().and_then(address);
    Ok(Look::Tcp(TcpLook {
        inode: nix::sys::stat::fstat(&duplicate)?.st_ino,
        cookie: option::<u64>(&duplicate, libc::SOL_SOCKET, libc::SO_COOKIE)?,
        state,
        remote,
    }))
}

fn duplicate(process: &PidFd, number: u32) -> io::Result<OwnedFd> {
    let process = process.as_fd().as_raw_fd();
    // SAFETY: pidfd_getfd takes a descriptor and two integers, and returns a new descriptor or -1.
    let raw = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process, number, 0) })?;
    let raw = RawFd::try_from(raw).expect("a descriptor number fits an int");
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

fn address(storage: SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|v4| SocketAddr::from((v4.ip(), v4.port())));
    v4.or_else(|| storage.as_sockaddr_in6().map(|v6| SocketAddr::from((v6.ip(), v6.port()))))
}

/// A number that the kernel keeps for a socket.
fn option<T: Copy + Default>(socket: &OwnedFd, level: libc::c_int, name: libc::c_int) -> io::Result<T> {
    let mut value = T::default();
    let mut length = libc::socklen_t::try_from(size_of::<T>()).expect("a number is small");
    let place = std::ptr::from_mut(&mut value).cast();
    // SAFETY: the kernel writes at most `length` bytes to `value`, which is ours, and any bytes make such a number.
    let got = unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, place, &raw mut length) };
    Errno::result(got)?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    fn own() -> PidFd {
        PidFd::open(i32::try_from(std::process::id()).expect("fits")).expect("ourselves")
    }

    fn number(socket: &impl std::os::fd::AsRawFd) -> u32 {
        u32::try_from(socket.as_raw_fd()).expect("open")
    }

    #[test]
    fn state_remote_and_identity_are_those_of_the_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let mut ours = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        let (its, _) = listener.accept().expect("accepted");
        let tcp = |number| match look(&own(), number).expect("looked") {
            Look::Tcp(tcp) => tcp,
            other => panic!("{other:?}"),
        };
        let before = tcp(number(&ours));
        assert_eq!((before.state, before.remote), (TcpState::Established, listener.local_addr().ok()));
        assert_eq!(before.inode, nix::sys::stat::fstat(&ours).expect("open").st_ino);
        drop(its);
        assert_eq!(ours.read(&mut [0]).expect("the end"), 0);
        assert_eq!(tcp(number(&ours)), TcpLook { state: TcpState::CloseWait, ..before });
        assert_ne!(tcp(number(&listener)).cookie, before.cookie);
        assert_eq!(tcp(number(&listener)).state, TcpState::Listen);
    }

    #[test]
    fn what_is_no_tcp_socket_is_told_apart() {
        let udp = UdpSocket::bind("127.0.0.1:0").expect("bound");
        let file = std::fs::File::open("/dev/null").expect("open");
        assert_eq!(look(&own(), number(&udp)).expect("looked"), Look::Other);
        assert_eq!(look(&own(), number(&file)).expect("looked"), Look::Other);
        assert_eq!(look(&own(), 1_000_000).expect("looked"), Look::Nothing);
    }
}
