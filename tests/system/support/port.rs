//! Ports for servers that a test starts.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Ports for pools are taken from here on.
const PORTS_FROM: u16 = 27_000;
const PORTS: u16 = 5_000;

/// A port below the range that the kernel hands out to clients, which any of them could take meanwhile.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % u32::from(PORTS)).unwrap();
    let next = || NEXT.fetch_add(1, Ordering::Relaxed);
    let mut ports = std::iter::from_fn(|| Some(PORTS_FROM + (own + next()) % PORTS));
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}
