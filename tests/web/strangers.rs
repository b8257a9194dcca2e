//! Who is let in, and what of another place is not.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use serde_json::json;

use crate::support::wait::wait_for;
use crate::support::{Agent, COMMAND, Guards, LOOK, PATIENCE, bearer};

const JSON: &str = "Content-Type: application/json\r\n";
const HOLD: &str = r#"{"target": "bot"}"#;

#[test]
fn a_stranger_is_told_nothing_of_the_agent() {
    let agent = Agent::start(Guards::Sleeping);
    let reading = [
        "/v1/status",
        "/v1/explain",
        "/v1/events",
        "/v1/history/events",
        "/v1/history/series?signal=fd.open",
        "/metrics",
        "/healthz",
    ];
    for path in reading {
        for token in
            ["", &bearer("wrong"), &bearer(""), &bearer("look-onl"), "Authorization: Basic bG9vaw==\r\n"]
        {
            let (code, head, body) = agent.send("GET", path, token, "");
            assert_eq!(code, 401, "{path} {token}: {body}");
            assert!(head.contains("www-authenticate: bearer"), "{head}");
            assert!(!body.contains("bot"), "{body}");
        }
    }
    // What the page is made of tells nothing, and is given to everybody; no other file is.
    for path in ["/", "/page/main.js", "/page/style.css", "/openapi.json"] {
        assert_eq!(agent.send("GET", path, "", "").0, 200, "{path}");
    }
    for path in ["/page/", "/page/../agent.toml", "/page/..%2fread", "/v1/request", "/read", "/page/page.rs"]
    {
        assert_eq!(agent.send("GET", path, &bearer(LOOK), "").0, 404, "{path}");
    }
}

#[test]
fn the_token_that_lets_look_commands_nothing() {
    let agent = Agent::start(Guards::Sleeping);
    let post = |headers: &str| agent.send("POST", "/v1/ctl/hold", &format!("{headers}{JSON}"), HOLD);
    assert_eq!(post("").0, 401);
    assert_eq!(post(&bearer(LOOK)).0, 403);
    assert_eq!(agent.get("/v1/status")["targets"][0]["human_hold"], json!(false));
    assert_eq!(agent.tell("hold", &json!({ "target": "bot" })).0, 200);
    assert_eq!(agent.get("/v1/status")["targets"][0]["human_hold"], json!(true));
    assert_eq!(agent.tell("resume", &json!({ "target": "bot" })).0, 200);
    assert_eq!(agent.get("/v1/status")["targets"][0]["human_hold"], json!(false));

    let (code, told) = agent.tell("hold", &json!({ "target": "nobody" }));
    assert_eq!(code, 409);
    assert!(told["error"].as_str().unwrap().contains("no target `nobody`"), "{told}");
    assert_eq!(agent.tell("fly", &json!({})).0, 400);
    assert_eq!(agent.send("GET", "/v1/ctl/hold", &bearer(COMMAND), "").0, 405);
    let head = |token| agent.send("GET", "/v1/status", &bearer(token), "").1;
    assert!(head(LOOK).contains("fdguard-role: read") && head(COMMAND).contains("fdguard-role: write"));
}

#[test]
fn a_page_of_another_place_gets_nowhere() {
    let agent = Agent::start(Guards::Sleeping);
    let own = format!("Origin: http://127.0.0.1:{}\r\n", agent.port);
    let get = |more: &str| agent.send("GET", "/v1/status", &format!("{}{more}", bearer(LOOK)), "").0;
    let post = |more: &str, kind: &str| {
        agent.send("POST", "/v1/ctl/hold", &format!("{}{more}{kind}", bearer(COMMAND)), HOLD).0
    };
    // A name that somebody's name server has bent to this machine.
    for host in ["Host: evil.example\r\n", "Host: localhost.evil.example:80\r\n", "Host: \r\n"] {
        assert_eq!(get(host), 421, "{host}");
        assert_eq!(agent.send("GET", "/", host, "").0, 421, "{host}");
    }
    assert_eq!(get(&own), 200);
    for more in ["Origin: http://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        assert_eq!(get(more), 403, "{more}");
        assert_eq!(post(more, JSON), 403, "{more}");
    }
    // What a form can send is no command.
    for kind in ["", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n"] {
        assert_eq!(post(&own, kind), 415, "{kind}");
    }
    assert_eq!(agent.get("/v1/status")["targets"][0]["human_hold"], json!(false));
    let (_, head, _) = agent.send("GET", "/", "", "");
    assert!(!head.contains("access-control"), "{head}");
    assert!(head.contains("default-src 'none'") && !head.contains("unsafe"), "{head}");
    // A browser asks before it sends a token elsewhere, and is told no.
    let asked = "Origin: http://evil.example\r\nAccess-Control-Request-Method: GET\r\n";
    let (code, head, _) = agent.send("OPTIONS", "/v1/status", asked, "");
    assert!(code == 405 && !head.contains("access-control"), "{head}");
}

#[test]
fn a_token_that_others_can_read_opens_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    let agent = Agent::start(Guards::Sleeping);
    let file = agent.file("read");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(agent.send("GET", "/v1/status", &bearer(LOOK), "").0, 503);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    // A new one holds from the next request on.
    std::fs::write(&file, "another\n").unwrap();
    assert_eq!(agent.send("GET", "/v1/status", &bearer(LOOK), "").0, 401);
    assert_eq!(agent.send("GET", "/v1/status", &bearer("another"), "").0, 200);
}

#[test]
fn what_is_too_large_or_too_long_ago_is_refused() {
    let agent = Agent::start(Guards::Sleeping);
    let large = format!("{{\"target\": \"{}\"}}", "x".repeat(8_192));
    let headers = format!("{}{JSON}", bearer(COMMAND));
    assert_eq!(agent.send("POST", "/v1/ctl/hold", &headers, &large).0, 413);
    for query in ["last=8d", "last=5", "points=0", "points=99999", "signal=fd.nope", "nope=1"] {
        let path = format!("/v1/history/series?signal=fd.open&{query}");
        assert_eq!(agent.send("GET", &path, &bearer(LOOK), "").0, 400, "{path}");
    }
    assert_eq!(agent.send("GET", "/v1/history/series", &bearer(LOOK), "").0, 400);
    assert_eq!(agent.send("GET", "/v1/history/events?limit=100000", &bearer(LOOK), "").0, 400);
    assert_eq!(agent.send("GET", "/v1/events?from=yesterday", &bearer(LOOK), "").0, 400);
}

#[test]
fn a_command_is_recorded_with_its_token_and_its_place() {
    let agent = Agent::start(Guards::Sleeping);
    assert_eq!(agent.tell("hold", &json!({ "target": "bot" })).0, 200);
    let event = || {
        let told = agent.recall("/v1/history/events?last=1h")?;
        told["events"].as_array()?.iter().find(|event| event["kind"] == "commanded").cloned()
    };
    let event = wait_for("the command is recorded", PATIENCE, event, || agent.log());
    let fact = &event["fact"]["commanded"];
    assert_eq!((&fact["command"], &fact["token"]), (&json!("hold bot"), &json!("write")), "{event}");
    assert!(fact["from"].as_str().unwrap().starts_with("127.0.0.1:"), "{event}");
    assert!(event["text"].as_str().unwrap().contains("by the write token, from 127.0.0.1:"), "{event}");
}

#[test]
fn a_page_that_reaches_the_control_socket_through_a_tunnel_commands_nothing() {
    let agent = Agent::start(Guards::Sleeping);
    let post = |headers: &str| {
        let body = r#"{"do":{"hold":{"target":"bot"}}}"#;
        let mut socket = UnixStream::connect(agent.socket()).unwrap();
        let head =
            format!("POST /v1/request HTTP/1.0\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
        socket.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).and_then(|code| code.parse::<u16>().ok())
    };
    let form = "Content-Type: text/plain\r\n";
    assert_eq!(post(&format!("Host: 127.0.0.1:9466\r\nOrigin: http://evil.example\r\n{form}")), Some(403));
    let bent = format!("Host: evil.example:9466\r\nOrigin: http://evil.example:9466\r\n{form}");
    assert_eq!(post(&bent), Some(421));
    assert_eq!(agent.get("/v1/status")["targets"][0]["human_hold"], json!(false));
    assert_eq!(post("Host: localhost\r\n"), Some(200));
}

#[test]
fn strangers_fill_no_log_while_a_token_is_bad() {
    let agent = Agent::start(Guards::Sleeping);
    std::fs::remove_file(agent.file("read")).unwrap();
    for token in ["", &bearer("guessed"), &bearer("again")].repeat(20) {
        assert_ne!(agent.send("GET", "/v1/status", token, "").0, 200);
    }
    assert_eq!(agent.log().matches("a token can't be read").count(), 1, "{}", agent.log());
}
