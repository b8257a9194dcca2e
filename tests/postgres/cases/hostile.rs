//! Clients that mean harm, or behave as if: memory stays bounded, and a client beside them is served as before.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fdguard::wire::postgres::frontend::write_query;

use crate::support::batch;
use crate::support::look::memory;
use crate::support::message::told;
use crate::support::proxy::Proxy;
use crate::support::server::server;
use crate::support::wait::wait_until;
use crate::support::wire::{Wire, start};

/// How much more memory the agent may come to have, in kilobytes.
const MORE_MAX: u64 = 24 << 10;
/// The longest that a query beside them may take: the machine is busy with other tests too.
const SERVED_WITHIN: Duration = Duration::from_secs(3);

/// The proxy, a client that is served all along, and what the agent had before.
struct Beside {
    proxy: Proxy,
    memory: u64,
    descriptors: usize,
}

/// Raises a flag when dropped, be it by a panic.
struct Raises<'f>(&'f AtomicBool);

impl Drop for Raises<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Beside {
    fn new(keys: &str) -> Self {
        let proxy = Proxy::with(keys);
        proxy.serves();
        wait_until("the first client has gone", || proxy.pool().clients.is_empty());
        Self { memory: memory(&proxy, "VmRSS"), descriptors: proxy.descriptors(), proxy }
    }

    /// Does harm while a client asks one query after the other: each is answered in time.
    fn served_while<T>(&self, harm: impl FnOnce(&Proxy) -> T) -> T {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let served = scope.spawn(|| {
                let mut client = self.proxy.client();
                let (mut slowest, mut count) = (Duration::ZERO, 0);
                while count == 0 || !over.load(Ordering::Relaxed) {
                    let asked = Instant::now();
                    assert_eq!(client.value("select 'served'"), "served");
                    slowest = slowest.max(asked.elapsed());
                    count += 1;
                }
                (slowest, count)
            });
            let raises = Raises(&over);
            let done = harm(&self.proxy);
            drop(raises);
            let (slowest, count) = served.join().unwrap();
            assert!(slowest < SERVED_WITHIN, "the slowest of {count} took {slowest:?}");
            done
        })
    }

    fn assert_bounded(&self, field: &str) {
        let more = memory(&self.proxy, field).saturating_sub(self.memory);
        assert!(more < MORE_MAX, "{more} kB more in {field} after {} kB", self.memory);
    }

    /// Nothing is left of them.
    fn end(self) {
        self.proxy.serves();
        // Server connections may have come.
        let most = self.descriptors + 2;
        wait_until("no more descriptors than before", || self.proxy.descriptors() <= most);
        self.assert_bounded("VmRSS");
    }
}

#[test]
fn ten_thousand_connects_in_a_burst() {
    let beside = Beside::new("pool = { max = 1 }");
    beside.served_while(|proxy| {
        // In waves, for the descriptors of this process: silent ones, and ones that log in and say nothing more.
        for _ in 0..10 {
            let mut wave: Vec<_> = (0..1_000).map(|_| TcpStream::connect(proxy.address).unwrap()).collect();
            let mut said = Vec::new();
            start(&mut said, &proxy.database, &[]);
            for stream in wave.iter_mut().step_by(2) {
                // One that was sent away has hung up already.
                let _gone = stream.write_all(&said);
            }
            beside.assert_bounded("VmRSS");
        }
    });
    beside.assert_bounded("VmHWM");
    beside.end();
}

#[test]
fn a_byte_now_and_then() {
    let beside = Beside::new("pool = { max = 1 }");
    beside.served_while(|proxy| {
        let (mut before, mut after): (Vec<_>, Vec<_>) =
            (0..50).map(|_| (Wire::dial(proxy.address), proxy.client())).unzip();
        let (mut login, mut query) = (Vec::new(), Vec::new());
        start(&mut login, &proxy.database, &[]);
        write_query(&mut query, b"select 'slow'");
        let steps = login.len().max(query.len());
        for at in 0..steps {
            // Slow against a client that is served in less than a millisecond.
            std::thread::sleep(Duration::from_millis(40));
            for (wires, said) in [(&mut before, &login), (&mut after, &query)] {
                if let Some(byte) = said.get(at) {
                    wires.iter_mut().for_each(|wire| wire.send(&[*byte]));
                }
            }
        }
        before.iter_mut().for_each(|wire| wire.logged_in().unwrap());
        after.iter_mut().for_each(|wire| assert_eq!(wire.until(b'Z').len(), 4));
    });
    beside.end();
}

#[test]
fn a_gigabyte_announced_and_not_sent() {
    let beside = Beside::new("pool = { max = 2, idle_transaction = \"1s\" }");
    beside.served_while(|proxy| {
        let mut before: Vec<_> = (0..100).map(|_| Wire::dial(proxy.address)).collect();
        for wire in &mut before {
            wire.say(|out| {
                out.extend_from_slice(&0x4000_0000_u32.to_be_bytes());
                out.extend_from_slice(&[0, 3, 0, 0]);
                out.extend_from_slice(&[b'x'; 4_000]);
            });
        }
        // Below the longest message, with as much of it as fits into the socket.
        let mut after: Vec<_> = (0..100).map(|_| proxy.client()).collect();
        for (number, wire) in after.iter_mut().enumerate() {
            wire.stream.set_nonblocking(true).unwrap();
            let mut said = Vec::new();
            let tag = [b'P', b'B', b'D', b'Q'][number % 4];
            batch::lying(&mut said, tag, 0x3fff_ffff, &vec![b'x'; 2 << 20]);
            let _as_much = wire.stream.write(&said);
        }
        beside.assert_bounded("VmRSS");
        proxy.serves();
        drop((before, after));
    });
    beside.end();
}

#[test]
fn garbage_before_the_login() {
    let beside = Beside::new("pool = { max = 1 }");
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut garbage: Vec<Vec<u8>> = vec![
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        b"\0\0\0\x09\0\x03\0\0\0".to_vec(),
        b"\0\0\0\x0e\0\x03\0\0user\0\0".to_vec(),
        b"\0\0\0\x12\0\x03\0\0user\0x\0y\0\0\0".to_vec(),
        vec![0; 64],
    ];
    garbage.extend((0..50).map(|_| {
        let bytes = (0..64).map(|_| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random.to_be_bytes()[0]
        });
        // A length that the server takes, or else it waits for more.
        [&[0, 0, 0, 32][..], &bytes.collect::<Vec<u8>>()].concat()
    }));
    beside.served_while(|proxy| {
        for bytes in &garbage {
            let heard = [server().address, proxy.address].map(|address| {
                let mut wire = Wire::dial(address);
                wire.send(bytes);
                wire.half_close();
                codes(&mut wire)
            });
            assert_eq!(heard[1], heard[0], "{}", bytes.escape_ascii());
        }
    });
    beside.end();
}

/// The codes of errors up to the end; a first byte that begins no message is an answer to a wish for TLS.
fn codes(wire: &mut Wire) -> Vec<String> {
    use std::io::Read as _;
    let mut all = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = wire.stream.read(&mut chunk) {
        all.extend_from_slice(&chunk[..count]);
    }
    let text = String::from_utf8_lossy(&all).into_owned();
    text.split('\0').filter_map(|field| field.strip_prefix('C')).map(str::to_owned).collect()
}

#[test]
fn half_a_message_and_gone() {
    let beside = Beside::new("pool = { max = 2 }");
    beside.served_while(|proxy| {
        for round in 0..300_u32 {
            let mut client = proxy.client();
            client.say(|out| match round % 4 {
                0 => batch::lying(out, b'Q', 100, b"select "),
                1 => out.extend_from_slice(b"Q\0"),
                2 => {
                    batch::run(out, "", "select 1", &[]);
                    batch::lying(out, b'S', 4, b"B");
                }
                _ => {
                    write_query(out, b"begin");
                    batch::lying(out, b'P', 5_000, b"name\0select");
                }
            });
        }
    });
    beside.end();
}

#[test]
fn many_who_read_slowly() {
    let beside = Beside::new("pool = { max = 22 }");
    let sql = b"select repeat('r', 100000) from generate_series(1, 200)";
    beside.served_while(|proxy| {
        let mut readers: Vec<_> = (0..20).map(|_| proxy.client()).collect();
        for reader in &mut readers {
            reader.say(|out| write_query(out, sql));
        }
        let mut look = crate::support::look::Look::at(server(), &proxy.database);
        look.wait("wait_event = 'ClientWrite'", 20);
        beside.assert_bounded("VmRSS");
        let mut direct = server().open(&proxy.database);
        direct.say(|out| write_query(out, sql));
        let expected = told(&direct.until(b'Z'));
        for reader in &mut readers {
            assert_eq!(told(&reader.until(b'Z')), expected);
        }
    });
    // The twenty server connections stay for a while.
    beside.proxy.serves();
    beside.assert_bounded("VmHWM");
}
