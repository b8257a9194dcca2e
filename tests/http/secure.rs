//! Upstreams that speak TLS.

use std::process::{Child, Command, Stdio};

use crate::support::authority::certify;
use crate::support::guard::{Guard, free_address};
use crate::support::{ask, get, wait_for};

/// Answers over TLS with the head of what was asked, and keeps connections.
const SERVER: &str = "\
import http.server, ssl, sys
class Mirror(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        said = self.headers['Host'].encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(said)))
        self.send_header('X-Peer', str(self.client_address[1]))
        self.end_headers()
        self.wfile.write(said)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Mirror)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
";

/// A server; ends when dropped.
pub(crate) struct Secure {
    child: Child,
    folder: tempfile::TempDir,
    pub(crate) port: u16,
}

impl Secure {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        certify(folder.path());
        let port = free_address().port();
        let child = Command::new("/usr/bin/python3")
            .args(["-c", SERVER, &port.to_string(), "server.pem", "server.key"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        wait_for("the server listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        Self { child, folder, port }
    }

    fn upstream(&self) -> String {
        format!("\"https://localhost:{}\"", self.port)
    }

    fn authority(&self) -> String {
        format!("tls.ca_file = \"{}\"", self.ca().display())
    }

    /// The file of its authority.
    pub(crate) fn ca(&self) -> std::path::PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

#[test]
fn an_upstream_is_asked_over_tls_by_its_own_name_and_kept() {
    let server = Secure::start();
    let guard = Guard::before(&server.upstream(), &server.authority());
    let mut client = guard.client();
    let first = ask(&mut client, &get("/"));
    assert_eq!((first.status(), first.text()), (200, format!("localhost:{}", server.port)));
    for _ in 0..20 {
        let next = ask(&mut client, &get("/"));
        assert_eq!(next.field("x-peer"), first.field("x-peer"), "by the same connection");
    }
}

#[test]
fn one_that_cannot_show_who_it_is_is_not_asked() {
    let server = Secure::start();
    let guard = Guard::before(&server.upstream(), "pool.wait = \"1s\"");
    let refused = ask(&mut guard.client(), &get("/"));
    assert_eq!(refused.status(), 503, "{}", refused.text());
    assert!(guard.log().contains("TLS with localhost"), "{}", guard.log());
    let other = Guard::before(
        &server.upstream().replace("localhost", "127.0.0.1"),
        &format!("{}\npool.wait = \"1s\"", server.authority()),
    );
    assert_eq!(ask(&mut other.client(), &get("/")).status(), 503, "another name");
    let any = Guard::before(&server.upstream(), "tls.mode = \"require\"");
    assert_eq!(ask(&mut any.client(), &get("/")).status(), 200);
}
