use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use super::*;
use crate::proxy::transport::Stream;

/// A side of a session, and who is behind it.
fn side() -> (End, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    theirs.set_nonblocking(true).unwrap();
    (End::new(Transport::plain(Stream::Unix(ours))), theirs)
}

fn said(to: &mut UnixStream) -> Vec<u8> {
    let (mut all, mut room) = (Vec::new(), [0; 4_096]);
    loop {
        match to.read(&mut room) {
            Ok(0) => return all,
            Ok(count) => all.extend_from_slice(&room[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return all,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn bytes_pass_and_an_end_passes_alone() {
    let ((mut client, mut bot), (mut server, mut base)) = (side(), side());
    let mut room = [0; 64];
    bot.write_all(b"question").unwrap();
    bot.shutdown(Shutdown::Write).unwrap();
    client.transport.hung_up();
    assert_eq!(carry(&mut client, &mut server, &mut room), (8, After::Still));
    assert_eq!((client.reads, said(&mut base)), (Reads::Ended, b"question".to_vec()));
    assert_eq!(base.read(&mut [0]).unwrap(), 0, "the end came too");
    assert!(!End::are_over(&client, &server));
    base.write_all(b"answer").unwrap();
    drop(base);
    server.transport.hung_up();
    assert_eq!(carry(&mut server, &mut client, &mut room), (6, After::Still));
    assert_eq!(said(&mut bot), b"answer");
    assert!(End::are_over(&client, &server));
}

#[test]
fn nothing_is_read_that_the_other_side_does_not_take() {
    let ((mut client, mut bot), (mut server, mut base)) = (side(), side());
    let mut room = [0; 16 << 10];
    let much = vec![7; 32 << 10];
    let (mut sent, mut carried) = (0_u64, 0);
    loop {
        match bot.write(&much) {
            Ok(count) => sent += count as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                client.ready();
                match carry(&mut client, &mut server, &mut room) {
                    (0, _) => break,
                    (bytes, _) => carried += bytes,
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(server.transport.unsent() <= room.len(), "one read at most is held");
    assert!(carried < sent, "the rest stays with the sender");
    let mut got = 0;
    while got < sent {
        got += said(&mut base).len() as u64;
        server.flush();
        client.ready();
        carry(&mut client, &mut server, &mut room);
    }
    assert_eq!(got, sent);
}

#[test]
fn what_a_side_said_before_it_went_is_still_carried() {
    let ((mut client, mut bot), (mut server, mut base)) = (side(), side());
    let mut room = [0; 64];
    base.write_all(b"too many connections").unwrap();
    drop(base);
    bot.write_all(b"hello").unwrap();
    assert_eq!(carry(&mut client, &mut server, &mut room).1, After::Refused);
    server.transport.hung_up();
    assert_eq!(carry(&mut server, &mut client, &mut room).0, 20);
    assert_eq!(said(&mut bot), b"too many connections");
    assert!(End::are_over(&client, &server), "there is nothing left to do");
}

#[test]
fn a_long_talker_takes_turns() {
    let ((mut client, mut bot), (mut server, mut base)) = (side(), side());
    bot.write_all(&[1; READS_MAX * 4 + 4]).unwrap();
    let mut room = [0; 4];
    assert_eq!(carry(&mut client, &mut server, &mut room), (READS_MAX as u64 * 4, After::More));
    assert_eq!(carry(&mut client, &mut server, &mut room).0, 4);
    assert_eq!(said(&mut base).len(), READS_MAX * 4 + 4);
}
