//! A PostgreSQL with a user for each way to log in, and an agent with proxies before it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::proxy::free_address;

/// The password of every user that has one; no log may have it.
pub(crate) const PASSWORD: &str = "p-e-n-c-i-l-4711";
/// One that nobody has; no log may have it either.
pub(crate) const WRONG: &str = "c-r-a-y-o-n-4711";
/// How long something may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

const RULES: &str = "\
local all all trust
hostssl all tls_only 127.0.0.1/32 scram-sha-256
host all tls_only 127.0.0.1/32 reject
hostssl all by_cert 127.0.0.1/32 cert
hostssl all clear_tls 127.0.0.1/32 password
host all scram 127.0.0.1/32 scram-sha-256
host all md5 127.0.0.1/32 md5
host all clear 127.0.0.1/32 password
host all all 127.0.0.1/32 trust
";

pub(crate) struct Server {
    /// Ends with our end of its stdin.
    _process: Mutex<Child>,
    pub(crate) port: u16,
    /// The folder of its data, its certificates and its socket.
    pub(crate) folder: PathBuf,
    /// Where the certificates of this run are.
    pub(crate) certificates: PathBuf,
}

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);

/// The server, started by the first who asks.
pub(crate) fn server() -> &'static Server {
    &SERVER
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

impl Server {
    fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bots/postgres.py");
        let mut process = Command::new("/usr/bin/python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no server: {line:?}"));
        let port = u16::try_from(told["postgres"].as_u64().unwrap()).unwrap();
        let folder = PathBuf::from(told["dir"].as_str().unwrap());
        let certificates = folder.join("certificates");
        let server = Self { _process: Mutex::new(process), port, folder, certificates };
        server.make_certificates();
        server.prepare();
        server
    }

    /// An authority, a certificate of the server for `localhost`, and one of the client `by_cert`.
    fn make_certificates(&self) {
        let at = &self.certificates;
        fs::create_dir(at).unwrap();
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
        let openssl = |arguments: &[&str]| {
            run(Command::new("openssl").current_dir(at).args(["req", "-x509"]).args(key).args(arguments))
        };
        openssl(&["-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"]);
        let signed = |name: &str, common: &str| {
            let subject = format!("/CN={common}");
            let alternative = format!("subjectAltName=DNS:{common}");
            let (keyout, out) = (format!("{name}.key"), format!("{name}.pem"));
            let mut arguments =
                vec!["-subj", &subject, "-addext", &alternative, "-CA", "ca.pem", "-CAkey", "ca.key"];
            arguments.extend([
                "-addext",
                "basicConstraints=critical,CA:FALSE",
                "-keyout",
                &keyout,
                "-out",
                &out,
            ]);
            openssl(&arguments);
        };
        signed("server", "localhost");
        signed("client", "by_cert");
        signed("proxy", "localhost");
    }

    fn prepare(&self) {
        for user in ["scram", "clear", "tls_only", "clear_tls", "by_cert", "trusting"] {
            self.sql(&format!("create role {user} login password '{PASSWORD}'"));
        }
        self.sql(&format!("set password_encryption = 'md5'; create role md5 login password '{PASSWORD}'"));
        let data = self.folder.join("data");
        for name in ["server.key", "server.pem", "ca.pem"] {
            fs::copy(self.certificates.join(name), data.join(name)).unwrap();
            fs::set_permissions(data.join(name), fs::Permissions::from_mode(0o600)).unwrap();
            run(Command::new("chown").arg("--reference").arg(data.join("PG_VERSION")).arg(data.join(name)));
        }
        fs::write(data.join("pg_hba.conf"), RULES).unwrap();
        for setting in [
            "ssl_cert_file = 'server.pem'",
            "ssl_key_file = 'server.key'",
            "ssl_ca_file = 'ca.pem'",
            "ssl = on",
        ] {
            self.sql(&format!("alter system set {setting}"));
        }
        self.sql("select pg_reload_conf()");
        // New sessions have the new rules once the old ones would have let this one in.
        let asked = || self.psql(&["user=tls_only", "sslmode=disable"], "select 1");
        wait_for("the server has its rules", || (!asked().status.success()).then_some(()));
    }

    /// Runs a text as the superuser, past every proxy.
    pub(crate) fn sql(&self, text: &str) -> String {
        let folder = self.folder.to_str().unwrap();
        text_of(&psql(&[&format!("host={folder}"), &format!("port={}", self.port), "user=postgres"], text))
    }

    fn psql(&self, words: &[&str], text: &str) -> Output {
        let port = format!("port={}", self.port);
        psql(&[&["host=127.0.0.1", port.as_str()][..], words].concat(), text)
    }

    /// The verifier that the server keeps of a user.
    pub(crate) fn secret_of(&self, user: &str) -> String {
        self.sql(&format!("select rolpassword from pg_authid where rolname = '{user}'"))
    }
}

/// A psql, with the words of a connection.
pub(crate) fn psql(words: &[&str], text: &str) -> Output {
    let words = format!("dbname=postgres connect_timeout=20 {}", words.join(" "));
    Command::new("psql").args(["-XAtq", "-c", text, &words]).stdin(Stdio::null()).output().unwrap()
}

/// What it printed; fails where it failed.
pub(crate) fn text_of(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What it complained of; fails where it succeeded.
pub(crate) fn complaint_of(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An agent with one proxy, killed when dropped.
pub(crate) struct Proxy {
    process: Child,
    _folder: tempfile::TempDir,
    pub(crate) at: PathBuf,
    pub(crate) port: u16,
}

impl Proxy {
    /// `section` are lines of `[proxy.db]` beside where it listens: `{dir}` stands for its folder, `{port}` for the
    /// server's port, `{cert}` for the folder of the certificates.
    pub(crate) fn start(section: &str, files: &[(&str, &str)]) -> Self {
        Self::start_with(section, files, |_| {})
    }

    pub(crate) fn start_with(
        section: &str,
        files: &[(&str, &str)],
        prepare: impl FnOnce(&mut Command),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().to_owned();
        fs::set_permissions(&at, fs::Permissions::from_mode(0o755)).unwrap();
        for (name, content) in files {
            fs::write(at.join(name), content).unwrap();
            fs::set_permissions(at.join(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        let port = free_address().port();
        let dir = at.to_str().unwrap();
        let section = section
            .replace("{dir}", dir)
            .replace("{port}", &server().port.to_string())
            .replace("{cert}", server().certificates.to_str().unwrap());
        let listen = if section.contains("listen =") {
            String::new()
        } else {
            format!("listen = [\"127.0.0.1:{port}\", \"unix:{dir}/.s.PGSQL.{port}\"]")
        };
        let settings = format!(
            "schema = 1\n[history]\nstore = \"none\"\n[admin]\nsocket = \"{dir}/agent.sock\"\n\
             [agent]\nevidence = {{ dir = \"{dir}/evidence\" }}\n\
             [proxy.db]\nprotocol = \"postgres\"\n{listen}\n{section}\n"
        );
        fs::write(at.join("agent.toml"), settings).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_fdguard"));
        command.args(["run", "--config"]).arg(at.join("agent.toml")).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(fs::File::create(at.join("log")).unwrap());
        prepare(&mut command);
        let mut proxy = Self { process: command.spawn().unwrap(), _folder: folder, at, port };
        wait_for("the agent answers", || {
            let ended = proxy.process.try_wait().unwrap();
            assert!(ended.is_none(), "{}", proxy.log());
            // Bound before the proxies are: it answers only when they are there.
            answers(&proxy.at.join("agent.sock")).then_some(())
        });
        proxy
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.at.join("log")).unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// A psql through it by TCP.
    pub(crate) fn psql(&self, words: &[&str], text: &str) -> Output {
        let port = format!("port={}", self.port);
        psql(&[&["host=127.0.0.1", port.as_str()][..], words].concat(), text)
    }

    /// A psql through its unix socket.
    pub(crate) fn psql_unix(&self, words: &[&str], text: &str) -> Output {
        let (host, port) = (format!("host={}", self.at.display()), format!("port={}", self.port));
        psql(&[&[host.as_str(), port.as_str()][..], words].concat(), text)
    }

    /// Who the server says is asking.
    pub(crate) fn user(&self, words: &[&str]) -> String {
        let output = self.psql(words, "select current_user");
        if !output.status.success() {
            eprintln!("psql: {}", String::from_utf8_lossy(&output.stderr));
        }
        text_of(&output)
    }

    /// Ends it; gives its log, which holds no secret.
    pub(crate) fn end(mut self) -> String {
        let pid = i32::try_from(self.process.id()).unwrap();
        let process = fdguard::sys::pidfd::PidFd::open(pid).unwrap();
        process.signal(fdguard::sys::pidfd::Signal::TERM).unwrap();
        wait_for("the agent ends", || self.process.try_wait().unwrap());
        let log = self.log();
        for secret in [PASSWORD, WRONG, "SCRAM-SHA-256$"] {
            assert!(!log.contains(secret), "a secret in the log:\n{log}");
        }
        log
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if !matches!(self.process.try_wait(), Ok(Some(_))) {
            let _ended = self.process.kill();
            let _ended = self.process.wait();
        }
    }
}

/// The password of a psql.
pub(crate) fn with(password: &str) -> String {
    format!("password={password}")
}

/// Looks until there is something, and returns it.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Writes a file anew, as a person would.
pub(crate) fn rewrite(path: &Path, content: &str) {
    let mut file = fs::File::create(path).unwrap();
    file.write_all(content.as_bytes()).unwrap();
}

/// All that comes until the other side closes, within the patience of a test.
pub(crate) fn read_to_end(mut stream: TcpStream) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut all = Vec::new();
    // A reset ends it as well.
    let _ended = stream.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}

/// Whether the agent behind a control socket answers.
fn answers(socket: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(socket) else { return false };
    let asked = stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n");
    let mut said = String::new();
    asked.and_then(|()| stream.read_to_string(&mut said)).is_ok() && said.contains(" 200 ")
}
