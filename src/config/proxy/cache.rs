//! `cache`: reads that are answered for a time without the upstream.

use std::time::Duration;

use crate::config::section::{Context, Section};
use crate::config::show::{Show, Size, quoted};
use crate::config::{defaults, read};
use crate::document::{Faults, Value};
use crate::model::diagnostic::Diagnostic;
use crate::model::units::format_span;

/// The most declared reads.
const QUERIES_MAX: usize = 256;
const KIB: u64 = 1 << 10;
/// The largest cache.
const CACHE_MAX: u64 = 4 << 30;
/// Words that a read starts with.
const READS: &[&str] = &["select", "with", "values", "table", "show"];

/// Answers that are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cache {
    /// All answers together have at most so many bytes.
    pub size: u64,
    /// What is kept; nothing where empty.
    pub queries: Vec<CachedQuery>,
}

/// A read whose answers are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CachedQuery {
    /// Its text as written.
    pub query: String,
    /// An answer is good for so long.
    pub ttl: Duration,
    /// Its answers, one for each set of parameters, have at most so many bytes together.
    pub size: u64,
}

impl Show for CachedQuery {
    fn show(&self) -> String {
        let (query, ttl) = (quoted(&self.query), quoted(&format_span(self.ttl)));
        format!("{{ query = {query}, ttl = {ttl}, size = {} }}", Size(self.size).show())
    }
}

/// Reads `cache` and `cache_size`.
pub(super) fn read(section: &mut Section<'_>, cx: &mut Context<'_>) -> Cache {
    let size = read::size(4 * KIB..=CACHE_MAX);
    let Size(size) = section.or(cx, "cache_size", Size(defaults::CACHE_SIZE), size);
    let queries = section.or(cx, "cache", Vec::new(), |value, faults| queries(value, size, faults));
    Cache { size, queries }
}

fn queries(value: Value<'_>, size: u64, faults: &mut Faults) -> Option<Vec<CachedQuery>> {
    let items = value.list(faults)?;
    if items.len() > QUERIES_MAX {
        let message = format!("at most {QUERIES_MAX} reads are cached");
        faults.push(Diagnostic::error("too-many", value.span(), message));
        return None;
    }
    let mut found: Vec<CachedQuery> = Vec::new();
    for item in items {
        let Some(query) = query(item, size, faults) else { continue };
        if found.iter().any(|other| other.query == query.query) {
            faults.push(Diagnostic::error("listed-twice", item.span(), "this read is listed twice"));
        }
        found.push(query);
    }
    Some(found)
}

fn query(value: Value<'_>, whole: u64, faults: &mut Faults) -> Option<CachedQuery> {
    let mut table = value.table(faults)?;
    let query = table.require("query", faults).and_then(|text| text_of_read(text, faults));
    let ttl = Duration::from_millis(1)..=Duration::from_hours(24);
    let ttl = table.require("ttl", faults).and_then(|value| read::span(ttl)(value, faults));
    let usual = defaults::CACHE_QUERY_SIZE.min(whole);
    let size = match table.value("size") {
        None => Some(usual),
        Some(value) => read::size(KIB..=whole)(value, faults).map(|Size(size)| size),
    };
    table.finish(faults);
    Some(CachedQuery { query: query?, ttl: ttl?, size: size? })
}

fn text_of_read(value: Value<'_>, faults: &mut Faults) -> Option<String> {
    let text = read::text(value, faults)?;
    let word = text.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or("");
    if READS.iter().any(|read| word.eq_ignore_ascii_case(read)) {
        return Some(text);
    }
    let fault = Diagnostic::error("not-a-read", value.span(), "only reads are cached");
    faults.push(fault.help(format!("a read starts with {}", READS.join(", "))));
    None
}
