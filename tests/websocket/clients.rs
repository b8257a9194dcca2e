//! Real clients beside Python's `websockets`: `ws` of Node, websocket-client and aiohttp, which all offer compression.

use std::path::Path;
use std::process::Command;

use crate::support::guard::Guard;
use crate::support::{echo, server};

#[test]
fn other_clients_do_not_notice_the_proxy() {
    let server = server(echo);
    let guard = Guard::start(&[server.address], "pool.max = 50");
    let url = format!("ws://{}", guard.address);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/websocket/clients");
    let python = folder.join("../../bots/.venv/bin/python");
    assert!(python.exists() && folder.join("node_modules").exists(), "run tests/setup");
    let clients: [(&Path, &[&str]); 3] = [
        (Path::new("node"), &["echo.js"]),
        (&python, &["echo.py", "websocket-client"]),
        (&python, &["echo.py", "aiohttp"]),
    ];
    for (program, words) in clients {
        let output = Command::new(program).current_dir(&folder).args(words).arg(&url).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n", "{words:?}: {error}");
        guard.wait_for_pool("nothing is left", |pool| pool.servers.is_empty() && pool.clients.is_empty());
    }
}
