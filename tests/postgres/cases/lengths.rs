//! Length fields that lie, and tags that nobody knows: the client is told and ended, and nobody else is harmed.

use fdguard::wire::postgres::frontend::write_query;

use crate::support::batch;
use crate::support::message::Message;
use crate::support::proxy::Proxy;
use crate::support::wire::Wire;

/// What the proxy says to bytes, up to the end of the connection.
fn said_to(proxy: &Proxy, bytes: &[u8]) -> Vec<Message> {
    let mut client = proxy.client();
    client.send(bytes);
    ended(&mut client)
}

fn ended(client: &mut Wire) -> Vec<Message> {
    client.rest()
}

fn assert_refused(what: &str, heard: &[Message]) {
    let codes: Vec<_> = heard.iter().filter_map(Message::code).collect();
    assert_eq!(codes, ["08P01"], "{what}: {heard:?}");
}

#[test]
fn lengths_that_lie_end_the_client_alone() {
    let proxy = Proxy::single();
    let lengths = [0, 1, 3, 0x8000_0000, u32::MAX, 0x4000_0001, 0x7fff_ffff];
    for tag in [b'Q', b'P', b'B', b'D', b'E', b'S', b'F', b'd', b'X'] {
        for len in lengths {
            let mut said = Vec::new();
            batch::lying(&mut said, tag, len, b"select 1\0");
            let heard = said_to(&proxy, &said);
            assert_refused(&format!("{} of length {len:#x}", char::from(tag)), &heard);
        }
    }
    proxy.serves();
}

#[test]
fn unknown_tags_end_the_client_alone() {
    let proxy = Proxy::single();
    for tag in [0, b'Z', b'R', b'p', 0xff] {
        let mut said = Vec::new();
        batch::raw(&mut said, tag, b"1234");
        assert_refused(&format!("tag {tag:#x}"), &said_to(&proxy, &said));
    }
    proxy.serves();
}

#[test]
fn a_lie_after_a_query_leaves_its_connection_whole() {
    let proxy = Proxy::single();
    let mut said = Vec::new();
    write_query(&mut said, b"begin; select 1");
    batch::lying(&mut said, b'Q', 2, b"");
    let heard = said_to(&proxy, &said);
    let codes: Vec<_> = heard.iter().filter_map(Message::code).collect();
    assert_eq!(codes, ["08P01"], "{heard:?}");
    proxy.serves();
}

#[test]
fn bodies_that_are_not_what_their_tag_says() {
    let proxy = Proxy::single();
    let bodies: [(u8, &[u8]); 9] = [
        (b'P', b"no end"),
        (b'P', b"name\0no end"),
        (b'P', b"name\0text\0\xff\xff"),
        (b'B', b"portal\0no end"),
        (b'B', b""),
        (b'D', b"X\0"),
        (b'D', b"S"),
        (b'C', b""),
        (b'C', b"Sname"),
    ];
    for (tag, body) in bodies {
        let mut said = Vec::new();
        batch::raw(&mut said, tag, body);
        assert_refused(&format!("{} {}", char::from(tag), body.escape_ascii()), &said_to(&proxy, &said));
    }
    proxy.serves();
}

#[test]
fn startup_packets_that_lie() {
    let proxy = Proxy::single();
    let packets: [&[u8]; 7] = [
        &[0, 0, 0, 0],
        &[0, 0, 0, 7, 1, 2, 3],
        &[0xff; 8],
        &[0, 0, 0, 8, 0, 3, 0, 0],
        &[0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0],
        &[0, 0, 0, 9, 0, 2, 0, 0, 0],
        b"GET / HTTP/1.1\r\n\r\n",
    ];
    for packet in packets {
        let mut client = Wire::dial(proxy.address);
        client.send(packet);
        let heard = ended(&mut client);
        assert!(heard.iter().all(|message| message.tag == b'E'), "{packet:?}: {heard:?}");
    }
    proxy.serves();
}
