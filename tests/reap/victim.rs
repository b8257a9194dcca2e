//! The victim process, its peer, and what procfs says about it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use fdguard::sys::pidfd::PidFd;
use fdguard::sys::ptrace::reap::Doomed;

const PATIENCE: Duration = Duration::from_secs(10);

/// Who answers on the order connection.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Echo {
    /// The waiting process: the echo proves that its wait goes on.
    Main,
    /// The helper; the waiting process is woken by it.
    Helper,
}

pub(crate) struct Victim {
    pub(crate) pidfd: PidFd,
    /// The number of the order connection in the victim.
    pub(crate) order: u32,
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    connection: TcpStream,
    echo: Echo,
}

impl Victim {
    pub(crate) fn start(state: &str, echo: Echo) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let port = listener.local_addr().expect("bound").port().to_string();
        let mut child = Command::new(program())
            .args([state, &port])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the victim starts");
        let (connection, _) = listener.accept().expect("the order connection");
        connection.set_read_timeout(Some(PATIENCE)).expect("set");
        connection.set_nodelay(true).expect("set");
        // The peer of every leak: closes at once. Ends with the test process.
        std::thread::spawn(move || listener.incoming().for_each(drop));
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let pidfd = PidFd::open(i32::try_from(child.id()).expect("a pid fits")).expect("hold");
        let mut victim = Self { pidfd, order: 0, child, stdin, stdout, connection, echo };
        let ready = victim.line();
        victim.order =
            ready.strip_prefix("ready ").and_then(|n| n.parse().ok()).expect("ready with a number");
        victim
    }

    pub(crate) fn leak(&mut self, count: usize) -> Vec<Doomed> {
        self.tell(&format!("leak {count}"));
        let mut found = Vec::new();
        loop {
            let line = self.line();
            let mut words = line.split(' ');
            match words.next() {
                Some("leak") => {
                    let mut number =
                        || words.next().and_then(|word| word.parse::<u64>().ok()).expect("a number");
                    let (fd, inode) = (number(), number());
                    found.push(Doomed { number: u32::try_from(fd).expect("fits"), inode });
                }
                Some("done") => return found,
                _ => panic!("{line}"),
            }
        }
    }

    /// One byte there and back on the order connection.
    pub(crate) fn check_order(&mut self) {
        if self.echo == Echo::Helper {
            self.tell("order");
        }
        self.connection.write_all(b"o").expect("the order connection takes an order");
        let mut byte = [0];
        if let Err(error) = self.connection.read_exact(&mut byte) {
            self.tell("poke");
            panic!("no echo on the order connection ({error}); the victim says: {}", self.line());
        }
        if self.echo == Echo::Helper {
            assert_eq!(self.line(), "ok");
        }
    }

    /// Wakes the waiting process where it needs that, and sees it go round. Answers the longest wait so far.
    pub(crate) fn check_progress(&mut self) -> Duration {
        if self.echo == Echo::Main {
            return Duration::ZERO;
        }
        self.tell("poke");
        let line = self.line();
        let longest = line.strip_prefix("ok ").and_then(|us| us.parse().ok());
        Duration::from_micros(longest.unwrap_or_else(|| panic!("{line}")))
    }

    pub(crate) fn check_signals(&mut self) {
        self.tell("quiet");
        let line = self.line();
        let counts: Vec<u64> = line.split(' ').skip(1).map(|word| word.parse().expect("a count")).collect();
        assert!(counts[0] > 50, "signals were sent: {line}");
        assert_eq!(counts[0], counts[1], "sent and handled");
    }

    pub(crate) fn order_inode(&self) -> u64 {
        let link = descriptors(self.pidfd.pid()).remove(&self.order).expect("open");
        link.strip_prefix("socket:[").and_then(|n| n.strip_suffix(']')?.parse().ok()).expect("a socket")
    }

    pub(crate) fn end(mut self) {
        if self.pidfd.is_alive() {
            self.tell("end");
            assert_eq!(self.line(), "ok");
        }
    }

    fn tell(&mut self, command: &str) {
        writeln!(self.stdin, "{command}").expect("the helper listens");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the helper answers");
        line.trim_end().to_owned()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.child.kill().expect("our own child");
        self.child.wait().expect("our own child");
    }
}

/// Compiles the victim once for all tests of this run.
fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/system/victims/wait_states.c");
        let built =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("wait_states-{}", std::process::id()));
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let done = Command::new(compiler).args(["-O2", "-pthread", source, "-o"]).arg(&built).status();
        assert!(done.expect("a C compiler").success(), "the victim does not compile");
        let stable = built.with_file_name("wait_states");
        fs::rename(&built, &stable).expect("renamed");
        stable
    })
}

/// A child that holds one socket as descriptor 3 and has a seccomp filter that lets everything pass.
pub(crate) fn filtered_sleeper() -> Child {
    let script = "import ctypes, os, socket, struct, time\n\
        s = socket.socket()\n\
        os.dup2(s.fileno(), 3)\n\
        f = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0x7fff0000))\n\
        p = ctypes.create_string_buffer(struct.pack('HxxxxxxP', 1, ctypes.addressof(f)))\n\
        c = ctypes.CDLL(None)\n\
        assert c.prctl(38, 1, 0, 0, 0) == 0 and c.prctl(22, 2, p) == 0\n\
        time.sleep(60)\n";
    Command::new("python3").args(["-c", script]).stdin(Stdio::null()).spawn().expect("python3 starts")
}

/// The descriptor table: what each number links to.
pub(crate) fn descriptors(pid: i32) -> BTreeMap<u32, String> {
    let Ok(listed) = fs::read_dir(format!("/proc/{pid}/fd")) else { return BTreeMap::new() };
    let named = |entry: fs::DirEntry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        Some((number, fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned()))
    };
    listed.filter_map(|entry| named(entry.ok()?)).collect()
}

pub(crate) fn state_of(pid: i32) -> char {
    status_line(pid, "State").chars().next().unwrap_or('?')
}

pub(crate) fn states_of_threads(pid: i32) -> Vec<char> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("a live process");
    let stats = threads.filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("stat")).ok());
    stats.filter_map(|stat| stat.rsplit_once(") ")?.1.chars().next()).collect()
}

pub(crate) fn status_line(pid: i32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
    line.unwrap_or_default().trim().to_owned()
}

/// Whether the (only) thread sleeps in a system call.
pub(crate) fn is_asleep(pid: i32) -> bool {
    let call = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    call.starts_with(|first: char| first.is_ascii_digit()) && state_of(pid) == 'S'
}

pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    #[expect(clippy::disallowed_methods, reason = "a test waits in real time")]
    let until = Instant::now() + PATIENCE;
    while !holds() {
        #[expect(clippy::disallowed_methods, reason = "a test waits in real time")]
        let now = Instant::now();
        assert!(now < until, "never: {what}");
        std::thread::yield_now();
    }
}

/// The children of the main thread.
pub(crate) fn children(pid: i32) -> Vec<i32> {
    let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}
