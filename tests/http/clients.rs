//! Real clients, unchanged: what bots trade with meets a stub of a venue, through the proxy.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::support::guard::Guard;

/// The venue's stub; ends when dropped.
struct Stub {
    process: Child,
    port: u16,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http/venue_clients.py")
}

fn python() -> Command {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bots/.venv/bin/python");
    assert!(python.exists(), "{} is missing: run tests/setup", python.display());
    let mut command = Command::new(python);
    command.arg(script());
    command
}

impl Stub {
    fn start() -> Self {
        let mut command = python();
        let mut process = command.arg("stub").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { process, port: port.trim().parse().unwrap() }
    }

    fn guard(&self, keys: &str) -> Guard {
        Guard::start(&[([127, 0, 0, 1], self.port).into()], keys)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

fn trade(guard: &Guard, client: &str) {
    let url = format!("http://{}", guard.address);
    let Output { stdout, stderr, .. } = python().args([client, &url]).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert_eq!(stdout, "done\n", "{client}: {stderr}");
}

#[test]
fn clients_do_not_notice_the_proxy_and_cost_the_venue_few_connections() {
    let stub = Stub::start();
    let guard = stub.guard("pool.per_host = 8");
    for client in ["ccxt", "ccxt-async", "httpx", "requests", "aiohttp"] {
        trade(&guard, client);
        let pool = guard.pool();
        assert!(pool.servers.len() <= 8, "{client}: {} connections", pool.servers.len());
        guard.wait_for_pool("its own are gone", |pool| pool.clients.is_empty());
    }
}

#[test]
fn ccxt_hears_that_trading_is_paused_and_may_cancel() {
    let stub = Stub::start();
    let gate = "[proxy.bus.gate]\n\
        orders = [{ method = \"POST\", path = \"/api/v3/order\" }]\ncancels = [{ method = \"DELETE\", path = \"/api/v3/order\" }]\n\
        refusal = { status = 400, body = '{\"code\":-2010,\"msg\":\"trading is {state}\"}' }\n";
    let guard = stub.guard(gate);
    trade(&guard, "ccxt");
    guard.run(&["ctl", "trading", "reducing"]);
    trade(&guard, "ccxt-paused");
    guard.run(&["ctl", "trading", "active"]);
    trade(&guard, "ccxt");
}

#[test]
fn wrk_gets_an_answer_to_each_request() {
    let stub = Stub::start();
    let guard = stub.guard("");
    let url = format!("http://{}/api/v3/ticker/24hr?symbol=BTCUSDT", guard.address);
    let output = Command::new("wrk").args(["-t1", "-c50", "-d2s", &url]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("requests in"), "{said}");
    assert!(!said.contains("Socket errors") && !said.contains("Non-2xx"), "{said}");
}
