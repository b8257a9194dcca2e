//! `inspect` on real leaking processes.

use serde_json::Value;

use crate::fdguard::{Ran, as_nobody, fdguard};
use crate::leaker::Leaker;

fn inspected(leaker: &Leaker, length: &str) -> Value {
    let ran = fdguard(["inspect", &leaker.pid(), "--for", length, "--json"]);
    let report = ran.json();
    let suspected = report["suspects"].as_array().is_some_and(|suspects| !suspects.is_empty());
    assert_eq!(ran.code, Some(i32::from(suspected)), "{report:#}");
    report
}

fn suspects(report: &Value) -> Vec<(&str, u64)> {
    let suspects = report["suspects"].as_array().unwrap().iter();
    suspects.map(|one| (one["kind"].as_str().unwrap(), one["count"].as_u64().unwrap())).collect()
}

fn text(leaker: &Leaker, length: &str) -> Ran {
    fdguard(["inspect", &leaker.pid(), "--for", length])
}

#[test]
fn a_healthy_process_is_not_suspected() {
    let leaker = Leaker::start("kept += [pair() for _ in range(20)]\n");
    let report = inspected(&leaker, "1s");
    assert_eq!(suspects(&report), []);
    assert_eq!(report["signals"]["socket.established"]["known"], 40.0);
    assert!(report["unseen"].as_array().unwrap().is_empty(), "{:#}", report["unseen"]);
    let text = text(&leaker, "300ms");
    assert_eq!(text.code, Some(0));
    assert!(text.out.contains("LEAK SUSPECTS  none in this look"), "{}", text.out);
}

#[test]
fn an_idle_pool_in_close_wait_gets_a_hint_and_no_suspicion() {
    let leaker = Leaker::start("[left() for _ in range(10)]\n");
    let report = inspected(&leaker, "500ms");
    assert_eq!(suspects(&report), []);
    assert_eq!(report["signals"]["socket.close_wait"]["known"], 10.0);
    let hints = report["hints"].to_string();
    assert!(hints.contains("keep-alive pool"), "{hints}");
}

#[test]
fn abandoned_sockets_are_told_with_their_remote() {
    let leaker = Leaker::start("kept.append(select.epoll())\n[left() for _ in range(37)]\n");
    let report = inspected(&leaker, "500ms");
    assert_eq!(suspects(&report), [("abandoned", 37)]);
    let text = text(&leaker, "500ms").out;
    let sentence = format!("37 CLOSE_WAIT sockets to {} in no epoll set: abandoned", leaker.remote());
    assert!(text.contains(&sentence), "{text}");
    assert!(text.contains("the end was never read"), "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 100 && !line.contains('\x1b'), "{line}");
    }
}

#[test]
fn a_loop_that_does_not_close_what_it_watches_is_told_from_an_abandoned_one() {
    let program = "
epoll = select.epoll(); kept.append(epoll)
for _ in range(8):
    ours = left(); epoll.register(ours, select.EPOLLIN); ours.recv(1)
";
    let report = inspected(&Leaker::start(program), "500ms");
    assert_eq!(suspects(&report), [("unclosed", 8)]);
    assert_eq!(report["signals"]["socket.unread_eof"]["known"], 0.0);
}

#[test]
fn orphans_show_once_the_look_is_long_enough() {
    let leaker = Leaker::start("[reset() for _ in range(9)]\n");
    let short = inspected(&leaker, "500ms");
    assert_eq!(suspects(&short), []);
    assert!(short["hints"].to_string().contains("Orphans show only"), "{}", short["hints"]);
    assert_eq!(suspects(&inspected(&leaker, "6s")), [("orphans", 9)]);
}

#[test]
fn deleted_files_and_epoll_sets_are_counted() {
    let program = "
kept += [tempfile.TemporaryFile() for _ in range(12)]
kept += [select.epoll() for _ in range(15)]
";
    let report = inspected(&Leaker::start(program), "300ms");
    assert_eq!(suspects(&report), [("deleted_files", 12), ("epoll_sets", 15)]);
    let files: u64 =
        report["deleted"].as_array().unwrap().iter().map(|file| file["descriptors"].as_u64().unwrap()).sum();
    assert_eq!(files, 12);
    let kinds = report["kinds"].as_array().unwrap();
    let count = |kind: &str| {
        kinds.iter().find(|row| row["kind"] == kind).map_or(0, |row| row["count"].as_u64().unwrap())
    };
    assert_eq!(count("epoll"), 15);
    assert!(count("file") >= 12, "{kinds:?}");
}

#[test]
fn a_steady_rise_is_told_with_its_rate_and_its_end() {
    let program = "
import time
def leak():
    while True:
        kept.extend(pair()); time.sleep(0.05)
threading.Thread(target=leak, daemon=True).start()
";
    let report = inspected(&Leaker::start(program), "5s");
    let first = &report["suspects"][0];
    assert_eq!(first["kind"], "rising", "{:#}", report["suspects"]);
    assert!(first["why"].as_str().unwrap().contains("is reached in"), "{first}");
    assert!(report["growth"].as_i64().unwrap() >= 3);
}

#[test]
fn too_short_a_look_says_so() {
    let leaker = Leaker::start("");
    let report = inspected(&leaker, "200ms");
    assert_eq!(report["signals"]["fd.rate"]["unavailable"], "too_young");
    assert!(text(&leaker, "200ms").out.contains("too young to tell"));
}

#[test]
fn a_process_that_ends_meanwhile_is_reported_as_far_as_it_was_seen() {
    let mut child = std::process::Command::new("sleep").arg("1").spawn().unwrap();
    let ran = fdguard(["inspect", &child.id().to_string(), "--for", "1m", "--json"]);
    child.wait().unwrap();
    assert_eq!(ran.json()["look"]["ended"], true);
    assert!(ran.json()["look"]["seconds"].as_f64().unwrap() < 50.0);
}

#[test]
fn what_is_no_process_exits_2() {
    let ran = fdguard(["inspect", "4194303"]);
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.err, "fdguard: no process 4194303\n");
}

#[test]
fn without_privilege_it_says_what_is_missing_and_what_would_grant_it() {
    let leaker = Leaker::start("[left() for _ in range(37)]\n");
    let Some(ran) = as_nobody(["inspect", &leaker.pid(), "--for", "300ms"]) else { return };
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("DESCRIPTORS  "), "the count needs no privilege: {}", ran.out);
    assert!(ran.out.contains("NOT SEEN") && ran.out.contains("CAP_SYS_PTRACE"), "{}", ran.out);
    let report = as_nobody(["inspect", &leaker.pid(), "--for", "300ms", "--json"]).unwrap().json();
    assert!(report["signals"]["fd.open"]["known"].as_f64().unwrap() > 37.0);
    assert_eq!(report["signals"]["socket.close_wait"]["unavailable"], "not_permitted");
    assert!(report["unseen"][0]["grant"].as_str().unwrap().contains("run as root"));
}

#[test]
fn secrets_of_the_command_line_are_not_shown() {
    let mut child = std::process::Command::new("sh")
        .args(["-c", "read line", "bot", "--api-key", "hunter2secret"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let ran = fdguard(["inspect", &child.id().to_string(), "--for", "100ms"]);
    drop(child.stdin.take());
    child.wait().unwrap();
    assert!(ran.out.contains("--api-key") && !ran.out.contains("hunter2"), "{}", ran.out);
}
