//! A TOML file as its author wrote it: every value knows its place, and every fault is collected.
//!
//! `config` and `policy` read their files through this room. A reader asks a [`Table`] for the keys it knows;
//! whatever is missing, mistyped or left over becomes a [`Diagnostic`] in [`Faults`] and reading goes on, so
//! that one run of `check` shows all faults at once. Pure.

mod faults;
mod table;
mod value;

pub use faults::Faults;
pub use table::Table;
pub use value::{Text, Value};

use toml::Spanned;
use toml::de::DeTable;

use crate::model::diagnostic::Diagnostic;

/// The largest file that is read, in bytes.
pub const SOURCE_MAX: usize = 1 << 20;

/// Parses `source` and hands its root table to `read`. Faults of syntax are collected and what could be
/// parsed is read all the same.
pub fn read<T>(
    source: &str,
    faults: &mut Faults,
    read: impl FnOnce(Table<'_>, &mut Faults) -> T,
) -> Option<T> {
    if source.len() > SOURCE_MAX {
        faults.push(Diagnostic::error("too-large", 0..0, format!("a file has at most {SOURCE_MAX} bytes")));
        return None;
    }
    let (root, errors) = DeTable::parse_recoverable(source);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        faults.push(Diagnostic::error("syntax", span, error.message().to_owned()));
    }
    let table = Table::new(root.get_ref(), root.span(), source);
    Some(read(table, faults))
}

/// The root table of several sources that have been put together; all places in it refer to `source`.
pub fn assembled<'d>(root: &'d Spanned<DeTable<'d>>, source: &'d str) -> Table<'d> {
    Table::new(root.get_ref(), root.span(), source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(source: &str, reader: impl FnOnce(Table<'_>, &mut Faults)) -> Vec<(&'static str, String)> {
        let mut faults = Faults::default();
        read(source, &mut faults, reader);
        faults.into_sorted().into_iter().map(|fault| (fault.code, source[fault.span].to_owned())).collect()
    }

    #[test]
    fn all_faults_come_at_once_each_in_its_place() {
        let source = "name = 3\nevery = \"5\"\ncolour = true\n[tier]\nx = 1\n";
        let found = codes(source, |mut root, faults| {
            root.text("name", faults);
            root.span_of_time("every", faults);
            root.text("about", faults);
            root.require("schema", faults);
            root.finish(faults);
        });
        assert_eq!(
            found,
            [
                ("missing-key", String::new()),
                ("wrong-type", "3".to_owned()),
                ("bad-value", "\"5\"".to_owned()),
                ("unknown-key", "colour".to_owned()),
                ("unknown-key", "tier".to_owned()),
            ]
        );
    }

    #[test]
    fn variants_are_words_or_tables_of_one_key() {
        let source = "do = [\"snapshot\", { stop = { grace = \"5s\" } }, { a = 1, b = 2 }, 7]";
        let found = codes(source, |mut root, faults| {
            let items = root.list("do", faults).unwrap_or_default();
            let names: Vec<_> =
                items.iter().filter_map(|item| item.variant(faults)).map(|(t, _)| t.value).collect();
            assert_eq!(names, ["snapshot", "stop"]);
        });
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_place_inside_a_string_is_found_in_the_file() {
        let source = "raise = \"fd.open > 20m\"";
        let mut faults = Faults::default();
        read(source, &mut faults, |mut root, faults| {
            let text = root.text("raise", faults).unwrap();
            assert_eq!(&source[text.at(10..13)], "20m");
        });
        let escaped = "raise = \"fd\\u002eopen > 20m\"";
        read(escaped, &mut faults, |mut root, faults| {
            let text = root.text("raise", faults).unwrap();
            assert_eq!(text.at(10..13), text.span);
        });
    }

    #[test]
    fn broken_syntax_is_told_and_the_rest_still_read() {
        let mut faults = Faults::default();
        let name = read("name = \"x\"\nfoo = = 3\n", &mut faults, |mut root, faults| {
            root.text("name", faults).map(|text| text.value.to_string())
        });
        assert_eq!(name.flatten().as_deref(), Some("x"));
        assert!(faults.any_error());
    }
}
