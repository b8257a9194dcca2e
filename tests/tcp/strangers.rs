//! Who may come in.

use std::process::{Command, Stdio};

use crate::support::guard::Guard;
use crate::support::server::Server;
use crate::support::{is_served, wait_for};

/// Says something to the proxy as another user, and prints what it hears.
const CLIENT: &str = "\
import socket, sys
place = sys.argv[1]
s = socket.socket(socket.AF_UNIX) if '/' in place else socket.socket()
s.settimeout(30)
s.connect(place if '/' in place else ('127.0.0.1', int(place)))
try:
    s.sendall(b'ping')
    print(s.recv(4).decode())
except (ConnectionResetError, BrokenPipeError):
    print()
";

fn as_stranger(place: &str) -> String {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/python3", "-c"]);
    let output = command.args([CLIENT, place]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn strangers_are_closed_before_anything_is_carried() {
    if std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0) {
        eprintln!("left out: another user can only be played by root");
        return;
    }
    let server = Server::echo();
    let guard = Guard::start(&[server.address], "");
    assert!(is_served(&mut guard.client()));
    let socket = guard.folder().join("bus.sock");
    for place in [guard.address.port().to_string(), socket.display().to_string()] {
        assert_eq!(as_stranger(&place), "", "{place}");
    }
    assert!(guard.log().contains("user 65534 of this machine may not use this proxy"));
    assert_eq!(server.accepted(), 1, "the server has seen nothing of them");
    let guard = Guard::start(&[server.address], "allow = { uid = [65534] }");
    let socket = guard.folder().join("bus.sock");
    for place in [guard.address.port().to_string(), socket.display().to_string()] {
        assert_eq!(as_stranger(&place), "ping", "{place}");
    }
}

#[test]
fn who_starts_a_program_of_the_same_name_is_no_user_of_the_target() {
    if std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0) {
        eprintln!("left out: another user can only be played by root");
        return;
    }
    let server = Server::echo();
    let imitated = "\n[target.imitated]\nmatch = { command = '^sleep 98761$' }\npolicy = []\n";
    let guard = Guard::start(&[server.address], imitated);
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "sleep", "98761"]);
    let mut imitator = command.spawn().unwrap();
    wait_for("it is taken for the target's", || guard.log().contains("process adopted").then_some(()));
    let told = as_stranger(&guard.address.port().to_string());
    imitator.kill().unwrap();
    imitator.wait().unwrap();
    assert_eq!(told, "");
    assert!(guard.log().contains("user 65534 of this machine may not use this proxy"), "{}", guard.log());
}
