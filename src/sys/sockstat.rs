//! The counts that the kernel keeps of a network namespace anyway.

use crate::sys::adopted::Adopted;
use crate::sys::read_error::ReadError;
use crate::sys::stat::{number, words};

const FILE: &str = "net/sockstat";
/// It has six short lines.
const TEXT_MAX: usize = 4_096;

/// TCP sockets in TIME_WAIT in the network namespace of the process, IPv4 and IPv6 together. Nobody holds them, so
/// they are told from nothing but this count; a dump of thousands would be read to be thrown away.
pub fn time_wait(process: &Adopted) -> Result<u64, ReadError> {
    let text = match process.bytes(FILE, TEXT_MAX) {
        Ok(text) => text,
        Err(ReadError::Unsupported { .. } | ReadError::Failed { .. }) if !process.is_alive() => {
            return Err(ReadError::Gone);
        }
        Err(error) => return Err(error),
    };
    parse(&text).ok_or(ReadError::Malformed { what: FILE })
}

/// `TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 121`
fn parse(text: &[u8]) -> Option<u64> {
    let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"TCP:"))?;
    let mut words = words(line);
    words.find(|word| *word == b"tw")?;
    number(words.next()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::victim::Victim;

    #[test]
    fn the_count_stands_after_its_word() {
        let text = b"sockets: used 23\nTCP: inuse 1 orphan 0 tw 5751 alloc 1 mem 121\nUDP: inuse 0 mem 0\n";
        assert_eq!(parse(text), Some(5_751));
        for broken in ["", "TCP:", "TCP: inuse 1", "TCP: tw", "TCP: tw x", "UDP: tw 3"] {
            assert_eq!(parse(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn a_closed_connection_waits_and_is_counted() {
        let script = "
import socket, sys
listener = socket.create_server(('127.0.0.1', 0))
near = socket.create_connection(listener.getsockname())
far, _ = listener.accept()
near.close(); far.close()
print('closed', flush=True)
sys.stdin.read()
";
        let mut victim = Victim::python(script);
        assert_eq!(victim.line(), "closed");
        let adopted = victim.adopt();
        assert!(time_wait(&adopted).unwrap() >= 1);
        victim.end();
        assert!(matches!(time_wait(&adopted), Err(ReadError::Gone)));
    }
}
