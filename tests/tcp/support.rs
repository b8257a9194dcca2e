//! An agent with one proxy, and servers behind it.

pub(crate) mod guard;
pub(crate) mod server;
mod wait;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

pub(crate) use wait::{LOOK, PATIENCE, wait_for};

/// What the proxy speaks.
pub(crate) const PROTOCOL: &str = "tcp";
/// What a client hears for what it says; the server behind says the same back.
pub(crate) fn echo(client: &mut TcpStream, said: &[u8]) -> Vec<u8> {
    client.write_all(said).unwrap();
    let mut heard = vec![0; said.len()];
    client.read_exact(&mut heard).unwrap();
    heard
}

/// Whether a client is served.
pub(crate) fn is_served(client: &mut TcpStream) -> bool {
    let mut heard = [0; 4];
    client.write_all(b"ping").is_ok() && client.read_exact(&mut heard).is_ok() && heard == *b"ping"
}

/// How a stream ended that has nothing more to say.
pub(crate) fn ending(client: &mut TcpStream) -> Ending {
    let mut heard = [0; 64];
    match client.read(&mut heard) {
        Ok(0) => Ending::InOrder,
        Ok(count) => panic!("it said {:?}", &heard[..count]),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ending::Broken,
        Err(error) => panic!("no end: {error}"),
    }
}

/// How a stream ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    InOrder,
    Broken,
}
