//! Numbers of processes are reused; no signal ever reaches a stranger.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::agent::{FDGUARD, Setup};
use super::history::STOPPING;
use super::target::python;

const ROUNDS: u64 = 100;
const TARGETS: usize = 10;

/// In a pid namespace of its own a guarded process is killed while the agent stops, freezes or thaws it, and a
/// stranger is born under its number at once.
#[test]
fn no_signal_reaches_the_next_holder_of_a_number() {
    let targets: String = (0..TARGETS)
        .map(|number| {
            format!(
                "[target.t{number}]\nmatch = {{ pidfile = \"DIR/pid{number}\" }}\n\
                 policy = [\"DIR/policy.toml\"]\nallow = [\"stop\", \"freeze\"]\n"
            )
        })
        .collect();
    let setup = Setup::new(&targets);
    setup.write("policy.toml", &STOPPING.replace("\"2s\"", "\"800ms\""));
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/system/victims/reuse.py");
    let output = Command::new("unshare")
        .args(["--pid", "--fork", "--mount-proc", "--kill-child", python()])
        .arg(driver)
        .arg(FDGUARD)
        .arg(setup.path(""))
        .arg(ROUNDS.to_string())
        .output()
        .expect("unshare runs");
    let log = std::fs::read_to_string(setup.path("log")).unwrap_or_default();
    let said = String::from_utf8_lossy(&output.stderr);
    let tail = || log.lines().rev().take(60).collect::<Vec<_>>().join("\n");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}\n{}", tail()));
    println!("{told}");
    assert_eq!(
        told["seen"],
        serde_json::json!([["SIGTERM"], ["SIGCONT"], ["stopped"]]),
        "the strangers are blind"
    );
    for mode in ["stop", "freeze", "policy", "late"] {
        assert!(told["counts"][mode].as_u64() >= Some(ROUNDS / 5), "{told}");
    }
    assert!(told["forced"].as_u64().is_some_and(|forced| forced >= ROUNDS), "{told}");
    assert_eq!(told["hit"], serde_json::json!([]), "strangers were signalled\n{}", tail());
    assert_eq!(told["adopted"], serde_json::json!({}), "strangers were guarded");
}
