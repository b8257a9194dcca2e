//! The pages on the agent file, held against its schema and against the reader.

use std::collections::BTreeSet;
use std::fs;

use fdguard::config::{Input, Origin, load, schema};
use serde_json::Value;

use crate::agent::{described, path_of};

fn page(name: &str) -> String {
    fs::read_to_string(format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The cells of a table in a page, of the rows that begin with a key.
fn rows(page: &str) -> Vec<Vec<String>> {
    let row = |line: &str| {
        let cells = line.strip_prefix("| `")?.strip_suffix(" |")?.split(" | ");
        let mut cells: Vec<String> = cells.map(|cell| cell.trim().to_owned()).collect();
        (cells[0].pop() == Some('`')).then_some(cells)
    };
    page.lines().filter_map(row).collect()
}

/// The setting at `path`, and whether it must be there.
fn setting<'s>(schema: &'s Value, path: &[&str]) -> (&'s Value, bool) {
    fn step<'s>(schema: &'s Value, key: &str) -> Option<(&'s Value, bool)> {
        let required = || schema["required"].as_array().is_some_and(|keys| keys.iter().any(|one| one == key));
        match schema["properties"].get(key) {
            Some(inner) => Some((inner, required())),
            None => schema["oneOf"].as_array()?.iter().find_map(|branch| step(branch, key)),
        }
    }
    path.iter().fold((schema, false), |(schema, _), key| step(schema, key).unwrap())
}

/// The default of the setting at `path`: as the schema says, `required`, or nothing where the page says it in words.
fn default_of(schema: &Value, path: &[&str]) -> Option<String> {
    let (setting, required) = setting(schema, path);
    match &setting["default"] {
        Value::Null => required.then(|| "required".to_owned()),
        Value::String(text) => Some(format!("`{text}`")),
        Value::Object(table) => {
            // As the file has it.
            let keys: Vec<_> = table.iter().map(|(key, value)| format!("\"{key}\" = {value}")).collect();
            Some(format!("`{{ {} }}`", keys.join(", ")))
        }
        other => Some(format!("`{other}`")),
    }
}

#[test]
fn the_page_of_proxies_lists_every_key_with_its_default() {
    let rows = rows(&page("proxies.md"));
    let schema = schema();
    let schema = &schema["properties"]["proxy"]["additionalProperties"];
    let mut wanted = BTreeSet::new();
    described(schema, "", &mut wanted);
    let listed: BTreeSet<String> = rows.iter().map(|row| format!("/{}", row[0].replace('.', "/"))).collect();
    assert_eq!(listed, wanted);
    assert_eq!(listed.len(), rows.len(), "a key is listed twice");
    for row in &rows {
        let (key, told) = (&row[0], &row[1]);
        let path: Vec<&str> = key.split('.').collect();
        match default_of(schema, &path) {
            Some(default) => assert_eq!(*told, default, "{key}"),
            None => assert!(
                !told.is_empty() && !told.contains('`') || told == "those of `[admin]`",
                "{key}: {told}"
            ),
        }
    }
}

/// The sections of the page of the agent file: the path in the schema, and the text.
fn sections(page: &str) -> Vec<(Vec<String>, String)> {
    let section = |part: &str| {
        let (title, text) = part.split_once('\n').unwrap();
        let path = title.strip_prefix("`[")?.strip_suffix("]`")?;
        let path = path.split('.').map(|part| part.replace("NAME", "*"));
        Some((path.collect(), text.to_owned()))
    };
    page.split("\n## ").filter_map(section).collect()
}

/// How the page calls what the schema says.
fn type_of(setting: &Value) -> &'static str {
    let pattern = setting["pattern"].as_str().unwrap_or_default();
    match setting["type"].as_str() {
        None if setting["enum"].is_array() => "word",
        Some("boolean") => "flag",
        Some("integer") => "number",
        Some("object") => "table",
        Some("array") if setting["maxItems"] == 256 => "command",
        Some("array") => "list",
        Some("string") if pattern.contains("ms|s|m") => "time",
        Some("string") if pattern.contains("KMGT") => "size",
        Some("string") if pattern.ends_with("%$") => "share",
        Some("string") if pattern.starts_with("^[0-9]+ */") => "rate",
        Some("string") => "text",
        None => type_of(&setting["oneOf"][0]),
        Some(other) => panic!("{other}"),
    }
}

#[test]
fn the_page_of_the_agent_file_lists_every_key_with_its_type_and_default() {
    let schema = schema();
    let mut wanted = BTreeSet::new();
    described(&schema, "", &mut wanted);
    wanted.retain(|key| key != "/schema" && !key.starts_with("/proxy/"));
    let mut listed = BTreeSet::new();
    for (section, text) in sections(&page("agent-file.md")) {
        let inner = section.iter().fold(&schema, |schema, key| match key.as_str() {
            "*" => &schema["additionalProperties"],
            key => &schema["properties"][key],
        });
        for row in rows(&text) {
            let [key, kind, default, what] = &row[..] else { panic!("{row:?}") };
            let path: Vec<&str> = key.split('.').collect();
            let (setting, _) = setting(inner, &path);
            let kind = if kind == "path" { "text" } else { kind };
            assert_eq!(kind, type_of(setting), "{section:?} {key}");
            match default_of(inner, &path) {
                Some(wanted) => assert_eq!(*default, wanted, "{section:?} {key}"),
                None => assert!(!default.is_empty() && !default.contains('`'), "{key}: {default}"),
            }
            assert!(!what.is_empty(), "{key}");
            let whole = format!("/{}/{}", section.join("/"), path.join("/"));
            assert!(listed.insert(whole), "{key} is listed twice");
        }
    }
    assert_eq!(listed, wanted);
}

#[test]
fn the_examples_of_the_page_make_one_file_that_uses_every_key() {
    let page = page("agent-file.md");
    let examples = page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let file = examples.collect::<Vec<_>>().join("\n");
    let loaded = load(&Input::from_file("page.toml", file));
    let codes: Vec<&str> = loaded.report.diagnostics().map(|doubt| doubt.code).collect();
    assert_eq!(codes, ["inline-secret"], "{:#?}", loaded.report.diagnostics().collect::<Vec<_>>());
    assert!(loaded.config.is_some());
    let mut unused = BTreeSet::new();
    described(&schema(), "", &mut unused);
    unused.retain(|key| !key.starts_with("/proxy/"));
    for line in loaded.shown.iter().filter(|line| line.origin != Origin::Default) {
        let mut path = path_of(&line.key);
        if ["target", "probe", "hook", "notify"].contains(&path[0].as_str()) {
            path[1] = "*".to_owned();
        }
        unused.remove(&format!("/{}", path.join("/")));
    }
    assert!(unused.is_empty(), "no example shows {unused:?}");
}
