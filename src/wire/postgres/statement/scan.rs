//! The tokens of one statement, as far as they tell what it does.

use super::lexer::{Lexed, Token};
use super::{Advisory, Direction, Name, Quoting, Target};

/// So many tokens of a statement's start are kept: all that names what it does.
const HEAD: usize = 10;

/// What was seen of a statement so far.
pub(super) struct Scan<'q> {
    pub(super) text: &'q [u8],
    pub(super) head: [Lexed; HEAD],
    pub(super) kept: usize,
    last: Lexed,
    depth: usize,
    /// Blocks of SQL in a function's body that are open: `BEGIN ATOMIC`.
    blocks: usize,
    pub(super) seen: Seen,
}

/// Words that matter wherever they stand, but for the first.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) into: Option<usize>,
    /// FOR: only behind it are rows locked.
    fors: Mark,
    pub(super) locks: Mark,
    pub(super) withs: Mark,
    pub(super) writes: Mark,
    pub(super) calls: Mark,
    pub(super) hold: Mark,
    pub(super) config: Mark,
    pub(super) advisory: Option<Advisory>,
    pub(super) direction: Option<Direction>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Mark {
    #[default]
    Absent,
    Present,
}

impl<'q> Scan<'q> {
    pub(super) fn new(text: &'q [u8], first: Lexed) -> Self {
        Self {
            text,
            head: [first; HEAD],
            kept: 1,
            last: first,
            depth: usize::from(first.token == Token::Open),
            blocks: 0,
            seen: Seen::default(),
        }
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

    pub(super) fn bytes(&self, token: Lexed) -> &'q [u8] {
        &self.text[token.start..token.end]
    }

    pub(super) fn is(&self, token: Lexed, word: &str) -> bool {
        token.token == Token::Word && self.bytes(token).eq_ignore_ascii_case(word.as_bytes())
    }

    /// A word anywhere. Almost all leave by their length or first letter.
    fn word_seen(&mut self, token: Lexed) {
        let bytes = self.bytes(token);
        match (bytes.len(), bytes[0] | 0x20) {
            (4, b'i') if self.is(token, "into") && self.depth == 0 && self.seen.into.is_none() => {
                self.seen.into = Some(token.end);
            }
            (4, b'w') if self.is(token, "with") => self.seen.withs = Mark::Present,
            (3, b'f') if self.is(token, "for") => self.seen.fors = Mark::Present,
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

    /// `FOR UPDATE`, `FOR NO KEY UPDATE`, or a write; `DO UPDATE` is part of an INSERT.
    fn update_seen(&mut self) {
        if self.locks_rows() {
            self.seen.locks = Mark::Present;
        } else if !self.is(self.last, "do") {
            self.seen.writes = Mark::Present;
        }
    }

    /// `FOR SHARE`, `FOR KEY SHARE`.
    fn lock_seen(&mut self) {
        if self.locks_rows() {
            self.seen.locks = Mark::Present;
        }
    }

    /// Whether what came before makes UPDATE or SHARE the strength of a lock.
    fn locks_rows(&self) -> bool {
        let behind_key = self.is(self.last, "key") && self.seen.fors == Mark::Present;
        self.is(self.last, "for") || behind_key
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

    pub(super) fn name(&self, token: Lexed) -> Name<'q> {
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
    pub(super) fn at(&self, index: usize) -> Option<Lexed> {
        self.head[..self.kept].get(index).copied()
    }

    pub(super) fn is_at(&self, index: usize, word: &str) -> bool {
        self.at(index).is_some_and(|token| self.is(token, word))
    }

    pub(super) fn any_at(&self, index: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_at(index, word))
    }

    /// The name at a place of the head; where there is none, an empty one.
    pub(super) fn name_at(&self, index: usize) -> Name<'q> {
        self.at(index).map_or(Name::bare(b""), |token| self.name(token))
    }

    /// The last part of the qualified name that begins at a place of the head, and what follows it.
    pub(super) fn table_at(&self, mut index: usize) -> (Target<'q>, usize) {
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
}

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

pub(super) fn is_keyword(word: &[u8]) -> bool {
    is_one_of(word, KEYWORDS)
}

pub(super) fn is_one_of(word: &[u8], words: &[&str]) -> bool {
    words.iter().any(|own| word.eq_ignore_ascii_case(own.as_bytes()))
}

/// What a function's name says of advisory locks.
pub(super) fn advisory(name: &[u8]) -> Option<Advisory> {
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
