//! The stream of events: what it tells, where it goes on after a break, and what many or slow listeners cost.

use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Instant;

use serde_json::json;

use crate::support::wait::wait_for;
use crate::support::{Agent, FDGUARD, Guards, LOOK, PATIENCE, bearer, frame};

/// As many as the API serves at once.
const STREAMS: usize = 64;

fn hold(agent: &Agent, word: &str) {
    let (code, told) = agent.tell(word, &json!({ "target": "bot" }));
    assert_eq!(code, 200, "{told}");
}

#[test]
fn what_happens_is_told_and_what_was_missed_is_told_first() {
    let mut agent = Agent::start(Guards::Sleeping);
    let (code, mut stream) = agent.listen("/v1/events", "");
    assert_eq!(code, 200);
    hold(&agent, "hold");
    let (kind, first, data) = frame(&mut stream).expect("an event");
    assert_eq!((kind.as_str(), &data["kind"]), ("event", &json!("commanded")), "{data}");
    assert!(data["text"].as_str().unwrap().contains("hold bot"), "{data}");
    drop(stream);

    hold(&agent, "resume");
    hold(&agent, "snapshot");
    let back = |agent: &Agent| agent.listen("/v1/events", &format!("Last-Event-ID: {first}\r\n")).1;
    let mut stream = back(&agent);
    let (_, _, data) = frame(&mut stream).expect("what was missed");
    assert!(data["text"].as_str().unwrap().contains("resume bot"), "{data}");
    let (_, _, data) = frame(&mut stream).expect("what came after it");
    assert!(data["text"].as_str().unwrap().contains("snapshot"), "{data}");

    // A place that is still to come is taken as now.
    let run = first.split('.').next().unwrap();
    let (_, mut ahead) = agent.listen("/v1/events", &format!("Last-Event-ID: {run}.{}.0\r\n", u64::MAX));
    hold(&agent, "hold");
    let (_, _, data) = frame(&mut ahead).expect("what comes next");
    assert!(data["text"].as_str().unwrap().contains("hold bot"), "{data}");

    // A new run numbers anew: the history tells what was between.
    drop(stream);
    agent.restart();
    let mut stream = back(&agent);
    let mut kinds = Vec::new();
    while kinds.last().is_none_or(|kind| kind != "agent_started") {
        let (kind, _, data) = frame(&mut stream).expect("the history");
        assert_eq!(kind, "event", "{data}");
        kinds.push(data["kind"].as_str().unwrap().to_owned());
    }
    assert!(kinds.iter().any(|kind| kind == "agent_stopping"), "{kinds:?}");
}

#[test]
fn a_status_comes_along_for_those_who_want_it() {
    let agent = Agent::start(Guards::Sleeping);
    let (_, mut stream) = agent.listen("/v1/events?status=true", "");
    let mut statuses = 0;
    while statuses < 2 {
        // What has only just been seen of the target comes between.
        let (kind, _, data) = frame(&mut stream).expect("a status");
        assert!(kind == "status" || kind == "event", "{kind}");
        if kind == "status" {
            assert_eq!(data["targets"][0]["name"], "bot", "{data}");
            statuses += 1;
        }
    }
}

#[test]
fn a_slow_listener_is_told_what_it_has_lost() {
    let agent = Agent::start(Guards::Sleeping);
    // Over the unix socket, which holds little. It takes nothing while far more happens than that and the ring hold.
    let mut socket = UnixStream::connect(agent.socket()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(b"GET /v1/events HTTP/1.1\r\nHost: fdguard\r\n\r\n").unwrap();
    let mut stream = BufReader::new(socket);
    let resident = agent.get("/v1/status")["agent"]["rss"].as_u64().unwrap();
    for turn in 0..1_500 {
        hold(&agent, if turn % 2 == 0 { "hold" } else { "resume" });
    }
    let grown = agent.get("/v1/status")["agent"]["rss"].as_u64().unwrap().saturating_sub(resident);
    assert!(grown < 24 << 20, "{grown} bytes for one slow listener");
    let mut lost = None;
    let mut seen = 0;
    while lost.is_none() {
        let (kind, _, data) = frame(&mut stream).expect("told");
        match kind.as_str() {
            "lost" => lost = data["lost"].as_u64(),
            _ => seen += 1,
        }
    }
    assert!(lost.is_some_and(|lost| lost > 0) && seen > 0, "{lost:?} lost, {seen} seen");
}

#[test]
fn a_thousand_idle_listeners_are_bounded() {
    let agent = Agent::start(Guards::Sleeping);
    let before = agent.get("/v1/status")["agent"].clone();
    let began = Instant::now();
    let mut listeners = Vec::new();
    let mut refused = 0;
    for _ in 0..1_000 {
        let (code, mut stream) = agent.listen("/v1/events", "");
        match code {
            200 => listeners.push(stream),
            503 => {
                let mut told = String::new();
                stream.read_to_string(&mut told).unwrap();
                assert!(told.contains("at once"), "{told}");
                refused += 1;
            }
            other => panic!("{other}"),
        }
        assert!(began.elapsed() < PATIENCE * 3, "too slow");
    }
    assert_eq!((listeners.len(), refused), (STREAMS, 1_000 - STREAMS));
    // Others are served meanwhile, and the agent is hardly larger.
    let after = agent.get("/v1/status")["agent"].clone();
    let grown = after["rss"].as_u64().unwrap().saturating_sub(before["rss"].as_u64().unwrap());
    assert!(grown < 16 << 20, "{grown} bytes for {STREAMS} listeners");
    let open = after["descriptors"].as_u64().unwrap();
    assert!(open < before["descriptors"].as_u64().unwrap() + 2 * STREAMS as u64 + 24, "{open}");
    // One that leaves makes room.
    listeners.pop();
    let room = || (agent.listen("/v1/events", "").0 == 200).then_some(());
    wait_for("room for another one", PATIENCE, room, || agent.log());
}

#[test]
fn listeners_on_the_control_socket_leave_room_for_commands() {
    let agent = Agent::start(Guards::Sleeping);
    let listen = || {
        let mut socket = UnixStream::connect(agent.socket()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(b"GET /v1/events HTTP/1.1\r\nHost: fdguard\r\n\r\n").unwrap();
        let mut head = [0; 12];
        socket.read_exact(&mut head).unwrap();
        (String::from_utf8_lossy(&head).into_owned(), socket)
    };
    let listeners: Vec<_> = (0..16).map(|_| listen()).collect();
    let served = listeners.iter().filter(|(head, _)| head.ends_with("200")).count();
    assert_eq!(served, 4, "{:?}", listeners.iter().map(|(head, _)| head).collect::<Vec<_>>());
    let mut ctl = Command::new(FDGUARD);
    ctl.args(["ctl", "hold", "bot", "--socket"]).arg(agent.socket());
    assert!(ctl.status().unwrap().success());
}

#[test]
fn silent_connections_keep_nobody_out_for_long() {
    let agent = Agent::start(Guards::Sleeping);
    let silent: Vec<_> = (0..300).map(|_| agent.connect()).collect();
    // They stay, and so do those that were given what everybody is given.
    let page = agent.request("GET", "/", "", "").replace("HTTP/1.0", "HTTP/1.1");
    let resting: Vec<_> = (0..100).map(|_| agent.connect()).collect();
    resting.iter().for_each(|mut stream| drop(stream.write_all(page.as_bytes())));
    let served = || {
        let mut stream = TcpStream::connect(("127.0.0.1", agent.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.write_all(agent.request("GET", "/v1/status", &bearer(LOOK), "").as_bytes()).ok()?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).ok()?;
        head.ends_with(b"200").then_some(())
    };
    wait_for("served again", PATIENCE, served, || agent.log());
    drop((silent, resting));
}

#[test]
fn a_stream_ends_with_its_token() {
    let agent = Agent::start(Guards::Sleeping);
    let (code, mut stream) = agent.listen("/v1/events?status=true", "");
    assert_eq!(code, 200);
    assert_eq!(frame(&mut stream).expect("a status").0, "status");
    std::fs::write(agent.file("read"), "another\n").unwrap();
    let began = Instant::now();
    while frame(&mut stream).is_some() {
        assert!(began.elapsed() < PATIENCE, "it goes on");
    }
    assert_eq!(agent.listen("/v1/events", "").0, 401);
}
