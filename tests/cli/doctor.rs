//! `doctor`, as root and as nobody.

use serde_json::Value;

use fdguard::model::action::Word;

use crate::fdguard::{as_nobody, fdguard};
use crate::leaker::Leaker;

fn verdict<'a>(diagnosis: &'a Value, name: &str) -> &'a str {
    let findings = diagnosis["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["name"] == name).unwrap()["verdict"].as_str().unwrap()
}

#[test]
fn every_word_is_told_and_nothing_fails_without_a_reason() {
    let ran = fdguard(["doctor", "--json"]);
    let diagnosis = ran.json();
    for word in Word::ALL {
        assert!(!verdict(&diagnosis, word.name()).is_empty());
    }
    for finding in diagnosis["findings"].as_array().unwrap() {
        let fails = finding["verdict"] == "fails";
        assert!(!fails || finding["why"].is_string(), "{finding}");
    }
    let works = diagnosis["default_policy"].as_bool().unwrap();
    assert_eq!(ran.code, Some(i32::from(!works)));
    // A child of the same user may be read and traced by everybody.
    assert_eq!(verdict(&diagnosis, "fd by kind"), "works");
    assert_eq!(verdict(&diagnosis, "stop"), "works");
}

#[test]
fn the_text_fits_and_has_a_sum() {
    let ran = fdguard(["doctor"]);
    for part in ["SIGNALS", "ACTIONS", "HOST", "IN SUM"] {
        assert!(ran.out.lines().any(|line| line.starts_with(part)), "{part}: {}", ran.out);
    }
    assert!(ran.out.lines().all(|line| line.chars().count() <= 100), "{}", ran.out);
}

#[test]
fn on_a_process_of_another_nobody_is_told_what_would_help() {
    let leaker = Leaker::start("[left() for _ in range(3)]\n");
    let Some(ran) = as_nobody(["doctor", "--pid", &leaker.pid(), "--json"]) else { return };
    let diagnosis = ran.json();
    assert_eq!(ran.code, Some(1), "the default policy needs more: {diagnosis:#}");
    assert_eq!(verdict(&diagnosis, "fd.open"), "works", "the count needs no privilege");
    for name in [
        "fd by kind",
        "socket.leaked",
        "raise_nofile",
        "destroy_sockets",
        "reap_descriptors",
        "freeze",
        "stop",
    ] {
        assert_eq!(verdict(&diagnosis, name), "fails", "{name}");
    }
    let stop = diagnosis["findings"].as_array().unwrap().iter().find(|one| one["name"] == "stop").unwrap();
    assert!(stop["grant"].as_str().unwrap().contains("CAP_KILL"), "{stop}");
}

#[test]
fn a_given_process_does_not_notice() {
    let leaker = Leaker::start("[left() for _ in range(3)]\n");
    let before = std::fs::read_to_string(format!("/proc/{}/limits", leaker.pid())).unwrap();
    let ran = fdguard(["doctor", "--pid", &leaker.pid(), "--json"]);
    assert!(ran.code == Some(0) || ran.code == Some(1), "{ran:?}");
    assert_eq!(ran.json()["pid"].to_string(), leaker.pid());
    assert_eq!(std::fs::read_to_string(format!("/proc/{}/limits", leaker.pid())).unwrap(), before);
    let report = fdguard(["inspect", &leaker.pid(), "--for", "200ms", "--json"]).json();
    assert_eq!(report["signals"]["socket.close_wait"]["known"], 3.0, "its sockets are as they were");
    assert_eq!(report["signals"]["process.state"]["known"], 1.0, "it sleeps, and is not stopped");
}

#[test]
fn what_is_no_process_exits_2() {
    let ran = fdguard(["doctor", "--pid", "4194303"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("4194303"), "{}", ran.err);
}
