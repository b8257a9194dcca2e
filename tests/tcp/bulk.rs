//! Much at once: nothing is lost, nothing is held.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use crate::support::guard::Guard;
use crate::support::is_served;
use crate::support::server::Server;

const MIB: u64 = 1 << 20;
/// Bytes that are carried.
const MUCH: u64 = 100 * MIB;
/// The agent may grow by so much: what it holds for a client is far below.
const GROWTH: u64 = 16 * MIB;

/// Bytes that do not repeat for long, and their sum.
struct Stream(u64);

impl Stream {
    fn next(&mut self, room: &mut [u8]) {
        for byte in room {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (self.0 >> 56) as u8;
        }
    }
}

/// Says so many bytes, beginning with this number, and ends.
fn say(mut to: &TcpStream, seed: u64) {
    let (mut stream, mut room) = (Stream(seed), vec![0; 64 << 10]);
    for _ in 0..MUCH / room.len() as u64 {
        stream.next(&mut room);
        to.write_all(&room).unwrap();
    }
    to.shutdown(Shutdown::Write).unwrap();
}

/// Hears all of it, and that it is what was said.
fn hear(mut from: &TcpStream, seed: u64) {
    let (mut stream, mut room, mut expected) = (Stream(seed), vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut all = 0;
    loop {
        let count = from.read(&mut room).unwrap();
        if count == 0 {
            break;
        }
        stream.next(&mut expected[..count]);
        assert!(room[..count] == expected[..count], "other bytes after {all}");
        all += count as u64;
    }
    assert_eq!(all, MUCH);
}

#[test]
fn a_hundred_megabytes_pass_each_way_at_once() {
    let server = Server::doing(|stream: TcpStream| {
        std::thread::scope(|scope| {
            scope.spawn(|| say(&stream, 1));
            hear(&stream, 2);
        });
    });
    let guard = Guard::start(&[server.address], "");
    let memory = guard.memory();
    let client = guard.client();
    std::thread::scope(|scope| {
        scope.spawn(|| say(&client, 2));
        hear(&client, 1);
    });
    let pool = guard.wait_for_pool("the session is over", |pool| pool.clients.is_empty());
    let traffic = pool.traffic.unwrap();
    assert_eq!((traffic.up, traffic.down), (MUCH, MUCH));
    assert!(guard.memory() < memory + GROWTH, "{} after {memory}", guard.memory());
}

#[test]
fn a_reader_that_reads_nothing_stops_its_sender_and_nobody_else() {
    let server = Server::doing(|mut stream: TcpStream| {
        let mut word = [0; 4];
        stream.read_exact(&mut word).unwrap();
        match &word {
            b"more" => say(&stream, 3),
            _ => stream.write_all(&word).unwrap(),
        }
    });
    let guard = Guard::start(&[server.address], "clients = { buffer = \"64KiB\" }");
    let memory = guard.memory();
    let slow: Vec<TcpStream> = (0..8)
        .map(|_| {
            let mut client = guard.client();
            client.write_all(b"more").unwrap();
            client
        })
        .collect();
    // What they do not read stays with the kernel and the server.
    let stuck = guard.wait_for_pool("they are stuck", |pool| {
        pool.clients.len() == 8 && pool.clients.iter().all(|client| client.since.as_secs() >= 2)
    });
    assert!(stuck.traffic.unwrap().down < 8 * MUCH / 2, "{stuck:?}");
    assert!(guard.memory() < memory + GROWTH, "{} after {memory}", guard.memory());
    assert!(is_served(&mut guard.client()));
    hear(&slow[0], 3);
}
