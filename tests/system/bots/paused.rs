//! Bots whose policy pauses their trading: what adds risk never reaches the venue meanwhile, everything else does, and once
//! the leak is healed they trade on.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fdguard::model::action::{Gate, Hold};
use fdguard::model::event::{Event, Fact};
use fdguard::model::reading::Reading;

use super::bot;
use crate::support::agent::{Agent, toml_text};
use crate::support::port::free_port;
use crate::support::wait::wait_for;

const PATIENCE: Duration = Duration::from_mins(1);
/// Ticks that are seen after trading is active again.
const AFTER: usize = 5;

const POLICY: &str = r#"
schema = 1
name   = "pausing"

[ladder.descriptors]
start_grace = "10ms"

[[ladder.descriptors.tier]]
name  = "critical"
raise = "fd.open > 30"
clear = "fd.open < 20"
dwell = "300ms"
hold  = [{ pause_trading = { state = "reducing" } }]

[[ladder.descriptors.tier]]
name  = "fatal"
raise = "fd.open > 50"
clear = "fd.open < 45 and trading.state == halted"
dwell = "300ms"
hold  = [{ pause_trading = { state = "halted" } }]
"#;

/// A venue that answers everything, and remembers the first lines and bodies.
fn venue() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let book = Arc::clone(&seen);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, book) = (client.unwrap(), Arc::clone(&book));
            std::thread::spawn(move || serve(client, &book));
        }
    });
    (port, seen)
}

fn serve(client: TcpStream, book: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut client = client;
    loop {
        let (mut asked, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(said) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = said.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
            if asked.is_empty() {
                line.trim_end().clone_into(&mut asked);
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        book.lock().unwrap().push(format!("{asked} {}", String::from_utf8(body).unwrap()));
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        if client.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn write_settings(folder: &Path, library: &str, venue: u16) {
    let text = |path: &Path| toml_text(&path.to_string_lossy());
    let (log, policy, told) = (folder.join("bot.log"), folder.join("pausing.toml"), folder.join("told"));
    std::fs::write(&policy, POLICY).unwrap();
    let argv = [&bot::python(), &bot::folder().join("gated_orders.py")].map(|path| text(path)).join(", ");
    let hook = format!("echo $FDGUARD_TRADING >> {}", told.display());
    let sections = format!(
        "[target.bot]\n\
         match = {{ child = {{ argv = [{argv}, \"--library\", \"{library}\", \"--log\", {}], env = {{ VENUE_URL = \"http://127.0.0.1:{venue}\" }} }} }}\n\
         policy = [{}]\n\
         trading = {{ gates = [\"venue\"], hook = \"tell-bot\" }}\n\
         [hook.tell-bot]\nrun = [\"/bin/sh\", \"-c\", {}]\n\
         [proxy.venue]\nprotocol = \"http\"\nlisten = \"127.0.0.1:{}\"\nupstream = \"http://127.0.0.1:{venue}\"\nenv = \"VENUE_URL\"\n\
         [proxy.venue.gate]\n\
         orders = [{{ method = \"POST\", path = \"/api/v3/order\", reduces = {{ pointer = \"/reduceOnly\", is = true }} }}]\n\
         cancels = [{{ method = \"DELETE\", path = \"/api/v3/order\" }}]\n\
         refusal = {{ body = '{{\"code\":-2010,\"msg\":\"trading is {{state}}\"}}' }}\n",
        text(&log),
        text(&policy),
        toml_text(&hook),
        free_port(),
    );
    Agent::write_settings(folder, &sections);
}

/// What a bot said of one tick.
struct Tick {
    fds: u64,
    /// Of data, order, reducing order and cancel: the status, and what was said.
    heard: [(u64, String); 4],
}

fn ticks(log: &Path) -> Vec<Tick> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines
        .map(|line| Tick {
            fds: line["fds"].as_u64().unwrap(),
            heard: ["data", "order", "reduce", "cancel"].map(|name| {
                (
                    line[name][0].as_u64().unwrap(),
                    line[name][1]["msg"].as_str().unwrap_or_default().to_owned(),
                )
            }),
        })
        .collect()
}

impl Tick {
    /// Which of the four passed.
    fn passed(&self) -> [bool; 4] {
        self.heard.clone().map(|(status, said)| {
            assert!(status == 200 || (status == 503 && said.starts_with("trading is ")), "{status} {said}");
            status == 200
        })
    }
}

const ACTIVE: [bool; 4] = [true, true, true, true];
const REDUCING: [bool; 4] = [true, false, true, true];
const HALTED: [bool; 4] = [true, false, false, true];

fn paused_and_healed(library: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (port, book) = venue();
    write_settings(folder.path(), library, port);
    let mut agent = Agent::start(folder.path());
    let log = folder.path().join("bot.log");
    let (mut events, mut states): (Vec<Event>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut held = Vec::new();
    let said = agent.log_reader();
    wait_for(
        "the bot trades on",
        PATIENCE,
        || {
            events.extend(agent.new_events());
            for process in &agent.status().targets[0].processes {
                if let Reading::Known(state) = process.signals["trading.state"] {
                    states.push(state);
                }
                held.extend(process.holds.clone());
            }
            let ticks = ticks(&log);
            let halted = ticks.iter().rposition(|tick| tick.passed() == HALTED)?;
            let after = ticks[halted..].iter().filter(|tick| tick.passed() == ACTIVE).count();
            (after >= AFTER && states.last() == Some(&0.0)).then_some(())
        },
        said,
    );
    assert!(agent.end().success());
    let ticks = ticks(&log);
    // A tick in which the state changed has seen both; all others have seen exactly one of the three.
    let pure = |tick: &&Tick| [ACTIVE, REDUCING, HALTED].contains(&tick.passed());
    assert!(ticks.iter().filter(|tick| !pure(tick)).count() <= 4);
    let mut courses: Vec<[bool; 4]> = ticks.iter().filter(pure).map(Tick::passed).collect();
    courses.dedup();
    assert_eq!(courses[..3], [ACTIVE, REDUCING, HALTED], "{courses:?}");
    assert_eq!(courses.last(), Some(&ACTIVE), "{courses:?}");
    assert!(ticks.iter().map(|tick| tick.fds).max().unwrap() < 80, "it never dies of its leak");
    // The venue has seen every order that passed, and no other one.
    let count = |what: &str, place: usize| {
        let seen = book.lock().unwrap().iter().filter(|line| line.contains(what)).count();
        let passed = ticks.iter().filter(|tick| tick.passed()[place]).count();
        // What it asked last may not be written down.
        assert!((passed..=passed + 1).contains(&seen), "{what}: {seen} of {passed}");
    };
    count("BUY", 1);
    count("SELL", 2);
    count("DELETE /api/v3/order?orderId=7", 3);
    // Status, history, signal and the bot's own hook tell the same.
    for state in [Gate::Reducing, Gate::Halted] {
        assert!(held.contains(&Hold::PauseTrading { state }), "{held:?}");
    }
    assert!(states.contains(&1.0) && states.contains(&2.0), "{states:?}");
    let takes = |event: &&Event| matches!(event.fact, Fact::HoldTaken { hold: Hold::PauseTrading { .. } });
    let ends =
        |event: &&Event| matches!(event.fact, Fact::HoldReleased { hold: Hold::PauseTrading { .. }, .. });
    assert!(
        events.iter().filter(takes).count() >= 2 && events.iter().any(|event| ends(&event)),
        "{events:?}"
    );
    let told = std::fs::read_to_string(folder.path().join("told")).unwrap();
    let mut told: Vec<&str> = told.lines().collect();
    told.dedup();
    assert_eq!(told[..2], ["reducing", "halted"], "{told:?}");
    assert_eq!(told.last(), Some(&"active"), "{told:?}");
}

#[test]
fn a_bot_on_requests_is_paused_and_trades_on() {
    paused_and_healed("requests");
}

#[test]
fn a_bot_on_aiohttp_is_paused_and_trades_on() {
    paused_and_healed("aiohttp");
}
