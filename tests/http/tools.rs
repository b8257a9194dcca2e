//! Real clients and a real server: curl and Python's.

use std::process::{Command, Stdio};

use crate::support::guard::{Guard, free_address};
use crate::support::wait_for;

/// A server with a folder behind it; ends when dropped.
struct Files {
    child: std::process::Child,
    folder: tempfile::TempDir,
}

impl Files {
    /// At a free place, in that version of the protocol.
    fn start(version: &str) -> (Self, std::net::SocketAddr) {
        let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
        let port = address.port().to_string();
        let child = Command::new("/usr/bin/python3")
            .args(["-m", "http.server", "--bind", "127.0.0.1", "--protocol", version, &port])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for("the server listens", || std::net::TcpStream::connect(address).ok());
        (Self { child, folder }, address)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

#[test]
fn curl_gets_files_from_pythons_server_in_both_versions() {
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let (files, address) = Files::start(version);
        let large: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
        std::fs::write(files.folder.path().join("large"), &large).unwrap();
        std::fs::write(files.folder.path().join("small"), "hi\n").unwrap();
        let guard = Guard::start(&[address], "");
        let url = |path: &str| format!("http://{}/{path}", guard.address);
        let curl = |args: &[&str]| {
            let output = Command::new("curl").args(["-sS", "--max-time", "60"]).args(args).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        assert_eq!(
            curl(&[&url("small"), &url("large"), &url("small")]),
            [b"hi\n", &large[..], b"hi\n"].concat()
        );
        assert!(String::from_utf8(curl(&["-I", &url("large")])).unwrap().contains("3000000"));
        assert_eq!(curl(&["-0", &url("small")]), b"hi\n");
        let status = curl(&["-o", "/dev/null", "-w", "%{http_code}", &url("absent")]);
        assert_eq!(status, b"404");
        let unix = guard.folder().join("bus.sock").display().to_string();
        assert_eq!(curl(&["--unix-socket", &unix, "http://any/small"]), b"hi\n");
    }
}

/// Asks a hundred times by one kept connection, and then by threads.
const CLIENT: &str = "\
import http.client, sys, threading
host, port = sys.argv[1], int(sys.argv[2])
def run(count):
    kept = http.client.HTTPConnection(host, port, timeout=60)
    for _ in range(count):
        kept.request('GET', '/small')
        answer = kept.getresponse()
        assert answer.status == 200 and answer.read() == b'hi\\n', answer.status
run(100)
threads = [threading.Thread(target=run, args=(20,)) for _ in range(20)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print('done')
";

#[test]
fn pythons_client_keeps_its_connection() {
    let (files, address) = Files::start("HTTP/1.1");
    std::fs::write(files.folder.path().join("small"), "hi\n").unwrap();
    let guard = Guard::start(&[address], "pool.max = 4");
    let port = guard.address.port().to_string();
    let output = Command::new("/usr/bin/python3").args(["-c", CLIENT, "127.0.0.1", &port]).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "done",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let pool = guard.wait_for_pool("its counts", |pool| {
        pool.servers.iter().map(|server| u64::from(server.uses)).sum::<u64>() >= 500
    });
    assert!(pool.servers.len() <= 4, "{} connections", pool.servers.len());
}
