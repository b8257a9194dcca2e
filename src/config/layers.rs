//! Files, drop-ins, variables and flags laid over each other into one table, every value keeping its place.
//!
//! Tables merge key by key, everything else is replaced whole. Keys of which only one may be given (the
//! variants of `match`, a hook's `run` or `http`) replace each other across layers and exclude each other
//! within one.

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::sources::Sources;
use crate::document::{Faults, SOURCE_MAX};
use crate::model::diagnostic::Diagnostic;

/// Keys of which a later layer's one puts the earlier layer's other aside: the path (`*` is any name), the keys.
const ALTERNATIVES: &[(&[&str], &[&str])] = &[
    (&["target", "*", "match"], super::matching::WORDS),
    (&["notify", "*"], super::receiver::WAYS),
    (&["hook", "*"], &["run", "http"]),
    (&["probe", "*"], &["run", "http"]),
];

/// The code of text that is no TOML.
pub(super) const SYNTAX: &str = "syntax";
/// The deepest nesting of tables by dotted keys: more is refused before it is parsed.
const DOTS_MAX: usize = 64;

/// Parses one file at its place in `source`; faults of syntax are collected.
pub(super) fn parse<'s>(
    source: &'s str,
    at: std::ops::Range<usize>,
    faults: &mut Faults,
) -> Option<DeTable<'s>> {
    if at.len() > SOURCE_MAX {
        let message = format!("a file has at most {SOURCE_MAX} bytes");
        faults.push(Diagnostic::error("too-large", at.start..at.start, message));
        return None;
    }
    let text = &source[at.clone()];
    if let Some(place) = too_many_dots(text) {
        let place = at.start + place;
        faults.push(Diagnostic::error("too-deep", place..place, "a key has too many parts"));
        return None;
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let span = at.start + span.start..at.start + span.end;
        let code = if error.message() == "duplicate key" { "duplicate-key" } else { SYNTAX };
        faults.push(Diagnostic::error(code, span, error.message().to_owned()));
    }
    Some(shifted_table(root.into_inner(), at.start))
}

/// The first line that could hold a key of absurd depth: each part is a table, and tables are walked by recursion.
fn too_many_dots(text: &str) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if longest_run(line) > DOTS_MAX {
            return Some(start);
        }
        start += line.len();
    }
    None
}

/// The most dots between two characters that no dotted key holds outside quotes.
fn longest_run(line: &str) -> usize {
    line.split(['=', '{', ',', '#', '[']).map(|key| key.matches('.').count()).max().unwrap_or(0)
}

/// The same value with every place moved by `by` bytes.
pub(super) fn shifted(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = value.span();
    let moved = match value.into_inner() {
        DeValue::Array(items) => DeValue::Array(items.into_iter().map(|item| shifted(item, by)).collect()),
        DeValue::Table(table) => DeValue::Table(shifted_table(table, by)),
        scalar => scalar,
    };
    Spanned::new(span.start + by..span.end + by, moved)
}

fn shifted_table(table: DeTable<'_>, by: usize) -> DeTable<'_> {
    let entry = |(key, value): (Spanned<_>, _)| {
        let span = key.span();
        (Spanned::new(span.start + by..span.end + by, key.into_inner()), shifted(value, by))
    };
    table.into_iter().map(entry).collect()
}

/// Lays tables over each other.
pub(super) struct Laying<'a> {
    /// Where the conflicts go.
    pub(super) faults: &'a mut Faults,
    /// To say where the other side of a conflict stands.
    pub(super) sources: &'a Sources,
    path: Vec<String>,
}

type Key<'s> = Spanned<DeString<'s>>;

impl<'a> Laying<'a> {
    pub(super) fn new(faults: &'a mut Faults, sources: &'a Sources) -> Self {
        Self { faults, sources, path: Vec::new() }
    }

    /// Lays `over` on `base`.
    pub(super) fn merge<'s>(&mut self, base: &mut DeTable<'s>, over: DeTable<'s>) {
        self.put_alternatives_aside(base, &over);
        for (key, value) in over {
            let (key, value) = match base.remove_entry(key.get_ref().as_ref()) {
                Some(below) => self.lay(below, (key, value)),
                None => (key, value),
            };
            base.insert(key, value);
        }
    }

    fn lay<'s>(
        &mut self,
        below: (Key<'s>, Spanned<DeValue<'s>>),
        above: (Key<'s>, Spanned<DeValue<'s>>),
    ) -> (Key<'s>, Spanned<DeValue<'s>>) {
        let span = below.1.span();
        match (below.1.into_inner(), above.1) {
            (DeValue::Table(mut base), above_value) if above_value.get_ref().is_table() => {
                if let DeValue::Table(over) = above_value.into_inner() {
                    self.path.push(above.0.get_ref().to_string());
                    self.merge(&mut base, over);
                    self.path.pop();
                }
                (below.0, Spanned::new(span, DeValue::Table(base)))
            }
            (lower, upper) if clash(&lower, upper.get_ref()) => {
                let (key, kind) = (above.0.get_ref(), upper.get_ref().type_str());
                let message =
                    format!("`{key}` is of type {kind} here and of type {} before", lower.type_str());
                let help = format!("the earlier one is at {}", self.sources.origin(&below.0.span()));
                self.faults.push(Diagnostic::error("layer-conflict", upper.span(), message).help(help));
                (below.0, Spanned::new(span, lower))
            }
            (_, upper) => (above.0, upper),
        }
    }

    fn put_alternatives_aside(&self, base: &mut DeTable<'_>, over: &DeTable<'_>) {
        let here = |pattern: &[&str]| {
            pattern.len() == self.path.len()
                && pattern.iter().zip(&self.path).all(|(want, part)| *want == "*" || want == part)
        };
        for (_, keys) in ALTERNATIVES.iter().filter(|(pattern, _)| here(pattern)) {
            if keys.iter().any(|key| over.contains_key(*key)) {
                for key in keys.iter().filter(|key| !over.contains_key(**key)) {
                    base.remove(*key);
                }
            }
        }
    }
}

/// A table against a single value; a list may stand for either, as in `child = [...]`.
fn clash(lower: &DeValue<'_>, upper: &DeValue<'_>) -> bool {
    lower.is_table() != upper.is_table() && !lower.is_array() && !upper.is_array()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::sources::Kind;

    fn merged(texts: &[&str]) -> (String, Vec<&'static str>) {
        let mut sources = Sources::default();
        let places: Vec<_> = texts.iter().map(|text| sources.add(Kind::Flag, text)).collect();
        let mut faults = Faults::default();
        let mut base = DeTable::new();
        for at in places {
            let over = parse(sources.text(), at, &mut faults).unwrap_or_default();
            Laying::new(&mut faults, &sources).merge(&mut base, over);
        }
        (flat(&base, "").join(" "), faults.into_sorted().into_iter().map(|fault| fault.code).collect())
    }

    fn flat(table: &DeTable<'_>, path: &str) -> Vec<String> {
        let entry = |(key, value): (&Key<'_>, &Spanned<DeValue<'_>>)| {
            let path = format!("{path}/{}", key.get_ref());
            match value.get_ref() {
                DeValue::Table(inner) => flat(inner, &path),
                other => vec![format!("{path}@{}:{}", value.span().start, other.type_str())],
            }
        };
        table.iter().flat_map(entry).collect()
    }

    #[test]
    fn tables_merge_key_by_key_and_the_rest_is_replaced() {
        let (tables, codes) = merged(&["[a]\nx = 1\nl = [1, 2]", "[a]\ny = 2\nl = [3]"]);
        assert_eq!(tables, "/a/l@35:array /a/x@8:integer /a/y@29:integer");
        assert!(codes.is_empty());
    }

    #[test]
    fn a_later_way_to_match_puts_the_earlier_aside() {
        let (tables, _) = merged(&["[target.b]\nmatch.unit = \"x\"", "target.b.match.pid = 3"]);
        assert!(tables.starts_with("/target/b/match/pid@"), "{tables}");
        assert!(!tables.contains("unit"));
        let (both, _) = merged(&["[target.b.match]\nunit = \"x\"\npid = 3"]);
        assert!(both.contains("unit") && both.contains("pid"));
    }

    #[test]
    fn a_table_against_a_value_is_a_conflict_and_the_earlier_stays() {
        let (tables, codes) = merged(&["[admin]\nsocket = \"s\"", "admin = 3"]);
        assert!(tables.starts_with("/admin/socket"), "{tables}");
        assert_eq!(codes, ["layer-conflict"]);
    }

    #[test]
    fn absurd_depth_is_refused_before_the_parser_follows_it() {
        let deep = format!("{}a = 1", "a.".repeat(200_000));
        assert_eq!(merged(&[&deep]).1, ["too-deep"]);
        let header = format!("[{}a]", "a.".repeat(200_000));
        assert_eq!(merged(&[&header]).1, ["too-deep"]);
        let inline = format!("x = {{ {}a = 1 }}", "a.".repeat(200_000));
        assert_eq!(merged(&[&inline]).1, ["too-deep"]);
    }
}
