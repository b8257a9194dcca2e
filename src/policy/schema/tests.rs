//! The schema and the reader agree: judged by a small checker of the parts of JSON Schema that are used.

use serde_json::{Value, json};

use super::schema;
use crate::document::Faults;
use crate::policy::load;

fn fits(value: &Value, rule: &Value, root: &Value) -> bool {
    if let Some(target) = rule["$ref"].as_str() {
        return fits(value, root.pointer(&target[1..]).unwrap(), root);
    }
    if let Some(ways) = rule["oneOf"].as_array() {
        return ways.iter().filter(|way| fits(value, way, root)).count() == 1;
    }
    if let Some(words) = rule["enum"].as_array() {
        return words.contains(value);
    }
    if !rule["const"].is_null() {
        return rule["const"] == *value;
    }
    match rule["type"].as_str() {
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.as_i64().is_some_and(|n| n >= rule["minimum"].as_i64().unwrap_or(0)),
        Some("array") => {
            value.as_array().is_some_and(|items| items.iter().all(|i| fits(i, &rule["items"], root)))
        }
        Some("object") => fits_object(value, rule, root),
        other => panic!("unused part of JSON Schema: {other:?} in {rule}"),
    }
}

fn fits_object(value: &Value, rule: &Value, root: &Value) -> bool {
    let Some(entries) = value.as_object() else { return false };
    let required = rule["required"].as_array().cloned().unwrap_or_default();
    let complete = required.iter().all(|key| entries.contains_key(key.as_str().unwrap()));
    complete
        && entries.iter().all(|(key, value)| match &rule["properties"][key] {
            Value::Null => match &rule["additionalProperties"] {
                Value::Bool(false) => false,
                more => fits(value, more, root),
            },
            known => fits(value, known, root),
        })
}

fn judge(source: &str) -> (bool, bool) {
    let value: Value = toml::from_str(source).unwrap();
    let root = schema();
    let mut faults = Faults::default();
    (fits(&value, &root, &root), load(source, &mut faults).is_some())
}

/// Every key and word there is.
const FULL: &str = r#"
schema = 1
name = "p"
about = "all"
dry_run = false
[[upkeep]]
name = "u"
every = "5m"
do = [{ reset_pool = { pool = "db", how = "drain", share = "50%", dry_run = true } }, "snapshot"]
[ladder.d]
start_grace = "2m"
[[ladder.d.tier]]
name = "a"
raise = "fd.open > 300"
clear = "fd.open < 250"
for = "3 of 5"
dwell = "1m"
cooldown = "3m"
budget = "12/day"
every = "10m"
always = true
latch = "human"
guard = "orders.open == 0"
expect = { that = "fd.open < 300", within = "30s" }
do = [
    "notify", { notify = { to = "slack", message = "x" } }, "raise_nofile", { raise_nofile = { to = "hard" } },
    { raise_nofile = { to = 4096 } }, "destroy_sockets",
    { destroy_sockets = { older = "2m", remote = "db:5432", max = 5 } }, { reap_descriptors = { older = "5m", max = 3 } },
    { run = { hook = "x" } }, "stop", { stop = { before = ["x"], grace = "10s", then = "systemd" } },
]
hold = [
    { throttle_connects = { pool = "db", rate = "5/s" } }, { poll_stream = { stream = "q", every = "2s" } },
    "pause_trading", { pause_trading = { state = "halted" } }, "freeze", { freeze = { limit = "20s", dry_run = true } },
]
"#;

#[test]
fn every_key_there_is_fits_both() {
    assert_eq!(judge(FULL), (true, true));
}

#[test]
fn what_the_schema_refuses_the_reader_refuses() {
    for (from, to) in [
        ("schema = 1", "schema = 2"),
        ("about = \"all\"", "abuot = \"all\""),
        ("\"snapshot\"]", "\"snapshoot\"]"),
        ("how = \"drain\"", "how = \"gently\""),
        ("{ run = { hook = \"x\" } }", "\"run\""),
        ("to = 4096", "to = 0"),
        ("latch = \"human\"", "latch = \"robot\""),
        ("within = \"30s\"", "inside = \"30s\""),
        ("raise = \"fd.open > 300\"", ""),
        ("\"pause_trading\", ", "\"snapshot\", "),
    ] {
        let source = FULL.replacen(from, to, 1);
        assert_ne!(source, FULL);
        assert_eq!(judge(&source), (false, false), "{from} -> {to}");
    }
}

#[test]
fn it_is_a_schema_with_every_reference_resolved() {
    let root = schema();
    assert_eq!(root["$schema"], json!("https://json-schema.org/draft/2020-12/schema"));
    let text = root.to_string();
    for part in text.split("\"$ref\":\"#").skip(1) {
        let target = part.split('"').next().unwrap();
        assert!(root.pointer(target).is_some(), "{target}");
    }
}
