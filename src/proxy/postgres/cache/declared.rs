//! The reads that the settings declare: which one a text is, and which of them a text may change.
//!
//! A text is one of them where it has the same normal form, or differs from it only in having a value in the place of
//! a parameter: clients without parameters of their own write values into the text.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::time::Duration;

use crate::wire::postgres::statement::{
    Calls, Direction, Effect, Reading, Strings, Target, calls, kept, literals, normalise, skeleton,
    statements,
};

/// A read whose answers are kept.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Its text as written.
    pub(crate) query: String,
    /// An answer is good for so long.
    pub(crate) ttl: Duration,
    /// A larger answer is not kept.
    pub(crate) size: usize,
    /// Tables that it depends on beside the names in it.
    pub(crate) tables: Vec<String>,
}

/// A declared read, by its place in the settings.
pub(super) type ReadId = u16;

/// What a text may change of what declared reads give.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::proxy::postgres) enum Touch {
    /// Nothing.
    Nothing,
    /// The reads with this name in them, and those that may read anything.
    Name(NameId),
    /// All.
    Everything,
}

/// A list of reads that are touched together.
pub(super) type NameId = u32;

/// The list of those that may read anything: every write touches them.
const OF_ANY: NameId = 0;

/// The declared reads.
#[derive(Debug)]
pub(super) struct Declared {
    reads: Vec<Read>,
    by_skeleton: HashMap<Box<[u8]>, Vec<ReadId>>,
    names: HashMap<Box<[u8]>, NameId>,
    lists: Vec<Vec<ReadId>>,
    scratch: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Read {
    normal: Box<[u8]>,
    pub(super) ttl: Duration,
    pub(super) size: usize,
}

impl Declared {
    /// By the settings. A read that can't be kept is left out: checking the settings tells of it.
    pub(super) fn of(wanted: &[Wanted]) -> Self {
        let mut reads = Vec::new();
        let mut of_any = Vec::new();
        let mut by_skeleton: HashMap<Box<[u8]>, Vec<ReadId>> = HashMap::new();
        let mut by_name: BTreeMap<Vec<u8>, Vec<ReadId>> = BTreeMap::new();
        for one in wanted {
            let text = one.query.as_bytes();
            let (Ok(kept), Ok(id)) = (kept(text, Strings::Standard), ReadId::try_from(reads.len())) else {
                continue;
            };
            let (mut normal, mut frame) = (Vec::new(), Vec::new());
            normalise(text, Strings::Standard, &mut normal);
            skeleton(&normal, &mut frame);
            by_skeleton.entry(frame.into()).or_default().push(id);
            let more = one.tables.iter().map(|table| table.clone().into_bytes());
            kept.names.into_iter().chain(more).for_each(|name| by_name.entry(name).or_default().push(id));
            match kept.calls {
                Calls::Still | Calls::Moving => {}
                Calls::Unseen => of_any.push(id),
            }
            reads.push(Read { normal: normal.into(), ttl: one.ttl, size: one.size });
        }
        let mut lists = vec![of_any.clone()];
        let mut names = HashMap::new();
        for ((name, mut ids), number) in by_name.into_iter().zip(1..) {
            ids.extend(&of_any);
            ids.sort_unstable();
            ids.dedup();
            names.insert(name.into(), number);
            lists.push(ids);
        }
        Self { reads, by_skeleton, names, lists, scratch: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.reads.len()
    }

    /// All of them.
    pub(super) fn ids(&self) -> Range<ReadId> {
        0..ReadId::try_from(self.reads.len()).unwrap_or(ReadId::MAX)
    }

    pub(super) fn read(&self, id: ReadId) -> &Read {
        &self.reads[usize::from(id)]
    }

    /// The reads of a list.
    pub(super) fn list(&self, name: NameId) -> &[ReadId] {
        &self.lists[name as usize]
    }

    /// Which read a text is; its normal form is left in `normal`.
    pub(super) fn find(&mut self, text: &[u8], normal: &mut Vec<u8>) -> Option<ReadId> {
        normal.clear();
        normalise(text, Strings::Standard, normal);
        self.scratch.clear();
        skeleton(normal, &mut self.scratch);
        let alike = self.by_skeleton.get(&*self.scratch)?;
        alike.iter().copied().find(|id| fits(&self.reads[usize::from(*id)].normal, normal))
    }

    /// What a text may change.
    pub(super) fn touch(&mut self, text: &[u8], strings: Strings) -> Touch {
        let mut all = Touch::Nothing;
        for statement in statements(text, strings) {
            all = match (all, self.touch_of(statement.text, statement.effect, strings)) {
                (touch, Touch::Nothing) | (Touch::Nothing, touch) => touch,
                (one, other) if one == other => one,
                (Touch::Name(_) | Touch::Everything, Touch::Name(_) | Touch::Everything) => Touch::Everything,
            };
        }
        // Whoever declares a read with a function says that it reads.
        if all == Touch::Everything && strings == Strings::Standard {
            let mut normal = Vec::new();
            if self.find(text, &mut normal).is_some() {
                return Touch::Nothing;
            }
        }
        all
    }

    fn touch_of(&self, text: &[u8], effect: Effect<'_>, strings: Strings) -> Touch {
        let by_words = match effect {
            // What has no call at all needs no second look.
            Effect::Read(Reading::Plain)
            | Effect::Begin
            | Effect::Commit
            | Effect::Rollback
            | Effect::Savepoint
            | Effect::Set(..)
            | Effect::Reset(_)
            | Effect::Show
            | Effect::Discard(_)
            | Effect::Listen
            | Effect::Unlisten
            | Effect::Notify
            | Effect::Prepare(_)
            | Effect::Deallocate(_)
            | Effect::Cursor
            | Effect::Load
            | Effect::LockTable
            | Effect::Maintain => return Touch::Nothing,
            Effect::Read(Reading::Calling | Reading::Locking)
            | Effect::Declare(_)
            | Effect::Copy(Direction::Out, Target::Table(_)) => Touch::Nothing,
            Effect::Write(Target::Table(name)) | Effect::Copy(Direction::In, Target::Table(name)) => {
                Touch::Name(self.names.get(&*name.folded()).copied().unwrap_or(OF_ANY))
            }
            Effect::Write(Target::Unknown)
            | Effect::Copy(_, Target::Unknown)
            | Effect::TwoPhase
            | Effect::Execute(_)
            | Effect::Temporary
            | Effect::Define
            | Effect::Call
            | Effect::Unknown => return Touch::Everything,
        };
        match calls(text, strings) {
            Calls::Still | Calls::Moving => by_words,
            Calls::Unseen => Touch::Everything,
        }
    }
}

/// Whether a text of the same skeleton is the declared one: each value of it is the same, or a parameter there.
fn fits(declared: &[u8], normal: &[u8]) -> bool {
    let pairs = literals(declared).zip(literals(normal));
    pairs.into_iter().all(|(wanted, own)| {
        declared[wanted.start] == b'$' && !is_dollar_quoted(&declared[wanted.clone()])
            || declared[wanted] == normal[own]
    })
}

/// `$tag$...$tag$` begins like a parameter and is a string.
fn is_dollar_quoted(literal: &[u8]) -> bool {
    literal.get(1).is_none_or(|byte| !byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(queries: &[(&str, &[&str])]) -> Declared {
        let wanted = queries.iter().map(|(query, tables)| Wanted {
            query: (*query).to_owned(),
            ttl: Duration::from_secs(1),
            size: 1,
            tables: tables.iter().map(|table| (*table).to_owned()).collect(),
        });
        Declared::of(&wanted.collect::<Vec<_>>())
    }

    #[test]
    fn a_text_is_a_read_where_it_differs_in_values_of_parameters_alone() {
        let mut declared = declared(&[
            ("select v from t where id = $1 and kind = 'open'", &[]),
            ("select v from t where id = $1 and kind = $2", &[]),
            ("select v from t limit 5", &[]),
        ]);
        let mut find = |text: &str| declared.find(text.as_bytes(), &mut Vec::new());
        assert_eq!(find("select v from t where id = $1 and kind = 'open'"), Some(0));
        assert_eq!(find("SELECT v FROM t\n WHERE id = 17 AND kind = 'open';"), Some(0));
        assert_eq!(find("select v from t where id = 17 and kind = 'shut'"), Some(1));
        assert_eq!(find("select v from t where id = $2 and kind = $1"), Some(1));
        assert_eq!(find("select v from t limit 5"), Some(2));
        assert_eq!(find("select v from t limit 6"), None);
        assert_eq!(find("select v from t where id = x and kind = 'open'"), None);
        assert_eq!(find("select v from t where id = 1 and kind = 'open'; delete from t"), None);
        assert_eq!(find(""), None);
    }

    #[test]
    fn writes_touch_the_reads_that_name_their_table_and_those_that_may_read_any() {
        let mut declared =
            declared(&[("select v from a", &[]), ("select w from view_of_b", &["b"]), ("select f()", &[])]);
        let mut touched = |text: &str| match declared.touch(text.as_bytes(), Strings::Standard) {
            Touch::Nothing => Vec::new(),
            Touch::Name(name) => declared.list(name).to_vec(),
            Touch::Everything => vec![0, 1, 2],
        };
        assert_eq!(touched("update a set v = 1"), [0, 2]);
        assert_eq!(touched("insert into public.A (v) values (1)"), [0, 2]);
        assert_eq!(touched("copy b (v) from stdin"), [1, 2]);
        assert_eq!(touched("delete from elsewhere"), [2]);
        assert_eq!(touched("truncate a"), [0, 2]);
        assert_eq!(touched("update a set v = 1; update a set v = 2"), [0, 2]);
        let all = [
            "truncate a, b",
            "truncate a cascade",
            "update a set v = g()",
            "select g()",
            "do $$ begin end $$",
            "call p()",
            "execute s",
            "create table c (v int)",
            "drop view v",
            "with x as (insert into a values (1) returning 1) select * from x",
            "update a set v = 1; delete from b",
            "commit prepared 'x'",
            "copy (delete from a returning 1) to stdout",
            "merge into U&\"\\0061\" using b on true when matched then do nothing",
            "grunt",
        ];
        for text in all {
            assert_eq!(touched(text), [0, 1, 2], "{text}");
        }
        let none = [
            "select 1",
            "select count(*), now() from a",
            "select f()",
            "begin; select v from a; commit",
            "set timezone to 'UTC'",
            "copy a to stdout",
            "select * from a for update",
            "listen x",
        ];
        for text in none {
            assert_eq!(touched(text), [0_u16; 0], "{text}");
        }
    }
}
