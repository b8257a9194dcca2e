//! A Redis behind the proxy, driven by its own command line client.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::support::guard::{Guard, free_address};
use crate::support::{Ending, PATIENCE, ending, wait_for};

/// A Redis in a folder of its own; ends when dropped.
struct Redis {
    process: Child,
    _folder: tempfile::TempDir,
    address: SocketAddr,
}

impl Redis {
    fn at(address: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no", "--maxclients", "64", "--dir"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let redis = Self { process, _folder: folder, address };
        wait_for("Redis listens", || TcpStream::connect(address).ok());
        redis
    }

    /// What it answers, past the proxy.
    fn ask(&self, words: &[&str]) -> String {
        ask(self.address, words).unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

fn ask(address: SocketAddr, words: &[&str]) -> Result<String, String> {
    let output = Command::new("redis-cli")
        .args(["-e", "-h", "127.0.0.1", "-p", &address.port().to_string()])
        .args(words)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[test]
fn its_client_sees_no_difference() {
    let redis = Redis::at(free_address());
    let guard = Guard::start(&[redis.address], "pool = { max = 40 }");
    assert_eq!(ask(guard.address, &["set", "price", "42"]).unwrap(), "OK");
    assert_eq!(ask(guard.address, &["get", "price"]).unwrap(), "42");
    assert_eq!(redis.ask(&["get", "price"]), "42");
    let large = "x".repeat(100_000);
    assert_eq!(ask(guard.address, &["set", "large", &large]).unwrap(), "OK");
    assert_eq!(ask(guard.address, &["get", "large"]).unwrap(), large);
    // Pipelines of 50 clients over 32 connections: each counter is right in the end.
    let ran = Command::new("redis-benchmark")
        .args(["-h", "127.0.0.1", "-p", &guard.address.port().to_string(), "-q"])
        .args(["-c", "32", "-P", "8", "-n", "20000", "incr", "count"])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(redis.ask(&["get", "count"]), "20000");
    guard.wait_for_pool("all have left", |pool| pool.clients.is_empty() && pool.servers.is_empty());
}

#[test]
fn a_subscriber_hears_what_is_published_and_ends_with_the_server() {
    let redis = Redis::at(free_address());
    let guard = Guard::start(&[redis.address], "");
    let mut listener = guard.client();
    listener.write_all(b"SUBSCRIBE news\r\n").unwrap();
    let mut heard = vec![0; "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n".len()];
    listener.read_exact(&mut heard).unwrap();
    assert_eq!(ask(guard.address, &["publish", "news", "up"]).unwrap(), "1");
    let expected = b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nup\r\n";
    let mut heard = vec![0; expected.len()];
    listener.read_exact(&mut heard).unwrap();
    assert_eq!(heard, expected);
    drop(redis);
    assert_eq!(ending(&mut listener), Ending::InOrder);
}

#[test]
fn a_client_that_is_killed_is_gone_from_the_server() {
    let redis = Redis::at(free_address());
    let guard = Guard::start(&[redis.address], "");
    let mut client = Command::new("redis-cli")
        .args(["-h", "127.0.0.1", "-p", &guard.address.port().to_string(), "blpop", "nothing", "0"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let blocked = || redis.ask(&["info", "clients"]).contains("blocked_clients:1");
    wait_for("it waits at the server", || blocked().then_some(()));
    client.kill().unwrap();
    client.wait().unwrap();
    wait_for("the server knows", || (!blocked()).then_some(()));
    guard.wait_for_pool("it has left", |pool| pool.clients.is_empty());
}

#[test]
fn a_server_that_is_killed_and_comes_back_serves_again() {
    let address = free_address();
    let redis = Redis::at(address);
    let guard = Guard::start(&[address], "pool = { wait = \"200ms\" }\nbreaker = { open = \"200ms\" }");
    assert_eq!(ask(guard.address, &["ping"]).unwrap(), "PONG");
    drop(redis);
    assert!(ask(guard.address, &["ping"]).is_err());
    let _redis = Redis::at(address);
    let end = std::time::Instant::now() + PATIENCE;
    while ask(guard.address, &["ping"]).as_deref() != Ok("PONG") {
        assert!(std::time::Instant::now() < end, "{}", guard.log());
    }
}
