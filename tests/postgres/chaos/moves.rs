//! Ways to move money from one account to another, each as another kind of client does it.

use fdguard::wire::postgres::frontend::{
    write_bind, write_copy_data, write_copy_done, write_execute, write_parse, write_query, write_sync,
};

use super::talk::{Gone, Talk};

/// A move of money. The lower account comes first, so that no two moves wait for each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    pub(super) id: u64,
    pub(super) low: u32,
    pub(super) high: u32,
    /// What the higher account gains; it may be less than nothing.
    pub(super) amount: i64,
}

/// What a client knows of a move.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Told {
    Committed,
    Failed,
    /// The session ended when the commit was on its way.
    Unknown,
}

/// A way to move money.
pub(super) type Form = fn(&mut Talk<'_>, &Move) -> Told;

pub(super) const FORMS: [Form; 6] = [
    |talk, order| commit(apart(talk, order), talk),
    |talk, order| commit(prepared(talk, order), talk),
    |talk, order| commit(copied(talk, order), talk),
    |talk, order| at_once(one_text(talk, order)),
    |talk, order| at_once(one_batch(talk, order)),
    |talk, order| at_once(pipelined(talk, order)),
];

impl Move {
    /// Its statements, with the tag that each gives back.
    fn statements(&self) -> [(String, String); 3] {
        let Self { id, low, high, amount } = *self;
        let update = |account: u32, change: i64, tag: &str| {
            format!("update accounts set balance = balance + {change} where id = {account} returning '{tag}'")
        };
        let tags = ["l", "h", "j"].map(|step| format!("{id}{step}"));
        let texts = [
            update(low, -amount, &tags[0]),
            update(high, amount, &tags[1]),
            format!("insert into journal values ({id}, {low}, {high}, {amount}) returning '{}'", tags[2]),
        ];
        let [low, high, journal] = tags;
        let [first, second, third] = texts;
        [(first, low), (second, high), (third, journal)]
    }
}

/// The commit, after all else has come well to its end.
fn commit(begun: Result<(), Gone>, talk: &mut Talk<'_>) -> Told {
    match begun.map(|()| talk.ask("commit", ("CZ", &[], 'I'))) {
        Ok(Ok(())) => Told::Committed,
        Ok(Err(_)) => Told::Unknown,
        Err(_) => Told::Failed,
    }
}

/// What a client knows whose commit was on its way with all else.
fn at_once(heard: Result<(), Gone>) -> Told {
    match heard {
        Ok(()) => Told::Committed,
        Err(gone) if gone.refused() => Told::Failed,
        Err(_) => Told::Unknown,
    }
}

/// A round trip for each statement.
fn apart(talk: &mut Talk<'_>, order: &Move) -> Result<(), Gone> {
    talk.ask("begin", ("CZ", &[], 'T'))?;
    order.statements().iter().try_for_each(|(text, tag)| talk.ask(text, ("TDCZ", &[tag], 'T')))
}

/// One text with all of it.
fn one_text(talk: &mut Talk<'_>, order: &Move) -> Result<(), Gone> {
    let statements = order.statements();
    let [a, b, c] = statements.each_ref().map(|(text, _)| text);
    let tags = statements.each_ref().map(|(_, tag)| tag.as_str());
    let text = format!("begin; {a}; {b}; {c}; commit");
    talk.ask(&text, ("CTDCTDCTDCCZ", &tags, 'I'))
}

/// Named statements, prepared once for each session.
fn prepared(talk: &mut Talk<'_>, order: &Move) -> Result<(), Gone> {
    const UPDATE: &[u8] =
        b"update accounts set balance = balance + $2::bigint where id = $1::int returning $3::text";
    const INSERT: &[u8] =
        b"insert into journal values ($1::bigint, $2::int, $3::int, $4::bigint) returning $5::text";
    if !talk.prepared {
        talk.say(|out| {
            write_parse(out, b"change", UPDATE, &[]);
            write_parse(out, b"note", INSERT, &[]);
            write_sync(out);
        });
        let heard = talk.hear()?;
        talk.expect(&heard, ("11Z", &[], 'I'))?;
        talk.prepared = true;
    }
    let Move { id, low, high, amount } = *order;
    talk.ask("begin", ("CZ", &[], 'T'))?;
    let run = |talk: &mut Talk<'_>, name: &str, values: &[String]| {
        let texts: Vec<Option<&[u8]>> = values.iter().map(|value| Some(value.as_bytes())).collect();
        talk.say(|out| {
            write_bind(out, b"", name.as_bytes(), &texts);
            write_execute(out, b"", 0);
            write_sync(out);
        });
        let heard = talk.hear()?;
        talk.expect(&heard, ("2DCZ", &[values.last().unwrap()], 'T'))
    };
    run(talk, "change", &[low.to_string(), (-amount).to_string(), format!("{id}l")])?;
    run(talk, "change", &[high.to_string(), amount.to_string(), format!("{id}h")])?;
    let values = [id.to_string(), low.to_string(), high.to_string(), amount.to_string(), format!("{id}j")];
    run(talk, "note", &values)
}

fn run_unnamed(out: &mut Vec<u8>, text: &str) {
    write_parse(out, b"", text.as_bytes(), &[]);
    write_bind(out, b"", b"", &[]);
    write_execute(out, b"", 0);
}

/// One batch, which is a transaction of its own.
fn one_batch(talk: &mut Talk<'_>, order: &Move) -> Result<(), Gone> {
    let statements = order.statements();
    talk.say(|out| {
        statements.iter().for_each(|(text, _)| run_unnamed(out, text));
        write_sync(out);
    });
    let tags = statements.each_ref().map(|(_, tag)| tag.as_str());
    let heard = talk.hear()?;
    talk.expect(&heard, ("12DC12DC12DCZ", &tags, 'I'))
}

/// All round trips of the transaction sent before the first answer. Had a pool gone on with the rest on another
/// connection, half a move would be in the books.
fn pipelined(talk: &mut Talk<'_>, order: &Move) -> Result<(), Gone> {
    let statements = order.statements();
    talk.say(|out| {
        let (begin, commit) = ("begin".to_owned(), "commit".to_owned());
        let texts = statements.iter().map(|(text, _)| text);
        for text in std::iter::once(&begin).chain(texts).chain([&commit]) {
            run_unnamed(out, text);
            write_sync(out);
        }
    });
    let mut hear = |told: &str, values: &[&str], state: char| {
        let heard = talk.hear()?;
        talk.expect(&heard, (told, values, state))
    };
    hear("12CZ", &[], 'T')?;
    statements.iter().try_for_each(|(_, tag)| hear("12DCZ", &[tag], 'T'))?;
    hear("12CZ", &[], 'I')
}

/// The journal by COPY.
fn copied(talk: &mut Talk<'_>, order: &Move) -> Result<(), Gone> {
    let Move { id, low, high, amount } = *order;
    talk.ask("begin", ("CZ", &[], 'T'))?;
    for (text, tag) in &order.statements()[..2] {
        talk.ask(text, ("TDCZ", &[tag], 'T'))?;
    }
    talk.say(|out| write_query(out, b"copy journal from stdin"));
    talk.hear_to(b'G')?;
    talk.say(|out| {
        write_copy_data(out, format!("{id}\t{low}\t{high}\t{amount}\n").as_bytes());
        write_copy_done(out);
    });
    let heard = talk.hear()?;
    talk.expect(&heard, ("CZ", &[], 'T'))
}
