//! Settings of TCP sockets that the standard library does not know.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};

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
        no_delay(&listener).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(listener.accept().unwrap().0.nodelay().unwrap());
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
