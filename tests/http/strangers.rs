//! Who may come in.

use std::process::{Command, Stdio};

use crate::support::guard::Guard;
use crate::support::{ask, get, mirror};

/// Asks the proxy as another user, and prints the status and what came with it.
const CLIENT: &str = "\
import socket, sys
place = sys.argv[1]
s = socket.socket(socket.AF_UNIX) if '/' in place else socket.socket()
s.settimeout(30)
s.connect(place if '/' in place else ('127.0.0.1', int(place)))
s.sendall(b'GET / HTTP/1.1\\r\\nHost: bot\\r\\nConnection: close\\r\\n\\r\\n')
heard = b''
while piece := s.recv(4096):
    heard += piece
print(heard.decode())
";

fn as_stranger(place: &str) -> String {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/python3", "-c"]);
    let output = command.args([CLIENT, place]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn strangers_are_told_so_and_nothing_of_them_is_carried() {
    if std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0) {
        eprintln!("left out: another user can only be played by root");
        return;
    }
    let server = mirror();
    let guard = Guard::start(&[server.address], "");
    assert_eq!(ask(&mut guard.client(), &get("/")).status(), 200);
    let socket = guard.folder().join("bus.sock");
    for place in [guard.address.port().to_string(), socket.display().to_string()] {
        let heard = as_stranger(&place);
        assert!(
            heard.starts_with("HTTP/1.1 403 ") && heard.contains("user 65534 of this machine"),
            "{heard}"
        );
    }
    assert!(guard.log().contains("user 65534 of this machine may not use this proxy"));
    assert_eq!(server.accepted(), 1, "the server has seen nothing of them");
    let guard = Guard::start(&[server.address], "allow = { uid = [65534] }");
    let socket = guard.folder().join("bus.sock");
    for place in [guard.address.port().to_string(), socket.display().to_string()] {
        assert!(as_stranger(&place).starts_with("HTTP/1.1 200 "), "{place}");
    }
}
