//! An agent with an address of its own, a leaking bot for it, and a client that sees every byte.

#[path = "../system/support/port.rs"]
pub(crate) mod port;
#[path = "../system/support/wait.rs"]
pub(crate) mod wait;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use port::free_port;
use wait::wait_for;

/// The machine is shared: no test is judged by its speed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The binary under test.
pub(crate) const FDGUARD: &str = env!("CARGO_BIN_EXE_fdguard");
/// The Python environment of the bots.
pub(crate) const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bots/.venv/bin/python");
/// The token that lets look.
pub(crate) const LOOK: &str = "look-only";
/// The token that lets command.
pub(crate) const COMMAND: &str = "look-and-command";

/// A tier that acts soon on the bot below, whatever it leaks.
const POLICY: &str = "schema = 1\nname = \"plain\"\n[ladder.descriptors]\nstart_grace = \"0s\"\n\
    [[ladder.descriptors.tier]]\nname = \"warning\"\nraise = \"fd.open > 30\"\n\
    do = [{ notify = { to = \"journal\" } }, \"snapshot\"]\n\
    [[ladder.descriptors.tier]]\nname = \"fatal\"\nraise = \"fd.open > 30 and fd.open > 10000\"\n\
    do = [\"snapshot\"]\n";

/// The servers that the bot talks to; they end with our end of their input.
struct Servers {
    child: Child,
    _owned: ChildStdin,
    ports: String,
}

impl Servers {
    fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bots/servers.py");
        let mut command = Command::new(PYTHON);
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the Python environment: tests/setup makes it");
        let owned = child.stdin.take().unwrap();
        let mut ports = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ports).unwrap();
        Self { child, _owned: owned, ports: ports.trim().to_owned() }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A running agent; killed with its test.
pub(crate) struct Agent {
    child: Child,
    folder: TempDir,
    pub(crate) port: u16,
    _servers: Option<Servers>,
}

/// What an agent guards.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guards {
    /// A bot that leaks sockets in CLOSE_WAIT, and one whose command line is full of HTML.
    Leaking,
    /// A program that does nothing.
    Sleeping,
}

/// What would run if it were read as HTML.
pub(crate) const MARKUP: &str =
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";

impl Agent {
    /// Starts one and waits until it answers.
    pub(crate) fn start(guards: Guards) -> Self {
        let folder = tempfile::Builder::new().prefix("fdguard-web-").tempdir().unwrap();
        let (port, servers) = (free_port(), (guards == Guards::Leaking).then(Servers::start));
        for (name, token) in [("read", LOOK), ("write", COMMAND)] {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("{token}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        std::fs::write(folder.path().join("policy.toml"), POLICY).unwrap();
        let quoted = |text: &str| Value::from(text).to_string();
        let targets = match &servers {
            None => "[target.bot]\nmatch = { child = [\"sleep\", \"1000\"] }\npolicy = []\n".to_owned(),
            Some(servers) => {
                let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bots/raw_sockets.py");
                let log = folder.path().join("bot.log").display().to_string();
                let words =
                    [PYTHON, script, "--rate", "20", "--leaks", "60", "--limit", "400", "--log", &log];
                let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
                format!(
                    "[target.bot]\nmatch = {{ child = {{ argv = [{}], env = {{ BOT_SERVERS = {} }} }} }}\n\
                     policy = [\"policy.toml\"]\n[target.odd]\nmatch = {{ child = [\"/bin/sh\", \"-c\", \
                     \"sleep 1000; exit\", {}] }}\npolicy = []\n",
                    words.join(", "),
                    quoted(&servers.ports),
                    quoted(MARKUP)
                )
            }
        };
        let dir = folder.path().display();
        let file = format!(
            "schema = 1\n{targets}[history]\nstore = \"sqlite:{dir}/history.db\"\n[admin]\nsocket = \"{dir}/agent.sock\"\n\
             api = {{ listen = \"127.0.0.1:{port}\", read_token_file = \"read\", write_token_file = \"write\" }}\n\
             [agent]\nevidence = {{ dir = \"{dir}/evidence\" }}\n"
        );
        std::fs::write(folder.path().join("agent.toml"), file).unwrap();
        let child = launch(&folder);
        let agent = Self { child, folder, port, _servers: servers };
        agent.until_up();
        agent
    }

    fn until_up(&self) {
        let up = || {
            let stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
            (exchange(stream, &self.request("GET", "/v1/status", &bearer(LOOK), "")).0 == 200).then_some(())
        };
        wait_for("the API answers", PATIENCE, up, || self.log());
    }

    /// Ends it in order and starts it again on the same folder.
    pub(crate) fn restart(&mut self) {
        self.signal(fdguard::sys::pidfd::Signal::TERM);
        self.child.wait().unwrap();
        self.child = launch(&self.folder);
        self.until_up();
    }

    pub(crate) fn signal(&self, signal: fdguard::sys::pidfd::Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        fdguard::sys::pidfd::PidFd::open(pid).unwrap().signal(signal).unwrap();
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("agent.sock")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A connection, nothing sent yet.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// One request: its status, head and body. Without a Host among the headers it has the right one.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String, String) {
        exchange(self.connect(), &self.request(method, path, headers, body))
    }

    pub(crate) fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let has_host = headers.to_ascii_lowercase().contains("host:");
        let host = if has_host { String::new() } else { format!("Host: 127.0.0.1:{}\r\n", self.port) };
        let length = body.len();
        format!("{method} {path} HTTP/1.0\r\n{host}{headers}Content-Length: {length}\r\n\r\n{body}")
    }

    /// What a question gives, with the token that lets look.
    pub(crate) fn get(&self, path: &str) -> Value {
        let (code, head, body) = self.send("GET", path, &bearer(LOOK), "");
        assert_eq!(code, 200, "{path}: {head}\n{body}\n{}", self.log());
        serde_json::from_str(&body).unwrap()
    }

    /// What the history has; nothing while the agent has only begun and there is none yet.
    pub(crate) fn recall(&self, path: &str) -> Option<Value> {
        let (code, head, body) = self.send("GET", path, &bearer(LOOK), "");
        assert!(code == 200 || code == 503 && body.contains("no history yet"), "{path}: {head}\n{body}");
        (code == 200).then(|| serde_json::from_str(&body).unwrap())
    }

    /// A command, with the token that lets command.
    pub(crate) fn tell(&self, verb: &str, body: &Value) -> (u16, Value) {
        let headers = format!("{}Content-Type: application/json\r\n", bearer(COMMAND));
        let (code, _, text) = self.send("POST", &format!("/v1/ctl/{verb}"), &headers, &body.to_string());
        (code, serde_json::from_str(&text).unwrap())
    }

    /// Listens to the stream of events: the head is read, the frames are not.
    pub(crate) fn listen(&self, path: &str, headers: &str) -> (u16, BufReader<TcpStream>) {
        let mut stream = self.connect();
        let headers = format!("{}{headers}", bearer(LOOK));
        // As most clients do, it would keep the connection.
        let request = self.request("GET", path, &headers, "").replace("HTTP/1.0", "HTTP/1.1");
        stream.write_all(request.as_bytes()).unwrap();
        let mut lines = BufReader::new(stream);
        let mut code = None;
        loop {
            let mut line = String::new();
            lines.read_line(&mut line).unwrap();
            code = code.or_else(|| line.split(' ').nth(1).and_then(|code| code.parse().ok()));
            if line.trim().is_empty() {
                return (code.unwrap_or(0), lines);
            }
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Sends a request and reads the answer: its status, head and body.
fn exchange(mut stream: TcpStream, request: &str) -> (u16, String, String) {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (code, head.to_ascii_lowercase(), body.to_owned())
}

fn launch(folder: &TempDir) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(folder.path().join("log")).unwrap();
    let mut command = Command::new(FDGUARD);
    command.args(["run", "-c"]).arg(folder.path().join("agent.toml"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// The header with a token.
pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// A frame of the stream of events: its kind, its id, its data.
pub(crate) type Frame = (String, String, Value);

/// The next frame with data. Lengths of chunks stand between frames, and say nothing here.
pub(crate) fn frame(lines: &mut impl std::io::BufRead) -> Option<Frame> {
    let (mut kind, mut id, mut data) = (String::new(), String::new(), None);
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some(("event", text)) => text.clone_into(&mut kind),
            Some(("id", text)) => text.clone_into(&mut id),
            Some(("data", text)) => data = Some(serde_json::from_str(text).unwrap()),
            Some(_) => {}
            None => {
                if let Some(data) = data.take() {
                    return Some((kind, id, data));
                }
            }
        }
    }
}

/// Runs a script of this folder in the bots' Python environment; it must succeed.
pub(crate) fn python(script: &str, arguments: &[&str]) -> String {
    let path = format!("{}/tests/web/{script}", env!("CARGO_MANIFEST_DIR"));
    let ran = Command::new(PYTHON).arg(path).args(arguments).output();
    let ran = ran.expect("the Python environment: tests/setup makes it");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(ran.status.success(), "{script}: {}\n{}", text(&ran.stdout), text(&ran.stderr));
    text(&ran.stdout)
}
