//! What a statement does to its session, as seen from its words. No parser: enough to know what a pooler must
//! keep a server for, what it may route, and which table a write touches.
//!
//! What is not plain is told as the worse: `Target::Unknown` is any table, a call may do anything. What a
//! function or a `DO` block does inside is not seen, nor names that are written by Unicode escapes.

mod classify;
mod lexer;
mod normalise;
mod quick;
mod scan;
mod survey;

pub use lexer::Strings;
pub use normalise::{literals, normalise, skeleton};
pub use survey::{Calls, Kept, Unfit, calls, kept};

use lexer::{Lexer, Token};
use scan::Scan;

/// What a statement does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect<'q> {
    /// Reads: SELECT, VALUES, TABLE, WITH, EXPLAIN.
    Read(Reading),
    /// Writes rows: INSERT, UPDATE, DELETE, MERGE, TRUNCATE, also within WITH or EXPLAIN.
    Write(Target<'q>),
    /// COPY.
    Copy(Direction, Target<'q>),
    /// BEGIN, START TRANSACTION.
    Begin,
    /// COMMIT, END.
    Commit,
    /// ROLLBACK, ABORT, but not to a savepoint.
    Rollback,
    /// SAVEPOINT, RELEASE, ROLLBACK TO.
    Savepoint,
    /// PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED.
    TwoPhase,
    /// SET.
    Set(Scope, Name<'q>),
    /// RESET of one parameter, or of all.
    Reset(Option<Name<'q>>),
    /// SHOW.
    Show,
    /// DISCARD.
    Discard(Discard),
    /// LISTEN.
    Listen,
    /// UNLISTEN.
    Unlisten,
    /// NOTIFY.
    Notify,
    /// PREPARE.
    Prepare(Name<'q>),
    /// EXECUTE.
    Execute(Name<'q>),
    /// DEALLOCATE of one statement, or of all.
    Deallocate(Option<Name<'q>>),
    /// DECLARE a cursor.
    Declare(Hold),
    /// FETCH, MOVE, CLOSE.
    Cursor,
    /// Makes something that lasts as long as the session: CREATE TEMP, SELECT INTO TEMP.
    Temporary,
    /// CREATE, ALTER, DROP, GRANT and the like.
    Define,
    /// LOAD: a library stays loaded.
    Load,
    /// LOCK.
    LockTable,
    /// CALL, DO: code that is not seen.
    Call,
    /// VACUUM, ANALYZE, CLUSTER, REINDEX, CHECKPOINT.
    Maintain,
    /// Words that are not known here.
    Unknown,
}

/// How a read reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// Rows as they are.
    Plain,
    /// And calls functions, which may do anything.
    Calling,
    /// And locks rows: FOR UPDATE and its like.
    Locking,
}

/// The table that is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target<'q> {
    /// One with this name, whatever its schema.
    Table(Name<'q>),
    /// Any, or several.
    Unknown,
}

/// Which way a COPY goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Into a table.
    In,
    /// Out of a table or a query.
    Out,
}

/// How long a SET holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// To the session's end.
    Session,
    /// To the transaction's end: SET LOCAL, SET TRANSACTION, SET CONSTRAINTS.
    Transaction,
}

/// What a DISCARD drops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Discard {
    /// Everything.
    All,
    /// Plans, sequences' values or temporary tables only.
    Part,
}

/// How long a cursor lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hold {
    /// To the session's end.
    With,
    /// To the transaction's end.
    Without,
}

/// The strongest call of an advisory lock function.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Advisory {
    /// None is called.
    None,
    /// Held to the transaction's end.
    Transaction,
    /// Given back.
    Unlock,
    /// Held to the session's end.
    Session,
}

/// What a statement leaves in its session beyond the transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pin {
    /// A changed setting.
    Setting,
    /// A channel that is listened to.
    Listen,
    /// A prepared statement.
    Prepared,
    /// A cursor.
    Cursor,
    /// Temporary tables and the like.
    Temporary,
    /// An advisory lock.
    AdvisoryLock,
    /// A loaded library.
    Library,
}

/// A name of SQL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Name<'q> {
    bytes: &'q [u8],
    quoting: Quoting,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Quoting {
    /// In double quotes, which are not part of `bytes`; doubled ones within are.
    Quoted,
    Bare,
}

impl<'q> Name<'q> {
    const fn bare(bytes: &'q [u8]) -> Self {
        Self { bytes, quoting: Quoting::Bare }
    }

    /// The name as the server knows it: folded to lower case where it was not quoted.
    pub fn folded(&self) -> Vec<u8> {
        match self.quoting {
            Quoting::Bare => self.bytes.to_ascii_lowercase(),
            Quoting::Quoted => {
                let mut name = self.bytes.to_vec();
                let mut last_was_quote = false;
                name.retain(|byte| {
                    let doubled = *byte == b'"' && last_was_quote;
                    last_was_quote = *byte == b'"' && !doubled;
                    !doubled
                });
                name
            }
        }
    }

    /// Whether it is this name, written as the server knows it.
    pub fn is(&self, name: &[u8]) -> bool {
        match self.quoting {
            Quoting::Bare => {
                self.bytes.eq_ignore_ascii_case(name) && !name.iter().any(u8::is_ascii_uppercase)
            }
            Quoting::Quoted => self.folded() == name,
        }
    }
}

/// A statement of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statement<'q> {
    /// Its text, from its first word to before its semicolon.
    pub text: &'q [u8],
    /// What it does.
    pub effect: Effect<'q>,
    /// Which advisory locks it calls for.
    pub advisory: Advisory,
    /// Whether it calls `set_config`, for the session or for the transaction.
    pub sets_config: bool,
}

impl Statement<'_> {
    /// What it leaves behind in the session, the strongest first.
    pub fn pin(&self) -> Option<Pin> {
        let by_effect = match self.effect {
            Effect::Set(Scope::Session, _) => Some(Pin::Setting),
            Effect::Listen => Some(Pin::Listen),
            Effect::Prepare(_) => Some(Pin::Prepared),
            Effect::Declare(Hold::With) => Some(Pin::Cursor),
            Effect::Temporary => Some(Pin::Temporary),
            Effect::Load => Some(Pin::Library),
            Effect::Read(_)
            | Effect::Write(_)
            | Effect::Copy(..)
            | Effect::Begin
            | Effect::Commit
            | Effect::Rollback
            | Effect::Savepoint
            | Effect::TwoPhase
            | Effect::Set(Scope::Transaction, _)
            | Effect::Reset(_)
            | Effect::Show
            | Effect::Discard(_)
            | Effect::Unlisten
            | Effect::Notify
            | Effect::Execute(_)
            | Effect::Deallocate(_)
            | Effect::Declare(Hold::Without)
            | Effect::Cursor
            | Effect::Define
            | Effect::LockTable
            | Effect::Call
            | Effect::Maintain
            | Effect::Unknown => None,
        };
        let by_call = match self.advisory {
            Advisory::Session => Some(Pin::AdvisoryLock),
            Advisory::None | Advisory::Transaction | Advisory::Unlock => None,
        };
        by_call.or(by_effect).or(self.sets_config.then_some(Pin::Setting))
    }
}

/// The statements of a text, in order; empty ones are left out.
pub fn statements(text: &[u8], strings: Strings) -> Statements<'_> {
    Statements { quick: quick::quick(text), lexer: Lexer::new(text, strings) }
}

/// The statements of a text.
#[derive(Debug)]
pub struct Statements<'q> {
    /// The only one, where it took no tokens to tell.
    quick: Option<Statement<'q>>,
    lexer: Lexer<'q>,
}

impl<'q> Iterator for Statements<'q> {
    type Item = Statement<'q>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(only) = self.quick.take() {
            self.lexer.finish();
            return Some(only);
        }
        let first = loop {
            let token = self.lexer.next()?;
            if token.token != Token::Semicolon {
                break token;
            }
        };
        let mut scan = Scan::new(self.lexer.text(), first);
        let mut end = first.end;
        for token in self.lexer.by_ref() {
            if token.token == Token::Semicolon && scan.at_top() {
                break;
            }
            end = token.end;
            scan.see(token);
        }
        Some(scan.finish(&self.lexer.text()[first.start..end]))
    }
}

#[cfg(test)]
mod tests;
