//! Which functions a text calls, and whether the answer to a read may be kept for a while.
//!
//! A function that is not known here may do anything, and an answer that is made anew each time (`now()`, `random()`,
//! a row lock) is none to keep. Which tables a read is of is not parsed: every name in it counts as one, so that none is
//! missed, and a column that is called like a table costs no more than an answer that goes too early.

use super::lexer::{Lexed, Lexer, Strings, Token};
use super::scan::{advisory, is_keyword, is_one_of};
use super::{Advisory, Effect, Name, Quoting, Reading, statements};

/// What the functions of a text do, the worst last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Calls {
    /// They go by their arguments and by rows alone.
    Still,
    /// They write no table, but give something else each time.
    Moving,
    /// Nobody knows here: they may write.
    Unseen,
}

/// Why the answer of a text can't be kept.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unfit {
    /// Several statements, or none.
    #[error("it is not one statement")]
    NotOne,
    /// It writes, or does something else than to read.
    #[error("it does more than to read")]
    NotARead,
    /// It locks rows.
    #[error("it locks rows")]
    Locks,
    /// Its answer is another one each time.
    #[error("`{0}` gives something else each time")]
    Moves(String),
    /// A name in it is written by Unicode escapes.
    #[error("a name in it is written by Unicode escapes")]
    Escapes,
}

/// A read whose answer can be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Every name in it, as the server knows it, tables among them; in order, each once.
    pub names: Vec<Vec<u8>>,
    /// Whether a function may read what these names do not tell.
    pub calls: Calls,
}

/// Whether the answer of a text can be kept, and what that depends on.
pub fn kept(text: &[u8], strings: Strings) -> Result<Kept, Unfit> {
    let mut all = statements(text, strings);
    let (Some(only), None) = (all.next(), all.next()) else { return Err(Unfit::NotOne) };
    match only.effect {
        Effect::Read(Reading::Plain | Reading::Calling) | Effect::Show => {}
        Effect::Read(Reading::Locking) => return Err(Unfit::Locks),
        Effect::Write(_)
        | Effect::Copy(..)
        | Effect::Begin
        | Effect::Commit
        | Effect::Rollback
        | Effect::Savepoint
        | Effect::TwoPhase
        | Effect::Set(..)
        | Effect::Reset(_)
        | Effect::Discard(_)
        | Effect::Listen
        | Effect::Unlisten
        | Effect::Notify
        | Effect::Prepare(_)
        | Effect::Execute(_)
        | Effect::Deallocate(_)
        | Effect::Declare(_)
        | Effect::Cursor
        | Effect::Temporary
        | Effect::Define
        | Effect::Load
        | Effect::LockTable
        | Effect::Call
        | Effect::Maintain
        | Effect::Unknown => return Err(Unfit::NotARead),
    }
    let mut walk = Walk::new(text, strings);
    let mut names = Vec::new();
    while let Some((token, call)) = walk.next() {
        let name = match walk.named(token) {
            Named::Plainly(name) => name,
            Named::ByEscapes => return Err(Unfit::Escapes),
            Named::Not => continue,
        };
        let moment = token.token == Token::Word && is_one_of(name.bytes, MOMENTS);
        if moment || call == Some(Calls::Moving) {
            return Err(Unfit::Moves(String::from_utf8_lossy(name.bytes).into_owned()));
        }
        names.push(name.folded());
    }
    names.sort_unstable();
    names.dedup();
    Ok(Kept { names, calls: calls(text, strings) })
}

/// The worst that the functions of a text do. CASCADE reaches tables that nobody names, and a name written by Unicode
/// escapes is not read here: both count as unseen.
pub fn calls(text: &[u8], strings: Strings) -> Calls {
    let mut walk = Walk::new(text, strings);
    let mut worst = Calls::Still;
    while let Some((token, call)) = walk.next() {
        let hidden = match walk.named(token) {
            Named::Plainly(name) => token.token == Token::Word && name.bytes.eq_ignore_ascii_case(b"cascade"),
            Named::ByEscapes => true,
            Named::Not => false,
        };
        worst = worst.max(call.unwrap_or(Calls::Still));
        if hidden {
            worst = Calls::Unseen;
        }
    }
    worst
}

/// What a token names.
enum Named<'q> {
    /// This, as a word or in plain double quotes.
    Plainly(Name<'q>),
    /// Something, in double quotes with Unicode escapes.
    ByEscapes,
    /// Nothing.
    Not,
}

/// What stands before a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Anything,
    /// A word or sign behind which a name with a parenthesis is no call: a table with its columns, an alias, a type.
    NoCall,
    /// A schema of somebody, and a dot.
    Schema,
    /// `pg_catalog`, and a dot.
    Catalogue,
}

/// The tokens of a text, each with what it calls where it is the name of a call.
struct Walk<'q> {
    lexer: Lexer<'q>,
    ahead: Option<Lexed>,
    last: Option<Lexed>,
    before: Before,
}

impl<'q> Walk<'q> {
    fn new(text: &'q [u8], strings: Strings) -> Self {
        let mut lexer = Lexer::new(text, strings);
        let ahead = lexer.next();
        Self { lexer, ahead, last: None, before: Before::Anything }
    }

    fn bytes(&self, token: Lexed) -> &'q [u8] {
        &self.lexer.text()[token.start..token.end]
    }

    fn next(&mut self) -> Option<(Lexed, Option<Calls>)> {
        let token = self.ahead?;
        self.ahead = self.lexer.next();
        self.look_back(token);
        self.last = Some(token);
        let opens = self.ahead.is_some_and(|next| next.token == Token::Open);
        Some((token, if opens { self.call(token) } else { None }))
    }

    /// Keeps what stands before this token.
    fn look_back(&mut self, token: Lexed) {
        let Some(last) = self.last else { return };
        let bytes = self.bytes(last);
        let schema = token.token == Token::Dot && matches!(last.token, Token::Word | Token::Quoted);
        let leads = last.token == Token::Word && is_one_of(bytes, NO_CALL) || bytes == b":";
        self.before = match (last.token, self.before) {
            // Within a qualified name, what stood before its schema holds on.
            (Token::Dot, before) => before,
            (_, Before::NoCall) if schema => Before::NoCall,
            (Token::Word, _) if schema && bytes.eq_ignore_ascii_case(b"pg_catalog") => Before::Catalogue,
            _ if schema => Before::Schema,
            _ if leads => Before::NoCall,
            _ => Before::Anything,
        };
    }

    fn named(&self, token: Lexed) -> Named<'q> {
        let bytes = self.bytes(token);
        match token.token {
            Token::Word => Named::Plainly(Name::bare(bytes)),
            Token::Quoted => match bytes.strip_prefix(b"\"") {
                Some(inner) => {
                    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
                    Named::Plainly(Name { bytes: inner, quoting: Quoting::Quoted })
                }
                None => Named::ByEscapes,
            },
            Token::Text
            | Token::Number
            | Token::Semicolon
            | Token::Open
            | Token::Close
            | Token::Dot
            | Token::Comma
            | Token::Symbol => Named::Not,
        }
    }

    /// What a call of this token's name does; none where it is no name of a function.
    fn call(&self, token: Lexed) -> Option<Calls> {
        if token.token == Token::Word && is_keyword(self.bytes(token)) {
            return None;
        }
        let name = self.named(token);
        match (self.before, &name) {
            (_, Named::Not) | (Before::NoCall, _) => None,
            (Before::Schema, _) | (_, Named::ByEscapes) => Some(Calls::Unseen),
            (Before::Anything | Before::Catalogue, Named::Plainly(name)) => Some(of_name(name)),
        }
    }
}

fn of_name(name: &Name<'_>) -> Calls {
    let folded = name.folded();
    let is = |words: &[&str]| words.iter().any(|word| word.as_bytes() == folded);
    match advisory(&folded) {
        Some(Advisory::Transaction | Advisory::Unlock | Advisory::Session) => Calls::Moving,
        Some(Advisory::None) | None if is(STILL) => Calls::Still,
        Some(Advisory::None) | None if is(MOVING) => Calls::Moving,
        Some(Advisory::None) | None => Calls::Unseen,
    }
}

/// Behind these a name with a parenthesis is a table with its columns, an alias or a type.
const NO_CALL: &[&str] = &["into", "as", "with", "recursive", "copy"];

/// Words that are another moment each time, without a parenthesis; and rows taken at random.
const MOMENTS: &[&str] =
    &["current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "tablesample"];

/// The server's own functions in daily use that go by their arguments, and types and words before a parenthesis.
#[rustfmt::skip]
const STILL: &[&str] = &[
    "abs", "array_agg", "array_length", "array_to_string", "avg", "bit", "bit_and", "bit_or", "bool_and", "bool_or",
    "btrim", "cardinality", "cast", "ceil", "ceiling", "char", "char_length", "character", "coalesce", "concat",
    "concat_ws", "count", "cume_dist", "current_database", "current_schema", "date_bin", "date_part", "date_trunc",
    "decimal", "decode", "dense_rank", "div", "encode", "every", "exp", "extract", "first_value", "float", "floor",
    "format", "format_type", "generate_series", "greatest", "group", "grouping", "initcap", "interval", "json_agg",
    "json_build_array", "json_build_object", "json_object_agg", "jsonb_agg", "jsonb_array_elements", "jsonb_build_array",
    "jsonb_build_object", "jsonb_extract_path_text", "jsonb_object_agg", "lag", "last_value", "lead", "least", "left",
    "length", "ln", "log", "lower", "lpad", "ltrim", "make_date", "make_interval", "make_timestamp", "make_timestamptz",
    "max", "md5", "min", "mod", "nth_value", "ntile", "nullif", "numeric", "octet_length", "percent_rank",
    "percentile_cont", "percentile_disc", "position", "power", "quote_ident", "quote_literal", "rank", "regexp_replace",
    "repeat", "replace", "reverse", "right", "round", "row_number", "row_to_json", "rpad", "rtrim", "sign", "split_part",
    "sqrt", "starts_with", "stddev", "stddev_pop", "stddev_samp", "string_agg", "string_to_array", "strpos", "substr",
    "substring", "sum", "time", "timestamp", "timestamptz", "timetz", "to_char", "to_date", "to_json", "to_jsonb",
    "to_number", "to_timestamp", "translate", "trim", "trunc", "unnest", "upper", "var_pop", "var_samp", "varchar",
    "variance", "varying", "version", "width_bucket",
];

/// The server's own functions in daily use that write no table, and whose answer is one of its moment or session.
#[rustfmt::skip]
const MOVING: &[&str] = &[
    "age", "clock_timestamp", "current_setting", "currval", "gen_random_uuid", "inet_client_addr", "inet_client_port",
    "inet_server_addr", "inet_server_port", "lastval", "nextval", "now", "pg_backend_pid", "pg_blocking_pids",
    "pg_cancel_backend", "pg_current_wal_lsn", "pg_current_xact_id", "pg_is_in_recovery", "pg_last_wal_receive_lsn",
    "pg_last_wal_replay_lsn", "pg_last_xact_replay_timestamp", "pg_notify", "pg_postmaster_start_time", "pg_sleep",
    "pg_sleep_for", "pg_sleep_until", "pg_terminate_backend", "random", "random_normal", "set_config", "setseed",
    "setval", "statement_timestamp", "timeofday", "transaction_timestamp", "txid_current", "uuidv4", "uuidv7",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn called(text: &str) -> Calls {
        calls(text.as_bytes(), Strings::Standard)
    }

    #[test]
    fn what_is_called_is_told_by_its_name_and_place() {
        let still = [
            "select a from t where b in (1, 2) and exists (select 1)",
            "select count(*), max(a), coalesce(b, 0)::numeric(10, 2) from t group by (a)",
            "insert into t (a, b) values (1, 2) on conflict (a) do nothing",
            "insert into s.t (a) select 1",
            "insert into \"S\".\"t\" (a) values (1)",
            "copy t (a, b) from stdin",
            "with recursive x (a) as (select 1) select * from x as y (z)",
            "select cast(a as varchar(3)), pg_catalog.lower(b) from t",
            "select 'now()', \"now\" from t -- random()",
        ];
        for text in still {
            assert_eq!(called(text), Calls::Still, "{text}");
        }
        let moving = [
            "select now()",
            "select pg_sleep(1)",
            "select pg_catalog.NOW ( )",
            "select pg_advisory_xact_lock(1)",
        ];
        for text in moving {
            assert_eq!(called(text), Calls::Moving, "{text}");
        }
        let unseen = [
            "select risk(1)",
            "select now(), risk(1)",
            "select mine.count(a) from t",
            "select \"count\"(a), \"Max\"(a) from t",
            "insert into t (a) values (risk(1))",
            "truncate t cascade",
            "update U&\"d\\0061t\" set a = 1",
            "select a from risk(1) as r (a)",
        ];
        for text in unseen {
            assert_eq!(called(text), Calls::Unseen, "{text}");
        }
    }

    fn names(text: &str) -> Vec<String> {
        let kept = kept(text.as_bytes(), Strings::Standard).unwrap();
        kept.names.into_iter().map(|name| String::from_utf8(name).unwrap()).collect()
    }

    #[test]
    fn every_name_of_a_read_counts_and_nothing_in_strings_and_comments() {
        let text = "SELECT a.Price FROM Public.Orders a JOIN \"Fills\" f USING (id) -- from x\nWHERE f.note = 'from y'";
        let found = names(text);
        for name in ["orders", "Fills", "price", "public"] {
            assert!(found.iter().any(|own| own == name), "{name}: {found:?}");
        }
        assert!(!found.iter().any(|own| own == "x" || own == "y" || own == "Orders"), "{found:?}");
    }

    #[test]
    fn what_moves_or_does_more_is_not_kept() {
        let unfit = |text: &str| kept(text.as_bytes(), Strings::Standard).unwrap_err();
        assert_eq!(unfit("select Now()"), Unfit::Moves("Now".to_owned()));
        assert_eq!(unfit("select current_timestamp"), Unfit::Moves("current_timestamp".to_owned()));
        assert_eq!(unfit("select 1 from t tablesample system (1)"), Unfit::Moves("tablesample".to_owned()));
        assert_eq!(unfit("select 1 from t for share"), Unfit::Locks);
        assert_eq!(unfit("select * into u from t"), Unfit::NotARead);
        assert_eq!(unfit("with d as (delete from t returning 1) select 1 from d"), Unfit::NotARead);
        assert_eq!(unfit(" ; "), Unfit::NotOne);
        assert_eq!(unfit("select U&\"a\" from t"), Unfit::Escapes);
        assert_eq!(
            kept(b"select risk(a) from t", Strings::Standard).map(|kept| kept.calls),
            Ok(Calls::Unseen)
        );
        assert!(kept(b"show timezone;", Strings::Standard).is_ok());
    }
}
