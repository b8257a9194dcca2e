//! A bot that has nearly no descriptors left gets no new clients, and keeps those that it has.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::support::guard::Guard;
use crate::support::server::Server;
use crate::support::{Ending, ending, is_served};

const BOT: &str = "
import os, resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
clients, files = [], []
for line in sys.stdin:
    word, *rest = line.split()
    if word == 'connect':
        client = socket.create_connection((rest[0], int(rest[1])), timeout=30)
        client.sendall(b'ping')
        try:
            heard = client.recv(4)
        except ConnectionResetError:
            heard = b''
        clients += [client] if heard else []
        print('served' if heard == b'ping' else 'refused', flush=True)
    elif word == 'use':
        for client in clients:
            client.sendall(b'ping')
            assert client.recv(4) == b'ping'
        print(len(clients), flush=True)
    elif word == 'fill':
        # With that many left.
        while 256 - len(os.listdir('/proc/self/fd')) + 1 > int(rest[0]):
            files.append(os.open('/dev/null', os.O_RDONLY))
        print('full', flush=True)
    elif word == 'free':
        while files:
            os.close(files.pop())
        print('free', flush=True)
";

struct Bot {
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl Bot {
    fn start() -> Self {
        let mut process = Command::new("python3")
            .args(["-c", BOT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, answers }
    }

    fn ask(&mut self, order: &str) -> String {
        writeln!(self.process.stdin.as_mut().unwrap(), "{order}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn connect(&mut self, address: SocketAddr) -> String {
        self.ask(&format!("connect {} {}", address.ip(), address.port()))
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

fn guarded(bot: &Bot, server: &Server, clients: &str) -> Guard {
    let target = format!("[target.bot]\nmatch = {{ pid = {} }}\npolicy = []", bot.process.id());
    Guard::start(
        &[server.address],
        &format!("pool = {{ max = 40 }}\nclients = {{ reserve = 2{clients} }}\n{target}"),
    )
}

#[test]
fn new_clients_are_refused_while_descriptors_are_nearly_gone() {
    let (server, mut bot) = (Server::echo(), Bot::start());
    let guard = guarded(&bot, &server, "");
    for _ in 0..5 {
        assert_eq!(bot.connect(guard.address), "served");
    }
    assert_eq!(bot.ask("fill 17"), "full");
    assert_eq!(bot.connect(guard.address), "served", "16 are left with it, which is few");
    guard.wait_for_pool("descriptors are scarce", |pool| pool.scarce);
    assert_eq!(bot.connect(guard.address), "refused");
    assert_eq!(ending(&mut guard.client()), Ending::InOrder, "a pool can't tell whose a new client will be");
    guard.wait_for_count("refused.scarce", 2);
    assert!(guard.run(&["status"]).contains("LETS IN ITS RESERVE ALONE"));
    assert_eq!(bot.ask("use"), "6", "those that it has are served");

    assert_eq!(bot.ask("free"), "free");
    guard.wait_for_pool("there is plenty", |pool| !pool.scarce);
    assert_eq!(bot.connect(guard.address), "served");
    let log = guard.log();
    let told = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    assert_eq!((told("fact=\"descriptors_scarce\""), told("fact=\"descriptors_back\"")), (1, 1), "{log}");
    assert!(log.contains("16 descriptors left") || log.contains("17 descriptors left"), "{log}");
}

#[test]
fn the_pool_is_open_again_when_the_bot_has_ended() {
    let (server, mut bot) = (Server::echo(), Bot::start());
    let guard = guarded(&bot, &server, "");
    for _ in 0..3 {
        assert_eq!(bot.connect(guard.address), "served");
    }
    assert_eq!(bot.ask("fill 4"), "full");
    guard.wait_for_pool("descriptors are scarce", |pool| pool.scarce);
    drop(bot);
    guard.wait_for_pool("there is plenty", |pool| !pool.scarce && pool.clients.is_empty());
    let mut clients: Vec<_> = (0..4).map(|_| guard.client()).collect();
    assert!(clients.iter_mut().all(is_served));
}

#[test]
fn nobody_looks_where_the_settings_say_so_and_a_reload_changes_it() {
    let (server, mut bot) = (Server::echo(), Bot::start());
    let guard = guarded(&bot, &server, ", scarce = \"none\"");
    for _ in 0..3 {
        assert_eq!(bot.connect(guard.address), "served");
    }
    assert_eq!(bot.ask("fill 6"), "full");
    assert_eq!(bot.connect(guard.address), "served");
    assert!(!guard.pool().scarce);
    let target = format!("[target.bot]\nmatch = {{ pid = {} }}\npolicy = []", bot.process.id());
    guard.reload(&format!("pool = {{ max = 40 }}\nclients = {{ reserve = 2, scarce = 8 }}\n{target}"));
    guard.wait_for_pool("descriptors are scarce", |pool| pool.scarce);
    assert_eq!(bot.connect(guard.address), "refused");
}
