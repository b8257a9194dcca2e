//! Accounts, the journal of moves between them, and what tellers were told of each move.

use std::collections::{BTreeMap, BTreeSet};

use super::moves::{Move, Told};
use crate::support::wire::Wire;

/// Accounts, numbered from 1.
pub(super) const ACCOUNTS: u32 = 12;
/// What each begins with.
const START: i64 = 1_000_000;

/// What was told of moves, by their ids.
pub(super) type Notes = BTreeMap<u64, (Move, Told)>;

/// Makes the tables.
pub(super) fn open(wire: &mut Wire) {
    wire.run("create table accounts (id int primary key, balance bigint not null)");
    // No key: a move that is written twice must be seen, not refused.
    wire.run("create table journal (id bigint, low int, high int, amount bigint)");
    wire.run(&format!("insert into accounts select i, {START} from generate_series(1, {ACCOUNTS}) i"));
}

fn numbers(wire: &mut Wire, sql: &str) -> Vec<i64> {
    let rows = wire.run(sql).rows;
    rows.iter().map(|row| row[0].as_ref().unwrap().parse().unwrap()).collect()
}

/// Holds the tables against what was told. `leavers` are ids that nobody was told of: those that must not be there.
pub(super) fn audit(wire: &mut Wire, notes: &Notes, leavers: &BTreeSet<u64>) {
    let total = numbers(wire, "select sum(balance)::bigint from accounts");
    assert_eq!(total, [START * i64::from(ACCOUNTS)], "money was made or lost");
    let written = numbers(wire, "select id from journal order by id");
    for pair in written.windows(2) {
        assert_ne!(pair[0], pair[1], "a move was done twice: {:?}", notes.get(&(pair[0].cast_unsigned())));
    }
    let written: BTreeSet<u64> = written.into_iter().map(i64::cast_unsigned).collect();
    for (id, (order, told)) in notes {
        match (told, written.contains(id)) {
            (Told::Committed, false) => panic!("told to be committed and not there: {order:?}"),
            (Told::Failed, true) => panic!("told to have failed and there: {order:?}"),
            (Told::Committed | Told::Unknown, true) | (Told::Failed | Told::Unknown, false) => {}
        }
    }
    let left: Vec<_> = written.intersection(leavers).collect();
    assert!(left.is_empty(), "committed by nobody: {left:?}");
    let astray = "select count(*) from accounts a where balance <> \
                  (select coalesce(sum(case when high = a.id then amount else -amount end), 0) from journal \
                  where a.id in (low, high)) + ";
    assert_eq!(numbers(wire, &format!("{astray}{START}")), [0], "accounts and journal differ");
}
