//! ethers and web3.py on a real chain, through connections that are killed, nodes that take turns, and polls: each block and each
//! log comes once, as the chain itself tells it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::support::guard::{Guard, free_address};
use crate::support::server::Server;
use crate::support::wait_for;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/websocket/clients").join(name)
}

fn python() -> PathBuf {
    file("../../bots/.venv/bin/python")
}

/// A program that is told lines and says lines of JSON; it ends with the test.
struct Program {
    process: Child,
    stdin: ChildStdin,
    said: Arc<Mutex<Vec<Value>>>,
}

impl Program {
    fn start(program: &Path, script: &str, arguments: &[&str]) -> Self {
        assert!(file("node_modules").exists() && python().exists(), "run tests/setup");
        let mut command = Command::new(program);
        command.arg(file(script)).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let said = Arc::<Mutex<Vec<Value>>>::default();
        let (book, out) = (Arc::clone(&said), BufReader::new(process.stdout.take().unwrap()));
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                book.lock().unwrap().push(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
        });
        Self { stdin: process.stdin.take().unwrap(), process, said }
    }

    fn node(script: &str, arguments: &[&str]) -> Self {
        Self::start(Path::new("node"), script, arguments)
    }

    fn said(&self) -> Vec<Value> {
        self.said.lock().unwrap().clone()
    }

    /// Tells it a line, and gives the next that it says.
    fn ask(&mut self, line: &str) -> Value {
        let before = self.said().len();
        self.tell(line);
        wait_for(&format!("an answer to {line}"), || self.said().get(before).cloned())
    }

    fn tell(&mut self, line: &str) {
        self.stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// What it says of one kind.
    fn all(&self, kind: &str) -> Vec<Value> {
        self.said().iter().filter_map(|said| said.get(kind).cloned()).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

/// A way to the chain that can be cut.
fn relay(address: SocketAddr, chain: u16) -> Server {
    Server::at(address, move |mut client| {
        let Ok(mut node) = TcpStream::connect(("127.0.0.1", chain)) else { return };
        let (mut back, mut node_back) = (client.try_clone().unwrap(), node.try_clone().unwrap());
        let down = std::thread::spawn(move || {
            let _cut = std::io::copy(&mut node_back, &mut back);
            let _cut = back.shutdown(std::net::Shutdown::Both);
        });
        let _cut = std::io::copy(&mut client, &mut node);
        let _cut = node.shutdown(std::net::Shutdown::Both);
        down.join().unwrap();
    })
}

/// A chain, two ways to it, the proxy, and a client of each kind.
struct Scene {
    chain: Program,
    port: u16,
    addresses: [SocketAddr; 2],
    ways: [Option<Server>; 2],
    guard: Guard,
    clients: [Program; 2],
}

impl Scene {
    fn set() -> Self {
        let chain = Program::node("chain.js", &[]);
        let told = wait_for("the chain is up", || chain.said().first().cloned());
        let port = u16::try_from(told["port"].as_u64().unwrap()).unwrap();
        let addresses = [free_address(), free_address()];
        let ways = addresses.map(|address| Some(relay(address, port)));
        let keys = format!(
            "balance = \"failover\"\nbreaker.failures = 1000\n\
             [proxy.bus.stream]\nspeaks = \"ethereum\"\npauses = [\"200ms\"]\ntries = 1000\npace = \"10ms\"\n\
             [proxy.bus.stream.poll]\nurl = \"http://127.0.0.1:{port}\"\nevery = \"200ms\"\ndwell = \"200ms\"\n"
        );
        let guard = Guard::start(&addresses, &keys);
        let url = format!("ws://{}", guard.address);
        let clients = [
            Program::node("ethers.js", &[&url, told["contract"].as_str().unwrap()]),
            Program::start(&python(), "web3_client.py", &[&url]),
        ];
        for client in &clients {
            wait_for("it has subscribed", || client.all("ready").pop());
        }
        Self { chain, port, addresses, ways, guard, clients }
    }

    /// Mines, and waits until all clients were told of it.
    fn mine(&mut self, count: u64) {
        let height = self.chain.ask(&format!("mine {count}"));
        for client in &self.clients {
            wait_for(&format!("block {height}: {:?}\n{}", client.said(), self.guard.log()), || {
                client.all("head").iter().any(|head| head["number"] == height).then_some(())
            });
        }
    }

    fn wait_for_state(&self, wanted: &str) {
        self.guard
            .wait_for_pool(wanted, |pool| pool.stream.as_ref().is_some_and(|stream| stream.state == wanted));
    }

    fn cut(&mut self, way: usize) {
        self.ways[way] = None;
    }

    fn mend(&mut self, way: usize) {
        self.ways[way] = Some(relay(self.addresses[way], self.port));
    }

    /// Each client's view is the chain above a height, and everything came once.
    fn assert_whole(&mut self, since: usize) {
        let told = self.chain.ask("tell");
        let blocks = &told.as_array().unwrap()[since + 1..];
        let logs: Vec<(Value, Value)> = blocks
            .iter()
            .flat_map(|block| {
                block["logs"].as_array().unwrap().iter().map(|log| (block["hash"].clone(), log.clone()))
            })
            .collect();
        let [ethers, web3] = &self.clients;
        wait_for("the last log", || (view(&web3.all("log")).len() >= logs.len()).then_some(()));
        assert_eq!(view(&web3.all("log")), logs);
        // ethers tells its listeners of no log that is taken back.
        let of_chain = |log: &(Value, Value)| logs.contains(log);
        let seen = || view(&ethers.all("log")).into_iter().filter(of_chain).collect::<Vec<_>>();
        wait_for("the last log", || (seen().len() >= logs.len()).then_some(()));
        assert_eq!(seen(), logs);
        let heads = |client: &Program, field: &str| -> Vec<Value> {
            let mut heads: Vec<Value> = Vec::new();
            for head in client.all("head") {
                while heads.last().is_some_and(|last| last["number"].as_u64() >= head["number"].as_u64()) {
                    heads.pop();
                }
                heads.push(head);
            }
            heads.iter().map(|head| head[field].clone()).collect()
        };
        let of_blocks =
            |field: &str| -> Vec<Value> { blocks.iter().map(|block| block[field].clone()).collect() };
        assert_eq!(heads(&self.clients[0], "number"), of_blocks("number"));
        assert_eq!(heads(&self.clients[1], "hash"), of_blocks("hash"));
        assert_eq!(self.guard.pool().stream.unwrap().gaps, 0);
    }
}

/// What is left of logs when those that were taken back are gone; none comes twice.
fn view(logs: &[Value]) -> Vec<(Value, Value)> {
    let mut view = Vec::new();
    for log in logs {
        let name = (log["block"].clone(), log["index"].clone());
        let known = view.iter().position(|known| *known == name);
        assert_eq!(known.is_some(), log["removed"] == true, "{log} of {logs:?}");
        match known {
            Some(place) => drop(view.remove(place)),
            None => view.push(name),
        }
    }
    view
}

#[test]
fn every_block_and_log_comes_once_through_losses_failover_and_polls() {
    let mut scene = Scene::set();
    scene.mine(3);
    for round in 0..3 {
        // Killed, and mined at once.
        scene.ways[0].as_ref().unwrap().hang_up();
        scene.mine(1 + round);
    }
    scene.cut(0);
    scene.mine(2);
    wait_for("the other node serves", || (scene.ways[1].as_ref().unwrap().accepted() >= 2).then_some(()));
    scene.wait_for_state("connected");
    scene.mine(2);
    scene.cut(1);
    scene.wait_for_state("polling");
    scene.mine(3);
    let height = scene.chain.ask("mine 1");
    for client in &mut scene.clients {
        client.tell("height");
        wait_for("a call is answered without a connection", || {
            client.all("height").pop().filter(|told| *told == height)
        });
    }
    scene.mend(0);
    scene.wait_for_state("connected");
    scene.mine(2);
    scene.assert_whole(1);
    let heads: Vec<u64> =
        scene.clients[0].all("head").iter().map(|head| head["number"].as_u64().unwrap()).collect();
    assert!(heads.windows(2).all(|pair| pair[1] == pair[0] + 1), "{heads:?}");
}

#[test]
fn what_a_reorganisation_took_back_while_nobody_listened_is_told() {
    let mut scene = Scene::set();
    scene.mine(2);
    assert!(scene.chain.ask("keep").is_string());
    scene.mine(2);
    // Heads and logs come each by themselves; a log that was not told is not taken back.
    scene.assert_whole(1);
    scene.cut(0);
    scene.cut(1);
    scene.wait_for_state("polling");
    assert_eq!(scene.chain.ask("revert"), true);
    scene.mine(3);
    scene.mend(1);
    scene.wait_for_state("connected");
    scene.mine(1);
    scene.assert_whole(1);
    let removed = scene.clients[1].all("log").iter().filter(|log| log["removed"] == true).count();
    assert_eq!(removed, 4);
}
