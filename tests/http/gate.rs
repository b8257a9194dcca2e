//! The order gate: what passes in which state of trading, by what a server sees of it.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use crate::support::guard::Guard;
use crate::support::message::{Message, head};
use crate::support::server::Server;
use crate::support::{answer, ask, get, mirror, ok, server, wait_for};

const GATE: &str = r#"
[proxy.bus.gate]
orders = [
  { method = "POST", path = "/order*", reduces = { field = "reduceOnly", is = "true" } },
  { method = "POST", path = "/exchange", when = { pointer = "/type", is = ["order", "modify"] }, reduces = { pointer = "/orders/*/r", is = true } },
  { method = "PUT", path = "/replace" },
]
cancels = [
  { method = "DELETE", path = "/order" },
  { method = "POST", path = "/exchange", when = { pointer = "/type", is = "cancel" } },
]
body = "4KiB"
"#;

const ORDER: &str = "POST /order HTTP/1.1\r\nHost: bot\r\nContent-Length: 4\r\n\r\nside";
const CANCEL: &str = "DELETE /order?id=7 HTTP/1.1\r\nHost: bot\r\n\r\n";
const DATA: &str = "GET /ticker HTTP/1.1\r\nHost: bot\r\n\r\n";
const REDUCES: &str = "POST /order?reduceOnly=true HTTP/1.1\r\nHost: bot\r\nContent-Length: 0\r\n\r\n";

fn posted(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: bot\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Whether a request passes. What is refused is answered by the proxy, and its connection stays.
fn passes(client: &mut TcpStream, request: &str) -> bool {
    let heard = ask(client, request);
    match heard.status() {
        200 => true,
        503 => {
            assert!(heard.reason().starts_with("trading_"), "{heard:?}");
            assert_eq!(heard.field("connection"), None, "{request:?}");
            false
        }
        other => panic!("{other}: {request:?}"),
    }
}

#[test]
fn each_state_lets_through_what_it_says() {
    let server = mirror();
    let guard = Guard::start(&[server.address], GATE);
    let mut client = guard.client();
    let all = |client: &mut TcpStream| [DATA, CANCEL, REDUCES, ORDER].map(|request| passes(client, request));
    assert_eq!(all(&mut client), [true; 4]);
    assert_eq!(
        guard.run(&["ctl", "trading", "reducing"]).trim(),
        "bus: trading is reducing; by hand until `active`\n\
         not remembered over a restart of the agent: there is no history"
    );
    assert_eq!(all(&mut client), [true, true, true, false]);
    guard.run(&["ctl", "trading", "halted", "--proxy", "bus"]);
    assert_eq!(all(&mut client), [true, true, false, false]);
    let heard = ask(&mut client, ORDER);
    assert_eq!(heard.reason(), "trading_halted");
    assert_eq!(guard.run(&["ctl", "trading", "active"]).trim(), "bus: trading is active");
    assert_eq!(all(&mut client), [true; 4]);
    let seen = guard.wait_for_pool("the refused ones are counted", |pool| {
        pool.trading.is_some_and(|trading| trading.refused == 4)
    });
    let trading = seen.trading.unwrap();
    // Of one with a body it is not known by its head alone what it is.
    assert_eq!((trading.cancels, trading.reducing), (4, 3));
    assert_eq!((trading.orders, trading.unread), (0, 2));
    assert_eq!(server.accepted(), 1, "one connection carried all that passed");
}

#[test]
fn a_body_is_read_before_it_is_decided_however_it_comes() {
    let server = mirror();
    let guard = Guard::start(&[server.address], GATE);
    guard.run(&["ctl", "trading", "reducing"]);
    let mut client = guard.client();
    for (body, is) in [
        (r#"{"type":"order"}"#, false),
        (r#"{"type":"order","orders":[{"r":true}]}"#, true),
        (r#"{"type":"order","orders":[{"r":true},{"r":false}]}"#, false),
        (r#"{"type":"cancel"}"#, true),
        (r#"{"type":"cancel","type":"order"}"#, false),
        (r#"{"type":"info"}"#, true),
        (r#"[{"type":"cancel"},{"type":"modify"}]"#, false),
        ("nonsense", false),
    ] {
        assert_eq!(passes(&mut client, &posted("/exchange", body)), is, "{body}");
        // The same in chunks, one of them in the middle of a word.
        let (front, back) = body.split_at(body.len() / 2);
        let chunked = format!(
            "POST /exchange HTTP/1.1\r\nHost: bot\r\nTransfer-Encoding: chunked\r\n\r\n\
             {:x}\r\n{front}\r\n{:x}\r\n{back}\r\n0\r\n\r\n",
            front.len(),
            back.len()
        );
        assert_eq!(passes(&mut client, &chunked), is, "chunked {body}");
    }
    // A coded body is not read, so it is an order.
    let coded = posted("/exchange", r#"{"type":"cancel"}"#).replace("Host", "Content-Encoding: gzip\r\nHost");
    assert!(!passes(&mut client, &coded));
    // One that comes byte by byte, the bytes of the next request right behind it.
    let mut slow = guard.client();
    slow.set_nodelay(true).unwrap();
    for byte in posted("/exchange", r#"{"type":"order"}"#).bytes().chain(DATA.bytes()) {
        slow.write_all(&[byte]).unwrap();
    }
    assert_eq!(answer(&mut slow).reason(), "trading_reducing");
    assert_eq!(answer(&mut slow).status(), 200);
}

#[test]
fn more_than_is_read_is_an_order() {
    let server = mirror();
    let guard = Guard::start(&[server.address], GATE);
    let fill = " ".repeat(5 << 10);
    let long = posted("/exchange", &format!(r#"{{"type":"cancel"}}{fill}"#));
    assert!(passes(&mut guard.client(), &long), "while trading is active nothing is read");
    guard.run(&["ctl", "trading", "halted"]);
    let heard = ask(&mut guard.client(), &long);
    assert_eq!((heard.status(), heard.field("connection")), (503, Some("close")));
    let chunked = format!(
        "POST /exchange HTTP/1.1\r\nHost: bot\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{fill}\r\n",
        fill.len()
    );
    assert_eq!(ask(&mut guard.client(), &chunked).reason(), "trading_halted");
    let short = posted("/exchange", &format!(r#"{{"type":"cancel"}}{}"#, " ".repeat(3 << 10)));
    assert!(passes(&mut guard.client(), &short));
}

#[test]
fn a_client_that_waits_for_a_word_gets_it_from_the_gate() {
    let server = mirror();
    let guard = Guard::start(&[server.address], GATE);
    guard.run(&["ctl", "trading", "reducing"]);
    for (body, status) in [(r#"{"type":"cancel"}"#, 200), (r#"{"type":"order"}"#, 503)] {
        let mut client = guard.client();
        let asked = posted("/exchange", body).replace("Host", "Expect: 100-continue\r\nHost");
        let (front, body) = asked.split_once("\r\n\r\n").unwrap();
        client.write_all(format!("{front}\r\n\r\n").as_bytes()).unwrap();
        assert_eq!(head(&mut client).unwrap().unwrap(), "HTTP/1.1 100 Continue");
        client.write_all(body.as_bytes()).unwrap();
        let heard = answer(&mut client);
        assert_eq!(heard.status(), status);
        assert!(!heard.text().contains("100-continue"), "the server is not asked for another word");
    }
}

#[test]
fn no_way_to_write_a_path_dodges_the_gate() {
    let server = mirror();
    let guard = Guard::start(&[server.address], GATE);
    guard.run(&["ctl", "trading", "halted"]);
    let mut client = guard.client();
    let lines = [
        "POST /order?a",
        "POST //order",
        "POST /./order",
        "POST /x/../order",
        "POST /%6frder",
        "POST /%256Frder",
        "POST /x%2f..%2forder",
        "POST /ORDER",
        "POST /order;x",
        "POST /order/",
        "POST //../order",
        "POST /x%3F/../order",
        "POST /x%23/../order",
        "POST /a%2fb/../order",
        "POST /a\\b/../order",
        "POST /..;/../order",
        "put /replace",
        "POST /replace?_method=PUT",
    ];
    for line in lines {
        let request = format!("{line} HTTP/1.1\r\nHost: bot\r\nContent-Length: 0\r\n\r\n");
        assert!(!passes(&mut client, &request), "{line}");
    }
    let fragment = ask(&mut guard.client(), "PUT /x#/../replace HTTP/1.1\r\nHost: bot\r\n\r\n");
    assert_eq!((fragment.status(), fragment.reason().as_str()), (400, "bad_request"));
    let renamed = ORDER.replace("POST", "GET").replace("Host", "X-HTTP-Method-Override: POST\r\nHost");
    assert!(!passes(&mut client, &renamed));
    // Two in one packet: each is decided for itself.
    client.write_all(format!("{CANCEL}{ORDER}{CANCEL}").as_bytes()).unwrap();
    let statuses = [(); 3].map(|()| answer(&mut client).status());
    assert_eq!(statuses, [200, 503, 200]);
    let all = lines.len() as u64 + 2;
    guard.wait_for_pool("all are counted", |pool| pool.trading.is_some_and(|trading| trading.refused == all));
}

#[test]
fn who_does_not_read_refusals_is_not_read_and_loses_none() {
    const ORDERS: usize = 4_000;
    let server = mirror();
    let told = "x".repeat(4 << 10);
    let keys = format!("{GATE}refusal = {{ type = \"text/plain\", body = '{told}' }}\n");
    let guard = Guard::start(&[server.address], &keys);
    guard.run(&["ctl", "trading", "halted"]);
    let mut client = guard.client();
    let one = ORDER.replace("Host", &format!("Filler: {}\r\nHost", "y".repeat(4 << 10)));
    let all = one.repeat(ORDERS).into_bytes();
    // More than all buffers on the way can hold: it can't be written at once unless the proxy keeps what it has to say.
    client.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut written = 0;
    while written < all.len() {
        match client.write(&all[written..]) {
            Ok(count) => written += count,
            Err(_) => break,
        }
    }
    assert!(written < all.len(), "it went on to read orders while its answers were not read");
    let mut writer = client.try_clone().unwrap();
    let rest = std::thread::spawn(move || {
        writer.set_write_timeout(None).unwrap();
        writer.write_all(&all[written..])
    });
    for number in 0..ORDERS {
        let heard = answer(&mut client);
        assert_eq!((heard.status(), heard.text() == told), (503, true), "{number}");
    }
    rest.join().unwrap().unwrap();
    assert_eq!(ask(&mut client, DATA).status(), 200, "its connection is as good as before");
}

#[test]
fn an_order_is_not_sent_twice_whatever_its_method_promises() {
    // Its kept connection dies under the second request.
    let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let books = std::sync::Arc::clone(&heard);
    let server = Server::doing(move |mut stream| {
        let mut first = true;
        while let Ok(Some(request)) = crate::support::message::read(&mut stream) {
            let line = request.head.lines().next().unwrap_or_default().to_owned();
            books.lock().unwrap().push(line);
            if !first || stream.write_all(ok("").as_bytes()).is_err() {
                break;
            }
            first = false;
        }
        let _gone = stream.shutdown(std::net::Shutdown::Both);
    });
    let guard = Guard::start(&[server.address], GATE);
    for (line, status, times) in
        [("GET /ticker", 200, 2), ("PUT /replace", 502, 1), ("DELETE /order", 200, 2)]
    {
        // Each time by a connection that was good for one.
        let mut client = guard.client();
        heard.lock().unwrap().clear();
        guard.run(&["ctl", "pool", "reconnect", "bus"]);
        assert_eq!(ask(&mut client, &get("/warm")).status(), 200);
        let said = ask(&mut client, &format!("{line} HTTP/1.1\r\nHost: bot\r\n\r\n"));
        assert_eq!(said.status(), status, "{line}");
        let sent = heard.lock().unwrap().iter().filter(|own| own.starts_with(line)).count();
        assert_eq!(sent, times, "{line}");
    }
}

#[test]
fn an_order_that_is_known_by_its_head_is_refused_before_its_body_is_there() {
    let server = mirror();
    let guard = Guard::start(&[server.address], GATE);
    guard.run(&["ctl", "trading", "halted"]);
    let front = "PUT /replace HTTP/1.1\r\nHost: bot\r\nContent-Length: 9\r\n\r\nside";
    let mut client = guard.client();
    let heard = ask(&mut client, front);
    assert_eq!((heard.reason().as_str(), heard.field("connection")), ("trading_halted", None));
    // What is still to come of it is no request.
    client.write_all(format!("=SELL{DATA}{CANCEL}").as_bytes()).unwrap();
    assert_eq!([(); 2].map(|()| answer(&mut client).status()), [200, 200]);
    // Who waits for a word may never send its body, and where one of unknown length ends is not waited for.
    for front in [
        front.replace("side", "").replace("Host", "Expect: 100-continue\r\nHost"),
        front.replace("Content-Length: 9", "Transfer-Encoding: chunked").replace("side", "4\r\nside\r\n"),
    ] {
        let heard = ask(&mut guard.client(), &front);
        assert_eq!((heard.reason().as_str(), heard.field("connection")), ("trading_halted", Some("close")));
    }
}

#[test]
fn what_waited_for_a_connection_is_held_against_the_gate_as_it_stands_then() {
    // Its first answer comes when it is let go.
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let server = Server::doing(move |mut stream| {
        while let Ok(Some(request)) = crate::support::message::read(&mut stream) {
            if request.head.starts_with("GET /slow") {
                let _heard = gone.lock().unwrap().recv_timeout(Duration::from_secs(20));
            }
            if stream.write_all(ok(&request.head).as_bytes()).is_err() {
                break;
            }
        }
    });
    let guard = Guard::start(&[server.address], &format!("pool = {{ max = 1, wait = \"15s\" }}\n{GATE}"));
    let mut busy = guard.client();
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: bot\r\n\r\n").unwrap();
    let waiting = |pool: &fdguard::agent::status::PoolStatus| pool.signals["pool[].waiting"];
    guard.wait_for_pool("the first is served", |pool| pool.servers.iter().any(|one| one.state == "active"));
    let mut order = guard.client();
    order.write_all(ORDER.as_bytes()).unwrap();
    let mut cancel = guard.client();
    cancel.write_all(CANCEL.as_bytes()).unwrap();
    let two = fdguard::model::reading::Reading::Known(2.0);
    guard.wait_for_pool("two wait", |pool| waiting(pool) == two);
    guard.run(&["ctl", "trading", "halted"]);
    go.send(()).unwrap();
    assert_eq!(answer(&mut busy).status(), 200);
    assert_eq!(answer(&mut order).reason(), "trading_halted");
    assert_eq!(answer(&mut cancel).status(), 200);
}

#[test]
fn a_hand_lets_go_in_time_and_a_refusal_speaks_the_clients_language() {
    let server = mirror();
    let keys = format!(
        "{GATE}refusal = {{ status = 400, type = \"application/json; charset=utf-8\", \
         body = '{{\"code\":-2010,\"msg\":\"{{proxy}}: trading is {{state}}\"}}' }}\n"
    );
    let guard = Guard::start(&[server.address], &keys);
    guard.run(&["ctl", "trading", "halted", "--for", "1500ms"]);
    let mut client = guard.client();
    let heard: Message = ask(&mut client, ORDER);
    assert_eq!((heard.status(), heard.field("content-type")), (400, Some("application/json; charset=utf-8")));
    assert_eq!(heard.text(), r#"{"code":-2010,"msg":"bus: trading is halted"}"#);
    assert!(guard.run(&["ctl", "trading", "status"]).starts_with("bus: TRADING HALTED (halted by hand for "));
    wait_for("the hand lets go", || (ask(&mut client, ORDER).status() == 200).then_some(()));
    wait_for("status tells it too", || {
        guard.run(&["status"]).contains("bus: trading active; passed ").then_some(())
    });
    let status: serde_json::Value =
        serde_json::from_str(&guard.run(&["ctl", "trading", "status", "--json"])).unwrap();
    assert_eq!(
        (&status["bus"]["state"], &status["bus"]["hand"]),
        (&"active".into(), &serde_json::Value::Null)
    );
}

#[test]
fn half_an_order_is_none_and_one_that_does_not_end_is_given_up() {
    let server = server(|request| ok(&request.head));
    let guard = Guard::start(&[server.address], &format!("clients = {{ head = \"300ms\" }}\n{GATE}"));
    guard.run(&["ctl", "trading", "halted"]);
    let mut client = guard.client();
    client.write_all(b"POST /order HTTP/1.1\r\nHost: bot\r\nContent-Length: 9\r\n\r\nside").unwrap();
    assert_eq!(answer(&mut client).reason(), "client_late");
    let mut gone = guard.client();
    gone.write_all(b"POST /order HTTP/1.1\r\nHost: bot\r\nContent-Length: 9\r\n\r\nside").unwrap();
    drop(gone);
    guard.wait_for_pool("nobody is left", |pool| pool.clients.is_empty());
    assert_eq!(server.accepted(), 0);
}

#[test]
fn a_proxy_without_a_gate_says_so() {
    let server = mirror();
    let guard = Guard::start(&[server.address], "");
    let asked = guard.refused(&["ctl", "trading", "halted"]);
    assert!(asked.contains("no proxy of this agent has an order gate"), "{asked}");
    assert!(guard.refused(&["ctl", "trading", "status"]).contains("[proxy.NAME.gate]"));
    assert_eq!(ask(&mut guard.client(), ORDER).status(), 200);
}

#[test]
fn what_a_person_has_closed_stays_closed_over_a_restart() {
    let server = mirror();
    let mut guard = Guard::remembering(&[server.address], GATE);
    guard.run(&["ctl", "trading", "halted"]);
    for signal in [fdguard::sys::pidfd::Signal::TERM, fdguard::sys::pidfd::Signal::KILL] {
        guard.restart(signal);
        assert_eq!(ask(&mut guard.client(), ORDER).reason(), "trading_halted");
        assert_eq!(ask(&mut guard.client(), CANCEL).status(), 200);
    }
    guard.run(&["ctl", "trading", "reducing", "--for", "1h"]);
    // It is on the disk when it is answered.
    guard.restart(fdguard::sys::pidfd::Signal::KILL);
    let told = guard.run(&["ctl", "trading", "status"]);
    assert!(told.starts_with("bus: TRADING REDUCING (reducing by hand for "), "{told}");
    assert!(told.contains("59m") || told.contains("1h"), "{told}");
    guard.run(&["ctl", "trading", "active"]);
    guard.restart(fdguard::sys::pidfd::Signal::TERM);
    assert_eq!(ask(&mut guard.client(), ORDER).status(), 200);
}

#[test]
fn what_can_not_be_read_of_a_person_s_word_keeps_the_gate_closed() {
    let server = mirror();
    let mut guard = Guard::remembering(&[server.address], GATE);
    let kept = guard.folder().join("history.gates");
    guard.run(&["ctl", "trading", "halted"]);
    // The history itself may be lost: what a person has closed is none of it.
    std::fs::write(guard.folder().join("history.db"), "garbage").unwrap();
    guard.restart(fdguard::sys::pidfd::Signal::KILL);
    assert_eq!(ask(&mut guard.client(), ORDER).reason(), "trading_halted");
    guard.run(&["ctl", "trading", "active"]);
    std::fs::write(&kept, "garbage").unwrap();
    guard.restart(fdguard::sys::pidfd::Signal::TERM);
    assert_eq!(ask(&mut guard.client(), ORDER).reason(), "trading_halted");
    assert_eq!(ask(&mut guard.client(), CANCEL).status(), 200);
    let log = guard.log();
    assert!(log.contains("can't be read") && log.contains("bus"), "{log}");
    guard.run(&["ctl", "trading", "active"]);
    guard.restart(fdguard::sys::pidfd::Signal::TERM);
    assert_eq!(ask(&mut guard.client(), ORDER).status(), 200);
    // What is not on the disk is said to be so.
    std::fs::remove_file(&kept).unwrap();
    std::fs::create_dir(&kept).unwrap();
    let told = guard.run(&["ctl", "trading", "reducing"]);
    assert!(told.contains("bus: trading is reducing") && told.contains("not remembered"), "{told}");
}
