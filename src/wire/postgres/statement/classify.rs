//! From the tokens of one statement to its effect.

use super::lexer::{Lexed, Token};
use super::{Advisory, Direction, Discard, Effect, Hold, Name, Quoting, Reading, Scope, Statement, Target};

/// So many tokens of a statement's start are kept: all that names what it does.
const HEAD: usize = 10;

/// What was seen of a statement so far.
pub(super) struct Scan<'q> {
    text: &'q [u8],
    head: [Lexed; HEAD],
    kept: usize,
    last: Lexed,
    depth: usize,
    /// Blocks of SQL in a function's body that are open: `BEGIN ATOMIC`.
    blocks: usize,
    seen: Seen,
}

/// Words that matter wherever they stand.
#[derive(Default)]
struct Seen {
    into: Option<usize>,
    locks: Mark,
    writes: Mark,
    calls: Mark,
    hold: Mark,
    config: Mark,
    advisory: Option<Advisory>,
    direction: Option<Direction>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Mark {
    #[default]
    Absent,
    Present,
}

impl<'q> Scan<'q> {
    pub(super) fn new(text: &'q [u8], first: Lexed) -> Self {
        let mut scan = Self {
            text,
            head: [first; HEAD],
            kept: 1,
            last: first,
            depth: usize::from(first.token == Token::Open),
            blocks: 0,
            seen: Seen::default(),
        };
        scan.word_seen(first);
        scan
    }

    /// Whether a semicolon ends the statement here.
    pub(super) fn at_top(&self) -> bool {
        self.depth == 0 && self.blocks == 0
    }

    /// Takes the next token.
    pub(super) fn see(&mut self, token: Lexed) {
        if self.kept < HEAD {
            self.head[self.kept] = token;
            self.kept += 1;
        }
        match token.token {
            Token::Open => {
                self.depth += 1;
                self.call_seen();
            }
            Token::Close => self.depth = self.depth.saturating_sub(1),
            Token::Word => self.word_seen(token),
            Token::Quoted
            | Token::Text
            | Token::Number
            | Token::Semicolon
            | Token::Dot
            | Token::Comma
            | Token::Symbol => {}
        }
        self.last = token;
    }

    fn bytes(&self, token: Lexed) -> &'q [u8] {
        &self.text[token.start..token.end]
    }

    fn is(&self, token: Lexed, word: &str) -> bool {
        token.token == Token::Word && self.bytes(token).eq_ignore_ascii_case(word.as_bytes())
    }

    /// A word anywhere. Almost all leave by their length or first letter.
    fn word_seen(&mut self, token: Lexed) {
        let bytes = self.bytes(token);
        match (bytes.len(), bytes[0] | 0x20) {
            (4, b'i') if self.is(token, "into") && self.depth == 0 && self.seen.into.is_none() => {
                self.seen.into = Some(token.end);
            }
            (6, b'i') if self.is(token, "insert") => self.seen.writes = Mark::Present,
            (5, b'm') if self.is(token, "merge") => self.seen.writes = Mark::Present,
            (6, b'd') if self.is(token, "delete") => self.seen.writes = Mark::Present,
            (6, b'u') if self.is(token, "update") => self.update_seen(),
            (5, b's') if self.is(token, "share") => self.lock_seen(),
            (4, b'h') if self.is(token, "hold") && self.is(self.last, "with") => {
                self.seen.hold = Mark::Present;
            }
            (4, b'f') if self.depth == 0 && self.is(token, "from") => {
                self.seen.direction = self.seen.direction.or(Some(Direction::In));
            }
            (2, b't') if self.depth == 0 && self.is(token, "to") => {
                self.seen.direction = self.seen.direction.or(Some(Direction::Out));
            }
            (6, b'a') if self.is(token, "atomic") && self.is(self.last, "begin") => self.blocks += 1,
            (4, b'c') if self.blocks > 0 && self.is(token, "case") => self.blocks += 1,
            (3, b'e') if self.blocks > 0 && self.is(token, "end") => self.blocks -= 1,
            _ => {}
        }
    }

    /// `FOR UPDATE`, `FOR NO KEY UPDATE`, or a write.
    fn update_seen(&mut self) {
        if self.is(self.last, "for") || self.is(self.last, "key") {
            self.seen.locks = Mark::Present;
        } else {
            self.seen.writes = Mark::Present;
        }
    }

    /// `FOR SHARE`, `FOR KEY SHARE`.
    fn lock_seen(&mut self) {
        if self.is(self.last, "for") || self.is(self.last, "key") {
            self.seen.locks = Mark::Present;
        }
    }

    /// An opening parenthesis: a call, where a name is before it.
    fn call_seen(&mut self) {
        let name = match self.last.token {
            Token::Quoted => self.name(self.last).bytes,
            Token::Word if is_keyword(self.bytes(self.last)) => return,
            Token::Word => self.bytes(self.last),
            Token::Text
            | Token::Number
            | Token::Semicolon
            | Token::Open
            | Token::Close
            | Token::Dot
            | Token::Comma
            | Token::Symbol => return,
        };
        self.seen.calls = Mark::Present;
        if name.eq_ignore_ascii_case(b"set_config") {
            self.seen.config = Mark::Present;
        }
        self.seen.advisory = self.seen.advisory.max(advisory(name));
    }

    fn name(&self, token: Lexed) -> Name<'q> {
        let bytes = self.bytes(token);
        match token.token {
            Token::Quoted => {
                let start = memchr::memchr(b'"', bytes).map_or(0, |at| at + 1);
                let inner = &bytes[start..];
                let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
                Name { bytes: inner, quoting: Quoting::Quoted }
            }
            Token::Word
            | Token::Text
            | Token::Number
            | Token::Semicolon
            | Token::Open
            | Token::Close
            | Token::Dot
            | Token::Comma
            | Token::Symbol => Name::bare(bytes),
        }
    }

    /// A token of the head.
    fn at(&self, index: usize) -> Option<Lexed> {
        self.head[..self.kept].get(index).copied()
    }

    fn is_at(&self, index: usize, word: &str) -> bool {
        self.at(index).is_some_and(|token| self.is(token, word))
    }

    fn any_at(&self, index: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_at(index, word))
    }

    /// The name at a place of the head; where there is none, an empty one.
    fn name_at(&self, index: usize) -> Name<'q> {
        self.at(index).map_or(Name::bare(b""), |token| self.name(token))
    }

    /// The last part of the qualified name that begins at a place of the head, and what follows it.
    fn table_at(&self, mut index: usize) -> (Target<'q>, usize) {
        let names = |token: Lexed| matches!(token.token, Token::Word | Token::Quoted);
        if self.is_at(index, "only") {
            index += 1;
        }
        while self.at(index + 1).is_some_and(|token| token.token == Token::Dot) {
            index += 2;
        }
        match self.at(index).filter(|token| names(*token)) {
            Some(token) => (Target::Table(self.name(token)), index + 1),
            None => (Target::Unknown, index + 1),
        }
    }

    /// The statement, now that all of it was seen.
    pub(super) fn finish(self, text: &'q [u8]) -> Statement<'q> {
        Statement {
            text,
            effect: self.effect(),
            advisory: self.seen.advisory.unwrap_or(Advisory::None),
            sets_config: self.seen.config == Mark::Present,
        }
    }

    fn effect(&self) -> Effect<'q> {
        let first = self.bytes(self.head[0]);
        if self.head[0].token == Token::Open {
            return self.reading();
        }
        let mut word = [0; LONGEST];
        let Some(word) = word.get_mut(..first.len()) else { return Effect::Unknown };
        word.copy_from_slice(first);
        word.make_ascii_lowercase();
        match &*word {
            b"select" | b"values" | b"table" | b"with" => self.reading(),
            b"insert" | b"merge" | b"delete" => Effect::Write(self.written(2)),
            b"update" => Effect::Write(self.table_at(1).0),
            b"begin" | b"start" => Effect::Begin,
            b"commit" | b"end" if self.is_at(1, "prepared") => Effect::TwoPhase,
            b"commit" | b"end" => Effect::Commit,
            b"rollback" | b"abort" => self.rollback(),
            b"savepoint" | b"release" => Effect::Savepoint,
            b"truncate" => Effect::Write(self.truncated()),
            b"copy" => self.copy(),
            b"set" => self.set(),
            b"reset" => self.reset(),
            b"show" => Effect::Show,
            b"discard" if self.is_at(1, "all") => Effect::Discard(Discard::All),
            b"discard" => Effect::Discard(Discard::Part),
            b"explain" => self.explain(),
            b"listen" => Effect::Listen,
            b"unlisten" => Effect::Unlisten,
            b"notify" => Effect::Notify,
            b"prepare" if self.is_at(1, "transaction") => Effect::TwoPhase,
            b"prepare" => Effect::Prepare(self.name_at(1)),
            b"execute" => Effect::Execute(self.name_at(1)),
            b"deallocate" => self.deallocate(),
            b"declare" if self.seen.hold == Mark::Present => Effect::Declare(Hold::With),
            b"declare" => Effect::Declare(Hold::Without),
            b"fetch" | b"move" | b"close" => Effect::Cursor,
            b"create" => self.create(),
            b"alter" | b"drop" | b"grant" | b"revoke" | b"comment" | b"security" | b"reassign"
            | b"refresh" | b"import" => Effect::Define,
            b"load" => Effect::Load,
            b"lock" => Effect::LockTable,
            b"call" | b"do" => Effect::Call,
            b"vacuum" | b"analyze" | b"analyse" | b"cluster" | b"reindex" | b"checkpoint" | b"repack" => {
                Effect::Maintain
            }
            _ => Effect::Unknown,
        }
    }

    fn reading(&self) -> Effect<'q> {
        if let Some(at) = self.seen.into {
            return self.made_by_into(at);
        }
        if self.seen.writes == Mark::Present {
            return Effect::Write(Target::Unknown);
        }
        Effect::Read(match (self.seen.locks, self.seen.calls) {
            (Mark::Present, _) => Reading::Locking,
            (Mark::Absent, Mark::Present) => Reading::Calling,
            (Mark::Absent, Mark::Absent) => Reading::Plain,
        })
    }

    /// `SELECT ... INTO [TEMP] name`, or an `INSERT INTO` behind a `WITH`.
    fn made_by_into(&self, at: usize) -> Effect<'q> {
        if self.seen.writes == Mark::Present {
            return Effect::Write(Target::Unknown);
        }
        let mut words =
            self.text[at..].split(|byte| !byte.is_ascii_alphabetic()).filter(|word| !word.is_empty());
        let next = words.next().unwrap_or_default();
        let next =
            if is_one_of(next, &["local", "global"]) { words.next().unwrap_or_default() } else { next };
        if is_one_of(next, &["temp", "temporary"]) { Effect::Temporary } else { Effect::Define }
    }

    /// The target behind `INSERT INTO`, `MERGE INTO`, `DELETE FROM`.
    fn written(&self, index: usize) -> Target<'q> {
        if self.any_at(index - 1, &["into", "from"]) { self.table_at(index).0 } else { Target::Unknown }
    }

    fn truncated(&self) -> Target<'q> {
        let (target, next) = self.table_at(if self.is_at(1, "table") { 2 } else { 1 });
        let more = self.at(next).is_some_and(|token| token.token == Token::Comma);
        if more { Target::Unknown } else { target }
    }

    fn rollback(&self) -> Effect<'q> {
        let at = if self.any_at(1, &["work", "transaction"]) { 2 } else { 1 };
        if self.is_at(at, "to") {
            Effect::Savepoint
        } else if self.is_at(at, "prepared") {
            Effect::TwoPhase
        } else {
            Effect::Rollback
        }
    }

    fn copy(&self) -> Effect<'q> {
        let direction = self.seen.direction.unwrap_or(Direction::In);
        let target = match self.at(1).map(|token| token.token) {
            Some(Token::Open) | None => Target::Unknown,
            Some(_) => self.table_at(if self.is_at(1, "binary") { 2 } else { 1 }).0,
        };
        Effect::Copy(direction, target)
    }

    fn set(&self) -> Effect<'q> {
        let (scope, at) = if self.is_at(1, "local") {
            (Scope::Transaction, 2)
        } else if self.is_at(1, "session") && !self.any_at(2, &["characteristics", "authorization"]) {
            (Scope::Session, 2)
        } else {
            (Scope::Session, 1)
        };
        if self.any_at(at, &["transaction", "constraints"]) {
            return Effect::Set(Scope::Transaction, self.name_at(at));
        }
        Effect::Set(scope, self.parameter(at))
    }

    fn reset(&self) -> Effect<'q> {
        let all = self.is_at(1, "all");
        Effect::Reset(if all { None } else { Some(self.parameter(1)) })
    }

    /// The parameter that is named at a place of the head, in SQL's own words or in its own.
    fn parameter(&self, at: usize) -> Name<'q> {
        let own: &[u8] = if self.is_at(at, "time") && self.is_at(at + 1, "zone") {
            b"timezone"
        } else if self.is_at(at, "names") {
            b"client_encoding"
        } else if self.is_at(at, "schema") {
            b"search_path"
        } else if self.is_at(at, "session") && self.is_at(at + 1, "characteristics") {
            b"default_transaction"
        } else if self.is_at(at, "session") {
            b"session_authorization"
        } else if self.is_at(at, "xml") {
            b"xmloption"
        } else {
            return self.qualified(at);
        };
        Name::bare(own)
    }

    /// A name with its dots, as written.
    fn qualified(&self, at: usize) -> Name<'q> {
        let Some(first) = self.at(at) else { return Name::bare(b"") };
        let mut last = at;
        while self.at(last + 1).is_some_and(|token| token.token == Token::Dot) && last + 2 < self.kept {
            last += 2;
        }
        if last == at { self.name(first) } else { Name::bare(&self.text[first.start..self.head[last].end]) }
    }

    fn explain(&self) -> Effect<'q> {
        let place = (1..self.kept).find(|at| self.is_at(*at, "execute"));
        match place {
            Some(at) => Effect::Execute(self.name_at(at + 1)),
            None => self.reading(),
        }
    }

    fn deallocate(&self) -> Effect<'q> {
        let at = if self.is_at(1, "prepare") { 2 } else { 1 };
        Effect::Deallocate(if self.is_at(at, "all") { None } else { Some(self.name_at(at)) })
    }

    fn create(&self) -> Effect<'q> {
        let mut at = 1;
        if self.is_at(at, "or") {
            at += 2;
        }
        if self.any_at(at, &["local", "global"]) {
            at += 1;
        }
        if self.any_at(at, &["temp", "temporary"]) { Effect::Temporary } else { Effect::Define }
    }
}

/// The longest first word that is known.
const LONGEST: usize = 10;

/// Words before a parenthesis that is no call.
const KEYWORDS: &[&str] = &[
    "all",
    "and",
    "any",
    "array",
    "as",
    "between",
    "by",
    "case",
    "conflict",
    "distinct",
    "else",
    "except",
    "exists",
    "filter",
    "from",
    "having",
    "in",
    "intersect",
    "into",
    "is",
    "join",
    "key",
    "lateral",
    "like",
    "ilike",
    "limit",
    "materialized",
    "not",
    "offset",
    "on",
    "or",
    "over",
    "returning",
    "row",
    "select",
    "set",
    "sets",
    "some",
    "then",
    "union",
    "using",
    "values",
    "when",
    "where",
    "with",
];

fn is_keyword(word: &[u8]) -> bool {
    is_one_of(word, KEYWORDS)
}

fn is_one_of(word: &[u8], words: &[&str]) -> bool {
    words.iter().any(|own| word.eq_ignore_ascii_case(own.as_bytes()))
}

/// What a function's name says of advisory locks.
fn advisory(name: &[u8]) -> Option<Advisory> {
    let of = behind(name, b"pg_try_advisory").or_else(|| behind(name, b"pg_advisory"))?;
    Some(if behind(of, b"_xact").is_some() {
        Advisory::Transaction
    } else if behind(of, b"_unlock").is_some() {
        Advisory::Unlock
    } else {
        Advisory::Session
    })
}

/// What follows a prefix that is written in any case.
fn behind<'n>(name: &'n [u8], prefix: &[u8]) -> Option<&'n [u8]> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}
