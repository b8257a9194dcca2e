use proptest::prelude::*;

use super::body::Body;
use super::chunks::Chunks;
use super::fault::Fault;
use super::fields::{FIELDS_MAX, Fields};
use super::head::{After, Finder, HEAD_MAX, Method, Request, Response, Version, request, response};
use super::rewrite;
use super::target::{Target, is_host, port_of};

fn asked(text: &str) -> Result<Option<Request>, Fault> {
    request(text.as_bytes(), &mut Finder::default(), &mut Fields::new())
}

fn answered(text: &str, method: Method) -> Result<Option<Response>, Fault> {
    response(text.as_bytes(), method, &mut Finder::default(), &mut Fields::new())
}

/// A head as it is passed on.
fn passed(text: &str) -> String {
    let (mut fields, mut out) = (Fields::new(), Vec::new());
    let head = request(text.as_bytes(), &mut Finder::default(), &mut fields).unwrap().unwrap();
    rewrite::write(&text.as_bytes()[..head.end], &fields, head.start, &[], &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_request_is_seen_in_place() {
    let text = "POST /a?b=c HTTP/1.1\r\nHost: x:80\r\nContent-Length: 5\r\n\r\nhello";
    let head = asked(text).unwrap().unwrap();
    assert_eq!(&text[head.target.clone()], "/a?b=c");
    assert_eq!((head.method, head.version, head.after), (Method::Post, Version::Http11, After::Keep));
    assert_eq!((head.body, &text[head.end..], head.form), (Body::Length(5), "hello", Target::Origin));
    assert_eq!((head.start, head.host, head.upgrades, head.expects), (0, Some(0), false, false));
    let late = asked("\r\n\r\nGET / HTTP/1.0\r\nExpect: 100-Continue\r\n\r\n").unwrap().unwrap();
    assert_eq!(
        (late.start, late.version, late.after, late.expects),
        (4, Version::Http10, After::Close, true)
    );
}

/// What two readers could understand in two ways, and what no reader should guess at.
#[test]
fn what_can_be_misread_is_refused() {
    let post = |lines: &str| format!("POST / HTTP/1.1\r\nHost: x\r\n{lines}\r\n");
    for (lines, fault) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Fault::Framing),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", Fault::Framing),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", Fault::Length),
        ("Content-Length: 5, 5\r\n", Fault::Length),
        ("Content-Length: +5\r\n", Fault::Length),
        ("Content-Length: -5\r\n", Fault::Length),
        ("Content-Length: 0x5\r\n", Fault::Length),
        ("Content-Length: 5 6\r\n", Fault::Length),
        ("Content-Length:\r\n", Fault::Length),
        ("Content-Length: 99999999999999999999\r\n", Fault::Length),
        ("Transfer-Encoding: identity\r\n", Fault::Framing),
        ("Transfer-Encoding: chunked, identity\r\n", Fault::Framing),
        ("Transfer-Encoding: chunked, chunked\r\n", Fault::Framing),
        ("Transfer-Encoding: gzip, chunked\r\n", Fault::Coding),
        ("Transfer-Encoding: xchunked\r\n", Fault::Framing),
        ("Transfer-Encoding: \"chunked\"\r\n", Fault::Framing),
        ("Transfer-Encoding:\r\n", Fault::Framing),
        ("Transfer-Encoding: \x0bchunked\r\n", Fault::Field),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Fault::Framing),
        ("Transfer-Encoding : chunked\r\n", Fault::Field),
        (" Transfer-Encoding: chunked\r\n", Fault::Field),
        ("X: a\r\n b\r\n", Fault::Field),
        ("X: a\r\n\tb\r\n", Fault::Field),
        ("X: a\0b\r\n", Fault::Field),
        ("X: a\rb\r\n", Fault::Field),
        ("X: a\nY: b\r\n", Fault::LineEnd),
        ("X\r\n", Fault::Field),
        (": a\r\n", Fault::Field),
        ("X y: a\r\n", Fault::Field),
        ("Host: y\r\n", Fault::Host),
    ] {
        let found = asked(&post(lines));
        assert_eq!(found, Err(fault), "{lines:?}");
        assert!(matches!(fault.status(), 400 | 501));
    }
    for (text, fault) in [
        ("GET /\r\n", Fault::Start),
        ("GET / \r\n\r\n", Fault::Start),
        ("GET  / HTTP/1.1\r\nHost: x\r\n\r\n", Fault::Start),
        ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", Fault::Version),
        ("GET / HTTP/1.2\r\nHost: x\r\n\r\n", Fault::Version),
        ("GET / HTTP/1.1\nHost: x\r\n\r\n", Fault::LineEnd),
        ("GET / HTTP/1.1\r\nHost: x\r\n\n", Fault::LineEnd),
        ("GET / HTTP/1.1\r\n\r\n", Fault::Host),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Fault::Host),
        ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", Fault::Host),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Fault::Host),
        ("GET x HTTP/1.1\r\nHost: x\r\n\r\n", Fault::Target),
        ("GET * HTTP/1.1\r\nHost: x\r\n\r\n", Fault::Target),
        ("GET http:///x HTTP/1.1\r\nHost: x\r\n\r\n", Fault::Target),
        ("GET http://a@b/x HTTP/1.1\r\nHost: x\r\n\r\n", Fault::Target),
        ("CONNECT x HTTP/1.1\r\nHost: x\r\n\r\n", Fault::Target),
        ("CONNECT /x:1 HTTP/1.1\r\nHost: x\r\n\r\n", Fault::Target),
        ("GE\0T / HTTP/1.1\r\nHost: x\r\n\r\n", Fault::Start),
        ("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", Fault::Start),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Fault::Framing),
    ] {
        let found = asked(text);
        assert!(found.is_err(), "{text:?} {found:?}");
        if !matches!(fault, Fault::Start) {
            assert_eq!(found, Err(fault), "{text:?}");
        }
    }
}

#[test]
fn a_head_is_bounded() {
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}", "a".repeat(HEAD_MAX));
    assert_eq!(asked(&long), Err(Fault::HeadLong), "before its end is there");
    assert_eq!(asked(&format!("{long}\r\n\r\n")), Err(Fault::HeadLong));
    let many = "A: b\r\n".repeat(FIELDS_MAX - 1);
    assert!(asked(&format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n")).unwrap().is_some());
    let more = format!("GET / HTTP/1.1\r\nHost: x\r\n{many}A: b\r\n\r\n");
    assert_eq!(asked(&more), Err(Fault::Fields));
    assert_eq!(Fault::Fields.status(), 431);
}

#[test]
fn what_is_of_one_hop_is_left_out() {
    let text = "GET / HTTP/1.1\r\nConnection: close, X-Mine\r\nHost: x\r\nx-mine: 1\r\nKeep-Alive: 5\r\nTE: gzip\r\n\
                Proxy-Authorization: secret\r\nX: 1\r\n\r\n";
    assert_eq!(passed(text), "GET / HTTP/1.1\r\nHost: x\r\nX: 1\r\n\r\n");
    assert_eq!(asked(text).unwrap().unwrap().after, After::Close);
    let fixed = "POST / HTTP/1.1\r\nHost: x\r\nConnection: host, content-length\r\nContent-Length: 1\r\n\r\n";
    assert_eq!(passed(fixed), "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n");
    let twice = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n";
    assert_eq!(passed(twice), "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n");
    let empty = "GET / HTTP/1.1\r\nHost:\r\nX:\r\nY: \r\nUpgrade:\r\n\r\n";
    assert_eq!(passed(empty), "GET / HTTP/1.1\r\nHost:\r\nX:\r\nY: \r\n\r\n");
    let plain = "GET / HTTP/1.1\r\nHost: x\r\nX: 1\r\n\r\n";
    assert_eq!(passed(plain), plain);
}

#[test]
fn an_upgrade_is_asked_for_by_both_fields() {
    let ask =
        |lines: &str| asked(&format!("GET / HTTP/1.1\r\nHost: x\r\n{lines}\r\n")).unwrap().unwrap().upgrades;
    assert!(ask("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"));
    assert!(!ask("Upgrade: websocket\r\n") && !ask("Connection: upgrade\r\n"));
}

#[test]
fn the_length_of_an_answer_follows_from_what_was_asked() {
    let length = |status: u16, lines: &str, method| {
        let text = format!("HTTP/1.1 {status} X\r\n{lines}\r\n");
        answered(&text, method).map(|head| head.unwrap().body)
    };
    let five = "Content-Length: 5\r\n";
    assert_eq!(length(200, five, Method::Get), Ok(Body::Length(5)));
    assert_eq!(length(200, five, Method::Head), Ok(Body::NONE));
    assert_eq!(length(304, five, Method::Get), Ok(Body::NONE));
    assert_eq!(length(204, "", Method::Delete), Ok(Body::NONE));
    assert_eq!(length(100, "", Method::Post), Ok(Body::NONE));
    assert_eq!(length(200, "", Method::Connect), Ok(Body::NONE));
    assert_eq!(length(403, five, Method::Connect), Ok(Body::Length(5)));
    assert_eq!(length(200, "", Method::Get), Ok(Body::UntilClose));
    assert!(matches!(length(200, "Transfer-Encoding: Chunked\r\n", Method::Get), Ok(Body::Chunked(_))));
    assert_eq!(
        length(200, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Method::Get),
        Err(Fault::Framing)
    );
    let until = answered("HTTP/1.1 200\r\nConnection: keep-alive\r\n\r\n", Method::Get).unwrap().unwrap();
    assert_eq!(until.after, After::Close, "its end is the end of its body");
    let old = answered("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", Method::Get);
    assert_eq!(old.unwrap().unwrap().after, After::Keep);
    assert!(answered("HTTP/1.1 103 Early\r\n\r\n", Method::Get).unwrap().unwrap().is_interim());
    assert!(!answered("HTTP/1.1 101 Other\r\n\r\n", Method::Get).unwrap().unwrap().is_interim());
    for bad in ["HTP/1.1 200 OK\r\n", "HTTP/1.1 abc\r\n", "HTTP/3.0 200 OK\r\n", "\r\nHTTP/1.1 200 OK\r\n"] {
        assert!(answered(bad, Method::Get).is_err(), "{bad:?}");
    }
}

#[test]
fn targets_have_four_forms() {
    assert_eq!(Target::of(Method::Options, b"*"), Ok(Target::Asterisk));
    assert_eq!(Target::of(Method::Connect, b"[::1]:443"), Ok(Target::Authority));
    let url = b"HTTP://api.x:80/a?b";
    let absolute = Target::Absolute { scheme: 0..4, authority: 7..15, path: 15..19 };
    assert_eq!(Target::of(Method::Get, url), Ok(absolute));
    assert_eq!(
        (port_of(b"x:443"), port_of(b"x:0"), port_of(b"x:99999"), port_of(b"x")),
        (Some(443), None, None, None)
    );
    assert!(
        is_host(b"[::1]:80") && is_host(b"a.b") && !is_host(b"[::1") && !is_host(b"[]:1") && !is_host(b":80")
    );
}

#[test]
fn chunks_end_where_they_say() {
    let over = |text: &str| {
        let mut chunks = Chunks::default();
        chunks.advance(text.as_bytes()).map(|count| (count, chunks.is_over()))
    };
    assert_eq!(over("5\r\nhello\r\n0\r\n\r\nGET"), Ok((15, true)));
    assert_eq!(over("A;x=\"y\"\r\n0123456789\r\n00\r\nX: y\r\nZ:\r\n\r\n"), Ok((37, true)));
    assert_eq!(over("5\r\nhel"), Ok((6, false)));
    for bad in [
        "\r\n",
        ";\r\n",
        "g\r\n",
        "0x5\r\n",
        "-1\r\n",
        "+1\r\n",
        " 5\r\n",
        "5 \r\n",
        "5\n",
        "5\r\r",
        "5;a\n",
        "5;\0\r\n",
        "10000000000000000\r\n",
        "1\r\nab",
        "1\r\na\n",
        "0\r\n\n",
        "0\r\n: x\r\n",
        "0\r\nX : y\r\n",
        "0\r\nX: y\n",
        "0\r\n X: y\r\n",
        "0\r\nX\r\n\r\n",
        "1\r\na\r\r",
    ] {
        assert!(over(bad).is_err(), "{bad:?}");
    }
    let long = "a".repeat(64 << 10);
    assert!(over(&format!("5;{long}")).is_err() && over(&format!("0\r\nX: {long}")).is_err());
}

/// Feeds a stream in pieces to a head and its body: the head, where the body ends, and what was passed on.
fn split(bytes: &[u8], cuts: &[usize]) -> Result<(Request, usize, Vec<u8>), Fault> {
    let (mut finder, mut fields) = (Finder::default(), Fields::new());
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    places.push(bytes.len());
    places.sort_unstable();
    let mut known: Option<(Request, Body, Vec<u8>)> = None;
    let mut at = 0;
    for place in places {
        if known.is_none()
            && let Some(head) = request(&bytes[..place], &mut finder, &mut fields)?
        {
            let mut out = Vec::new();
            rewrite::write(&bytes[..head.end], &fields, head.start, &[], &mut out);
            at = head.end;
            known = Some((head.clone(), head.body, out));
        }
        if let Some((_, body, _)) = &mut known {
            at += body.advance(&bytes[at..place])?;
        }
    }
    let (head, body, out) = known.ok_or(Fault::Start)?;
    if body.is_over() { Ok((head, at, out)) } else { Err(Fault::Start) }
}

proptest! {
    #[test]
    fn any_split_gives_the_same_answer(
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
        lines in prop::collection::vec(("[A-Za-z-]{1,12}", "[ -~]{0,20}"), 0..6),
    ) {
        let mut bytes = b"\r\nPOST /x HTTP/1.1\r\nHost: y\r\nTransfer-Encoding: chunked\r\n".to_vec();
        for (name, value) in &lines {
            bytes.extend(format!("X-{name}: {value}\r\n").bytes());
        }
        bytes.extend(b"\r\n");
        for chunk in &chunks {
            bytes.extend(format!("{:x};e\r\n", chunk.len()).bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\nT: v\r\n\r\n");
        let end = bytes.len();
        bytes.extend(b"GET / HTTP/1.1\r\n");
        let whole = split(&bytes, &[]).unwrap();
        prop_assert_eq!(whole.1, end);
        prop_assert_eq!(split(&bytes, &cuts).unwrap(), whole);
        let each: Vec<usize> = (0..bytes.len()).collect();
        prop_assert_eq!(split(&bytes, &each).unwrap(), split(&bytes, &cuts).unwrap());
    }

    #[test]
    fn a_broken_stream_is_broken_for_any_split(
        place in any::<usize>(),
        byte in any::<u8>(),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let mut bytes = b"POST /x HTTP/1.1\r\nHost: y\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_vec();
        let place = place % bytes.len();
        bytes[place] = byte;
        // Whether it is understood, and as what, does not hang on how it came.
        prop_assert_eq!(split(&bytes, &[]).ok(), split(&bytes, &cuts).ok());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut fields = Fields::new();
        let _any = request(&bytes, &mut Finder::default(), &mut fields);
        let _any = response(&bytes, Method::Get, &mut Finder::default(), &mut fields);
        let _any = Chunks::default().advance(&bytes);
        let _any = Target::of(Method::Get, &bytes);
    }
}
