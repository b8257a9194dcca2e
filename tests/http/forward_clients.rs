//! Real clients, unchanged, that have the agent as their proxy.

use std::path::Path;
use std::process::Command;

use crate::secure::Secure;
use crate::support::guard::Guard;
use crate::support::{forwarding, ok, server};

/// Who is to find its own way must not find another one.
const OTHERS: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

/// Runs a client of the script.
fn run(client: &str, guard: &Guard, far: &Secure, urls: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("tests/bots/.venv/bin/python");
    assert!(python.exists(), "{} is missing: run tests/setup", python.display());
    let mut command = Command::new(python);
    for name in OTHERS {
        command.env_remove(name);
    }
    command.arg(root.join("tests/http/forward_clients.py")).arg(client);
    command.arg(format!("http://{}", guard.address)).arg(far.ca()).args(urls);
    let output = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(stdout, "done\n", "{client}: {stderr}");
}

#[test]
fn clients_reach_https_and_http_through_it() {
    let far = Secure::start();
    let near = server(|request| ok(request.field("host").unwrap()));
    let secure = format!("https://localhost:{}/", far.port);
    let plain = format!("http://127.0.0.1:{}/x", near.address.port());
    let guard = forwarding(
        &[&format!("localhost:{}", far.port), &near.address.to_string()],
        "pool = { per_host = 8, wait = \"30s\" }",
    );
    for client in ["requests", "httpx", "aiohttp", "ccxt", "environment"] {
        run(client, &guard, &far, &[&secure, &plain]);
        guard.wait_for_pool("its own are gone", |pool| pool.clients.is_empty());
    }
    let far_name = format!("localhost:{}", far.port);
    let own = format!("http://{}", guard.address);
    for (url, host) in [(&secure, far_name), (&plain, near.address.to_string())] {
        let curl = |also: &[&str]| {
            let mut command = Command::new("curl");
            for name in OTHERS {
                command.env_remove(name);
            }
            command.args(["-sS", "--max-time", "20", "-x", &own, "--cacert"]).arg(far.ca());
            let output = command.args(also).arg(url).output().unwrap();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (text(&output.stdout), text(&output.stderr))
        };
        assert_eq!(curl(&[]), (host.clone(), String::new()));
        assert_eq!(curl(&["-p"]).0, host, "in a tunnel whatever it is");
    }
    let refused = Command::new("curl").args(["-sS", "-x", &own, "https://other.example/"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("403"), "{said}");
}

#[test]
fn a_bot_that_leaks_sessions_goes_on_with_a_few_tunnels() {
    let far = Secure::start();
    let keys = "pool = { max = 3, wait = \"30s\" }\nforward.spare = \"1s\"";
    let guard = forwarding(&[&format!("localhost:{}", far.port)], keys);
    run("leak", &guard, &far, &[&format!("https://localhost:{}/", far.port)]);
    guard.wait_for_count("closed.made_room", 6);
}
