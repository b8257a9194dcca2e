//! How streams end, from either side.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use fdguard::sys::tcp::abort_on_close;

use crate::support::guard::Guard;
use crate::support::server::Server;
use crate::support::{Ending, PATIENCE, echo, ending, is_served, wait_for};

#[test]
fn a_client_that_has_said_all_still_hears_the_answer() {
    let server = Server::doing(|mut stream: TcpStream| {
        let mut asked = Vec::new();
        stream.read_to_end(&mut asked).unwrap();
        asked.reverse();
        stream.write_all(&asked).unwrap();
        stream.shutdown(Shutdown::Both).unwrap();
    });
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    client.write_all(b"abc").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"cba");
    guard.wait_for_count("closed.session_over", 1);
    guard.wait_for_count("parted.left", 1);
}

#[test]
fn a_server_that_has_said_all_still_hears_the_client() {
    let (tell, told) = std::sync::mpsc::channel();
    let server = Server::doing(move |mut stream: TcpStream| {
        stream.write_all(b"hello").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        tell.send(heard).unwrap();
    });
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"hello", "the server speaks first, and its end alone passes");
    client.write_all(b"and so on").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), b"and so on");
}

#[test]
fn a_unix_socket_is_served_the_same() {
    let server = Server::echo();
    let guard = Guard::start(&[server.address], "");
    let mut client = UnixStream::connect(guard.folder().join("bus.sock")).unwrap();
    client.write_all(b"hello").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"hello");
}

#[test]
fn a_client_that_breaks_off_breaks_its_server_connection_off() {
    let (tell, told) = std::sync::mpsc::channel();
    let server = Server::doing(move |mut stream: TcpStream| {
        let mut room = [0; 64];
        let mut all = Vec::new();
        let end = loop {
            match stream.read(&mut room) {
                Ok(0) => break Ending::InOrder,
                Ok(count) => {
                    all.extend_from_slice(&room[..count]);
                    stream.write_all(b"?").unwrap();
                }
                Err(_) => break Ending::Broken,
            }
        };
        tell.send((all, end)).unwrap();
    });
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    client.write_all(b"half of it").unwrap();
    client.read_exact(&mut [0]).unwrap();
    abort_on_close(&client).unwrap();
    drop(client);
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), (b"half of it".to_vec(), Ending::Broken));
    guard.wait_for_count("parted.lost", 1);
}

#[test]
fn a_client_that_breaks_off_is_gone_also_where_its_server_takes_nothing() {
    let server = Server::doing(|stream: TcpStream| {
        std::thread::park_timeout(2 * PATIENCE);
        drop(stream);
    });
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    client.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let piece = vec![0; 64 << 10];
    // Until nothing goes any more.
    while client.write(&piece).is_ok() {}
    abort_on_close(&client).unwrap();
    drop(client);
    guard.wait_for_count("closed.client_gone", 1);
    guard.wait_for_count("parted.lost", 1);
}

#[test]
fn a_server_that_breaks_off_does_not_look_like_one_that_has_ended() {
    let server = Server::doing(|mut stream: TcpStream| {
        stream.write_all(b"half of it").unwrap();
        stream.read_exact(&mut [0]).unwrap();
        abort_on_close(&stream).unwrap();
        // By the one in the books, once this one is closed.
        stream.write_all(b"!").unwrap();
    });
    let guard = Guard::start(&[server.address], "");
    let mut client = guard.client();
    let mut heard = [0; 10];
    client.read_exact(&mut heard).unwrap();
    client.write_all(b"go").unwrap();
    client.read_exact(&mut [0]).unwrap();
    server.forget();
    assert_eq!(ending(&mut client), Ending::Broken);
    guard.wait_for_count("closed.stream_broken", 1);
}

#[test]
fn a_client_that_is_gone_leaves_nothing_behind_at_a_server_that_does_not_care() {
    // It reads on and never ends.
    let server = Server::doing(|mut stream: TcpStream| {
        stream.write_all(b"hello").unwrap();
        std::thread::park_timeout(2 * PATIENCE);
        drop(stream);
    });
    let guard = Guard::start(&[server.address], "");
    let open = guard.descriptors();
    for path in [None, Some(guard.folder().join("bus.sock"))] {
        match path {
            None => guard.client().read_exact(&mut [0; 5]).unwrap(),
            Some(path) => UnixStream::connect(path).unwrap().read_exact(&mut [0; 5]).unwrap(),
        }
    }
    guard.wait_for_count("closed.client_gone", 2);
    wait_for("its descriptors are back", || (guard.descriptors() <= open).then_some(()));
}

#[test]
fn descriptors_come_back_however_sessions_end() {
    let server = Server::echo();
    let guard = Guard::start(&[server.address], "pool = { max = 50 }");
    assert!(is_served(&mut guard.client()));
    guard.wait_for_pool("the first has left", |pool| pool.servers.is_empty());
    let open = guard.descriptors();
    for round in 0..3 {
        let mut clients: Vec<TcpStream> = (0..30).map(|_| guard.client()).collect();
        for client in &mut clients {
            assert_eq!(echo(client, b"hello"), b"hello", "round {round}");
        }
        for client in clients.drain(..10) {
            abort_on_close(&client).unwrap();
        }
        for client in clients.drain(..10) {
            drop(client);
        }
        server.hang_up();
        for mut client in clients {
            assert_eq!(ending(&mut client), Ending::InOrder);
        }
        guard.wait_for_pool("all have gone", |pool| pool.servers.is_empty() && pool.clients.is_empty());
    }
    wait_for("as many descriptors as before", || (guard.descriptors() <= open).then_some(()));
}
