//! Whether any TCP connection of a network namespace was opened or ended meanwhile, from counters that the kernel keeps anyway.

use crate::sys::adopted::Adopted;
use crate::sys::read_error::ReadError;
use crate::sys::stat::{number, words};

const FILE: &str = "net/snmp";
/// It has a dozen lines, the longest of a few hundred bytes.
const TEXT_MAX: usize = 16_384;

/// What the kernel has counted so far in the network namespace of a process, IPv4 and IPv6 together (RFC 4022).
///
/// A connection enters ESTABLISHED after one of the first two grew, and leaves ESTABLISHED and CLOSE_WAIT by the third growing smaller.
/// So where no connect was under way at the first of two readings and both are equal, every connection of the first is there at the
/// second, in ESTABLISHED or in CLOSE_WAIT, and there is no other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpTurnover {
    /// `tcpActiveOpens`: connects begun.
    pub active_opens: u64,
    /// `tcpPassiveOpens`: connections accepted.
    pub passive_opens: u64,
    /// `tcpCurrEstab`: connections now in ESTABLISHED or CLOSE_WAIT.
    pub established: u64,
}

/// The counters of the network namespace of the process.
pub fn tcp_turnover(process: &Adopted) -> Result<TcpTurnover, ReadError> {
    let text = process.bytes(FILE, TEXT_MAX)?;
    parse(&text).ok_or(ReadError::Malformed { what: FILE })
}

/// A line of names and one of numbers, both after `Tcp:`.
fn parse(text: &[u8]) -> Option<TcpTurnover> {
    let mut lines = text.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"Tcp:"));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let value = |name: &[u8]| {
        let place = words(names).position(|word| word == name)?;
        number(words(numbers).nth(place)?)
    };
    Some(TcpTurnover {
        active_opens: value(b"ActiveOpens")?,
        passive_opens: value(b"PassiveOpens")?,
        established: value(b"CurrEstab")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::victim::Victim;

    const TEXT: &str = "Ip: Forwarding\nIp: 1\nTcp: RtoAlgorithm MaxConn ActiveOpens PassiveOpens CurrEstab\nTcp: 1 -1 7 5 3\nUdp: In\nUdp: 1\n";

    #[test]
    fn numbers_stand_under_their_names() {
        let expected = TcpTurnover { active_opens: 7, passive_opens: 5, established: 3 };
        assert_eq!(parse(TEXT.as_bytes()), Some(expected));
        for broken in ["", "Tcp:", "Tcp: ActiveOpens\nTcp: 1", "Tcp: 1 2 3"] {
            assert_eq!(parse(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn each_connect_accept_and_close_shows_in_a_namespace_of_its_own() {
        let script = "
import ctypes, fcntl, os, socket, struct, sys
assert ctypes.CDLL(None).unshare(0x40000000 | (0 if os.geteuid() == 0 else 0x10000000)) == 0
fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh14x', b'lo', 1))
listener = socket.create_server(('127.0.0.1', 0))
ends = []
print('ready', flush=True)
for line in sys.stdin:
    if 'open' in line:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
        ends += [near, far]
    if 'half' in line:
        ends[0].shutdown(socket.SHUT_WR)
    if 'reset' in line:
        ends[1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
        ends.pop(1).close()
    print('done', flush=True)
";
        let mut victim = Victim::python(script);
        assert_eq!(victim.line(), "ready");
        let adopted = victim.adopt();
        let before = tcp_turnover(&adopted).unwrap();
        victim.ask("open");
        let open = tcp_turnover(&adopted).unwrap();
        assert_eq!(open.active_opens, before.active_opens + 1);
        assert_eq!(open.passive_opens, before.passive_opens + 1);
        assert_eq!(open.established, before.established + 2);
        assert_eq!(tcp_turnover(&adopted).unwrap(), open, "looking changes nothing");
        victim.ask("half");
        let half = tcp_turnover(&adopted).unwrap();
        assert_eq!(half.established, open.established - 1, "FIN_WAIT is no longer counted, CLOSE_WAIT is");
        victim.ask("reset");
        assert_eq!(tcp_turnover(&adopted).unwrap().established, half.established - 1);
    }
}
