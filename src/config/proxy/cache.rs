//! `cache`: reads that are answered for a time without the upstream.

use std::time::Duration;

use super::Mode;
use crate::config::section::{Context, Section};
use crate::config::show::{Show, Size, quoted};
use crate::config::{defaults, read};
use crate::document::{Faults, Value};
use crate::model::diagnostic::Diagnostic;
use crate::model::units::format_span;
use crate::wire::postgres::statement::{Calls, Kept, Strings, Unfit, kept, normalise};

/// The most declared reads.
const QUERIES_MAX: usize = 256;
const KIB: u64 = 1 << 10;
/// The largest cache.
const CACHE_MAX: u64 = 4 << 30;
/// The most tables that are named of one read.
const TABLES_MAX: usize = 64;

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
    /// A larger answer is not kept.
    pub size: u64,
    /// Tables that it depends on beside the names in it, as the server knows them.
    pub tables: Vec<String>,
}

impl Show for CachedQuery {
    fn show(&self) -> String {
        let (query, ttl) = (quoted(&self.query), quoted(&format_span(self.ttl)));
        let tables = match &*self.tables {
            [] => String::new(),
            tables => format!(", tables = {}", tables.to_vec().show()),
        };
        format!("{{ query = {query}, ttl = {ttl}, size = {}{tables} }}", Size(self.size).show())
    }
}

/// Reads `cache` and `cache_size`.
pub(super) fn read(section: &mut Section<'_>, mode: Mode, cx: &mut Context<'_>) -> Cache {
    let size = read::size(4 * KIB..=CACHE_MAX);
    let Size(size) = section.or(cx, "cache_size", Size(defaults::CACHE_SIZE), size);
    let queries = section.or(cx, "cache", Vec::new(), |value, faults| queries(value, size, faults));
    if mode == Mode::Session && !queries.is_empty() {
        let span = section.key_span("cache").unwrap_or_else(|| section.span());
        let message =
            "with pool.mode = \"session\" nobody knows what a client has set, so no answer can be kept";
        cx.faults.push(
            Diagnostic::error("cache-in-session", span, message)
                .help("use transaction mode, or take `cache` out"),
        );
    }
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
        if found.iter().any(|other| normal(&other.query) == normal(&query.query)) {
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
    let tables = table.value("tables").and_then(|value| tables(value, faults)).unwrap_or_default();
    table.finish(faults);
    Some(CachedQuery { query: query?, ttl: ttl?, size: size?, tables })
}

fn text_of_read(value: Value<'_>, faults: &mut Faults) -> Option<String> {
    let text = read::text(value, faults)?;
    match kept(text.as_bytes(), Strings::Standard) {
        Ok(Kept { calls: Calls::Still | Calls::Moving, .. }) => {}
        Ok(Kept { calls: Calls::Unseen, .. }) => {
            let message =
                "what this read calls may read any table: every write through this proxy drops its answers";
            let note = Diagnostic::note("reads-unseen", value.span(), message);
            faults.push(note.help("functions that the server brings along and that only compute are known"));
        }
        Err(unfit) => {
            let fault =
                Diagnostic::error("not-kept", value.span(), format!("its answer can't be kept: {unfit}"));
            faults.push(fault.help(match unfit {
                Unfit::NotOne => "declare one SELECT, WITH, VALUES, TABLE or SHOW",
                Unfit::NotARead | Unfit::Locks => "only reads are kept",
                Unfit::Moves(_) => "have the client send the moment as a parameter",
                Unfit::Escapes => "write the name in plain double quotes",
            }));
            return None;
        }
    }
    Some(text)
}

fn tables(value: Value<'_>, faults: &mut Faults) -> Option<Vec<String>> {
    let items = value.list(faults)?;
    if items.len() > TABLES_MAX {
        let message = format!("at most {TABLES_MAX} tables are named of one read");
        faults.push(Diagnostic::error("too-many", value.span(), message));
        return None;
    }
    let names = items.into_iter().filter_map(|item| {
        let name = read::text(item, faults)?;
        if name.contains('.') {
            let fault = Diagnostic::error("with-schema", item.span(), "a table is named without its schema");
            faults.push(fault.help("a write to a table of that name drops the answers, whatever its schema"));
            return None;
        }
        Some(name)
    });
    Some(names.collect())
}

/// What texts that mean the same have in common.
fn normal(text: &str) -> Vec<u8> {
    let mut normal = Vec::new();
    normalise(text.as_bytes(), Strings::Standard, &mut normal);
    normal
}
