//! A process to look at: this very program, started again with a task.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use nix::libc;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{setsockopt, sockopt};

const TASK: &str = "FDGUARD_BENCH_TASK";

/// What the sockets of a victim are like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Health {
    /// All established.
    Well,
    /// A quarter in CLOSE_WAIT.
    Leaking,
}

/// A child with a task. It ends with this process: its input closes.
#[derive(Debug)]
pub(crate) struct Victim {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// Does the task of a victim, where this process is one; `other` knows the tasks of the bench.
pub(crate) fn serve(other: impl FnOnce(&str)) -> bool {
    let Ok(task) = std::env::var(TASK) else { return false };
    lift_limit();
    let words: Vec<&str> = task.split(' ').collect();
    match words.as_slice() {
        ["sockets", count, "Well"] => hold_sockets(number(count), Health::Well),
        ["sockets", count, "Leaking"] => hold_sockets(number(count), Health::Leaking),
        _ => other(&task),
    }
    true
}

impl Victim {
    /// One that holds so many TCP sockets, both ends of each connection, and an epoll set on half of them.
    pub(crate) fn with_sockets(count: usize, health: Health) -> Self {
        let mut victim = Self::start(&format!("sockets {count} {health:?}"));
        assert_eq!(victim.line(), "ready", "the victim has its sockets");
        victim
    }

    /// One with a task of the bench.
    pub(crate) fn start(task: &str) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        command.env(TASK, task).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program can start itself");
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        Self { orders: child.stdin.take(), answers, child }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes it a line.
    pub(crate) fn tell(&mut self, line: &str) {
        let orders = self.orders.as_mut().expect("its input is open until it is dropped");
        writeln!(orders, "{line}").expect("a victim listens");
    }

    /// The next line it writes; empty where it has ended.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("a victim speaks UTF-8");
        line.trim().to_owned()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        drop(self.orders.take());
        // It ends by itself once its input is closed; a stuck one must not hold the bench up.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A bench and its victims need more descriptors than the usual limit gives.
pub(crate) fn lift_limit() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a process may ask for its limits");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("the soft limit may rise to the hard one");
}

/// The hard limit on descriptors.
pub(crate) fn most_descriptors() -> usize {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a process may ask for its limits");
    usize::try_from(hard).unwrap_or(usize::MAX)
}

fn hold_sockets(count: usize, health: Health) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a port");
    let set = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("an epoll set can be made");
    let mut held = Vec::with_capacity(count);
    for place in 0..count / 2 {
        held.push(Some(pair(&listener, &set, health, place)));
    }
    say("ready");
    for (from, line) in std::io::stdin().lines().map_while(Result::ok).enumerate() {
        let replaced = number(line.strip_prefix("replace ").expect("no other order is given")) / 2;
        // Spread over the table, and others each time.
        let places = (0..replaced).map(|place| (from + place * (held.len() / replaced)) % held.len());
        let places: Vec<usize> = places.collect();
        places.iter().for_each(|place| held[*place] = None);
        places.iter().for_each(|place| held[*place] = Some(pair(&listener, &set, health, *place)));
        say("replaced");
    }
}

/// Both ends of a connection, the near one watched.
fn pair(listener: &TcpListener, set: &Epoll, health: Health, place: usize) -> (TcpStream, TcpStream) {
    let address = listener.local_addr().expect("a bound socket has an address");
    let near = TcpStream::connect(address).expect("loopback connects");
    let (far, _) = listener.accept().expect("loopback connects");
    for end in [&near, &far] {
        // Closed by RST: nothing stays in TIME_WAIT to burden the next measurement.
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        setsockopt(end, sockopt::Linger, &linger).expect("a socket takes options");
    }
    let event = EpollEvent::new(EpollFlags::EPOLLIN, place as u64);
    set.add(near.as_fd(), event).expect("a socket can be watched");
    if health == Health::Leaking && place.is_multiple_of(2) {
        // The near end goes to CLOSE_WAIT, the far one to FIN_WAIT2, and both stay.
        far.shutdown(Shutdown::Write).expect("a connected socket can be shut down");
    }
    (near, far)
}

/// Writes a line to the bench.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A bench that has ended reads nothing; the victim ends next.
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

fn number(word: &str) -> usize {
    word.parse().expect("the bench writes numbers")
}
