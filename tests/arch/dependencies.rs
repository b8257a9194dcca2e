//! The policy on dependencies, kept in `deny.toml`: licences, banned crates, one registry, no doubles.
//!
//! The file has the form that cargo-deny reads, so anyone can run that too; this test needs nothing but
//! Cargo, works offline and is part of every run.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn packages() -> Vec<Value> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", &target])
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn policy() -> toml::Table {
    std::fs::read_to_string(format!("{ROOT}/deny.toml")).unwrap().parse().unwrap()
}

fn words(policy: &toml::Table, section: &str, key: &str) -> Vec<String> {
    let list = policy[section][key].as_array().unwrap();
    list.iter().map(|item| item.as_str().or_else(|| item["crate"].as_str()).unwrap().to_owned()).collect()
}

/// Whether an SPDX expression can be met with the allowed licences: one side of an OR, both of an AND.
fn licence_fits(expression: &str, allowed: &[String]) -> bool {
    let plain = expression.replace(['(', ')'], " ").replace('/', " OR ");
    plain
        .split(" AND ")
        .all(|part| part.split(" OR ").any(|one| allowed.iter().any(|name| name == one.trim())))
}

#[test]
fn licences_are_allowed() {
    let allowed = words(&policy(), "licenses", "allow");
    for package in packages() {
        let licence = package["license"].as_str().unwrap_or("none");
        assert!(licence_fits(licence, &allowed), "{}: {licence}", package["name"]);
    }
    assert!(!licence_fits("GPL-3.0", &allowed));
    assert!(!licence_fits("MIT AND GPL-3.0", &allowed));
}

#[test]
fn nothing_banned_and_one_registry() {
    let policy = policy();
    let banned = words(&policy, "bans", "deny");
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        assert!(!banned.iter().any(|ban| ban == name), "{name} is banned, see deny.toml");
        let source = package["source"].as_str();
        assert!(source.is_none_or(|source| source.starts_with("registry+")), "{name}: {source:?}");
    }
}

#[test]
fn no_crate_in_two_versions() {
    let skipped = words(&policy(), "bans", "skip");
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages() {
        let name = package["name"].as_str().unwrap().to_owned();
        versions.entry(name).or_default().push(package["version"].as_str().unwrap().to_owned());
    }
    let doubled: Vec<String> = versions
        .into_iter()
        .filter(|(name, found)| found.len() > 1 && !skipped.contains(name))
        .map(|(name, found)| format!("{name} comes in {found:?}"))
        .collect();
    assert!(doubled.is_empty(), "{doubled:#?}");
}
