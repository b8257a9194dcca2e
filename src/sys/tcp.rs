//! Settings of TCP sockets that the standard library does not know.
#![expect(unsafe_code, reason = "TCP_DEFER_ACCEPT has no safe wrapper")]

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::time::Duration;

use nix::libc;
use nix::sys::socket::{Backlog, listen, setsockopt, sockopt};

/// When a silent or stuck other side is given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeepAlive {
    /// Without traffic for so long, the other side is asked whether it is there.
    pub after: Duration,
    /// Asked again after so long.
    pub every: Duration,
    /// Given up after so many that were not answered.
    pub tries: u32,
    /// What was sent and is not acknowledged for so long ends the connection as well.
    pub unacknowledged: Duration,
}

/// Sends small pieces at once. Set on a listener it holds for what that accepts (tcp(7)).
pub fn no_delay(socket: &impl AsFd) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::TcpNoDelay, &true)?)
}

/// Lets as many clients wait to be accepted as the kernel allows (`net.core.somaxconn`); of a unix listener too.
pub fn widen_queue(listener: &impl AsFd) -> io::Result<()> {
    Ok(listen(listener, Backlog::MAXALLOWABLE)?)
}

/// Has a listener tell of a client only when it has said something, or after about a second: for protocols in which the
/// client speaks first. One wake-up for each client is saved.
pub fn defer_accept(listener: &impl AsFd) -> io::Result<()> {
    let seconds: libc::c_int = 1;
    let size = libc::socklen_t::try_from(size_of_val(&seconds)).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open for the call, and the value is an int of the size that is told.
    let set = unsafe {
        libc::setsockopt(
            listener.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            size,
        )
    };
    if set < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Has the next close break the connection off instead of ending it in order: the other side sees that something is
/// missing.
pub fn abort_on_close(socket: &impl AsFd) -> io::Result<()> {
    let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
    Ok(setsockopt(socket, sockopt::Linger, &at_once)?)
}

/// Has the kernel watch over the other side.
pub fn keep_alive(socket: &impl AsFd, keep: KeepAlive) -> io::Result<()> {
    let seconds = |span: Duration| u32::try_from(span.as_secs().max(1)).unwrap_or(u32::MAX);
    setsockopt(socket, sockopt::KeepAlive, &true)?;
    setsockopt(socket, sockopt::TcpKeepIdle, &seconds(keep.after))?;
    setsockopt(socket, sockopt::TcpKeepInterval, &seconds(keep.every))?;
    setsockopt(socket, sockopt::TcpKeepCount, &keep.tries)?;
    let millis = u32::try_from(keep.unacknowledged.as_millis()).unwrap_or(u32::MAX);
    Ok(setsockopt(socket, sockopt::TcpUserTimeout, &millis)?)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use nix::sys::socket::getsockopt;

    use super::*;

    #[test]
    fn what_is_set_on_a_listener_holds_for_what_it_accepts() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        widen_queue(&listener).unwrap();
        no_delay(&listener).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(listener.accept().unwrap().0.nodelay().unwrap());
    }

    #[test]
    fn a_client_is_told_of_when_it_has_spoken() {
        use std::io::Write as _;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        defer_accept(&listener).unwrap();
        listener.set_nonblocking(true).unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        client.write_all(b"hello").unwrap();
        listener.set_nonblocking(false).unwrap();
        listener.accept().unwrap();
    }

    #[test]
    fn an_aborted_connection_is_seen_to_be_broken() {
        use std::io::Read as _;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let accepted = listener.accept().unwrap().0;
        abort_on_close(&accepted).unwrap();
        drop(accepted);
        assert_eq!(client.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn the_kernel_is_told_when_to_give_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let second = Duration::from_secs(1);
        let keep =
            KeepAlive { after: 30 * second, every: 10 * second, tries: 3, unacknowledged: 20 * second };
        keep_alive(&client, keep).unwrap();
        assert!(getsockopt(&client, sockopt::KeepAlive).unwrap());
        assert_eq!(getsockopt(&client, sockopt::TcpKeepIdle).unwrap(), 30);
        assert_eq!(getsockopt(&client, sockopt::TcpKeepInterval).unwrap(), 10);
        assert_eq!(getsockopt(&client, sockopt::TcpKeepCount).unwrap(), 3);
        assert_eq!(getsockopt(&client, sockopt::TcpUserTimeout).unwrap(), 20_000);
    }
}
