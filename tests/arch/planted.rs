//! The tests of the tests: each rule catches an offence planted into an otherwise clean tree.

use crate::rules;
use crate::tree::Tree;

fn with(path: &str, source: &str) -> Tree {
    let mut tree = crate::house();
    tree.add(path, source).unwrap();
    tree
}

fn caught(rule: fn(&Tree) -> Vec<String>, path: &str, source: &str) {
    let before = rule(&crate::house());
    assert!(before.is_empty(), "the house is not clean: {before:?}");
    let offences = rule(&with(path, source));
    assert_eq!(offences.len(), 1, "{path}: {offences:?}");
    assert!(offences[0].contains(path), "{offences:?}");
}

#[test]
fn an_upward_import_fails() {
    caught(rules::ranks, "policy/planted.rs", "use crate::agent::control::Loop;\n");
}

#[test]
fn a_sideways_import_fails() {
    caught(rules::ranks, "sampler/planted.rs", "fn f() { crate::actuator::start(); }\n");
}

#[test]
fn an_upward_import_by_supers_fails() {
    caught(rules::ranks, "model/planted.rs", "use super::super::policy::engine::Engine;\n");
}

#[test]
fn an_upward_import_inside_a_macro_fails() {
    caught(rules::ranks, "model/planted.rs", "fn f() { assert!(crate::sys::clock::now() > 0); }\n");
}

#[test]
fn a_narrow_room_keeps_to_its_list() {
    caught(rules::ranks, "policy/planted.rs", "use crate::sys::clock;\n");
}

#[test]
fn a_room_without_rank_fails() {
    caught(rules::ranks, "helpers.rs", "fn f() {}\n");
}

#[test]
fn io_in_a_pure_room_fails() {
    caught(rules::purity, "policy/planted.rs", "fn f() { std::fs::read(\"x\").ok(); }\n");
    caught(rules::purity, "sim/planted.rs", "use std::collections::HashMap;\n");
    caught(rules::purity, "model/planted.rs", "fn f() -> u64 { std::time::Instant::now(); 0 }\n");
}

#[test]
fn a_crate_outside_its_home_fails() {
    caught(rules::homes, "agent/planted.rs", "use sqlx::SqlitePool;\n");
}

#[test]
fn unsafe_outside_sys_fails() {
    caught(rules::unsafe_code, "sampler/planted.rs", "fn f() { unsafe { g() } }\n");
}

#[test]
fn a_file_too_long_fails() {
    caught(rules::sizes, "cli/planted.rs", &"fn f() {}\n".repeat(501));
}

#[test]
fn a_path_through_the_crate_root_fails() {
    caught(rules::root_paths, "cli/planted.rs", "use crate::Engine;\n");
}

#[test]
fn test_modules_are_left_out() {
    let source = "#[cfg(test)]\nmod tests { use crate::cli::args::Args; }\n";
    assert!(rules::ranks(&with("model/planted.rs", source)).is_empty());
}
