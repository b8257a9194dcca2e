//! From what was seen of a statement to its effect.

use super::lexer::Token;
use super::scan::{Mark, Scan, is_one_of};
use super::{Advisory, Direction, Discard, Effect, Hold, Name, Reading, Scope, Statement, Target};

/// The longest first word that is known.
const LONGEST: usize = 10;

impl<'q> Scan<'q> {
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
            b"select" | b"values" | b"table" => self.selecting(),
            b"with" => self.reading(),
            // A WITH within may write elsewhere.
            b"insert" if (self.seen.withs, self.seen.writes) == (Mark::Present, Mark::Present) => {
                Effect::Write(Target::Unknown)
            }
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
        if self.seen.writes == Mark::Present { Effect::Write(Target::Unknown) } else { self.selecting() }
    }

    /// A read by its first word: only a leading WITH can hold writes.
    fn selecting(&self) -> Effect<'q> {
        if let Some(at) = self.seen.into {
            return self.made_by_into(at);
        }
        Effect::Read(match (self.seen.locks, self.seen.calls) {
            (Mark::Present, _) => Reading::Locking,
            (Mark::Absent, Mark::Present) => Reading::Calling,
            (Mark::Absent, Mark::Absent) => Reading::Plain,
        })
    }

    /// `SELECT ... INTO [TEMP] name`.
    fn made_by_into(&self, at: usize) -> Effect<'q> {
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
        let known = &["restart", "continue", "cascade", "restrict"];
        // A comma, or a star and then a comma: more tables.
        let is_alone = self.at(next).is_none() || self.any_at(next, known);
        if is_alone { target } else { Target::Unknown }
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
