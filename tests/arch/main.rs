//! The house rules as tests: ranks, purity, homes of crates and of unsafe, sizes, dependencies.
//!
//! The rules are functions over a parsed source tree, so that a planted offence can show that each of them
//! can fail.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod dependencies;
mod planted;
mod rules;
mod tree;

use std::sync::LazyLock;

use tree::Tree;

/// The tree as it stands, parsed once.
fn house() -> Tree {
    static HOUSE: LazyLock<Tree> = LazyLock::new(|| {
        Tree::read(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).expect("src can be read and parsed")
    });
    HOUSE.clone()
}

fn assert_none(offences: &[String]) {
    assert!(offences.is_empty(), "{} offences:\n{}", offences.len(), offences.join("\n"));
}

#[test]
fn no_upward_or_sideways_import() {
    assert_none(&rules::ranks(&house()));
}

#[test]
fn pure_rooms_touch_nothing() {
    assert_none(&rules::purity(&house()));
}

#[test]
fn crates_stay_in_their_homes() {
    assert_none(&rules::homes(&house()));
}

#[test]
fn unsafe_only_in_sys() {
    assert_none(&rules::unsafe_code(&house()));
}

#[test]
fn no_file_outgrows_its_job() {
    assert_none(&rules::sizes(&house()));
}

#[test]
fn nothing_inside_uses_the_crate_root() {
    assert_none(&rules::root_paths(&house()));
}
