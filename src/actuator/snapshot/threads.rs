//! Every thread: where it stands and what it waits for.

use std::collections::BTreeMap;
use std::io;

use super::super::procdir::ProcDir;
use super::Row;

/// Threads looked at.
const THREADS_MAX: usize = 4_096;
/// No file of a thread is longer.
const TEXT_MAX: u64 = 4_096;

/// The columns of `threads.tsv`.
pub(super) const COLUMNS: [&str; 5] = ["tid", "name", "state", "wchan", "syscall"];

/// One thread.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Thread {
    pub(super) tid: u32,
    pub(super) name: String,
    pub(super) state: String,
    pub(super) wchan: String,
    /// The number of the call it is in, `running`, or why that can't be seen.
    pub(super) syscall: String,
}

/// All threads. One that ends meanwhile is left out.
pub(super) fn read(dir: &ProcDir) -> io::Result<Vec<Thread>> {
    let tids = dir.numbers("task", THREADS_MAX)?;
    Ok(tids.into_iter().filter_map(|tid| thread(dir, tid)).collect())
}

fn thread(dir: &ProcDir, tid: u32) -> Option<Thread> {
    let stat = dir.text(format!("task/{tid}/stat"), TEXT_MAX).ok()?;
    // The name stands in parentheses and may hold any character, parentheses too.
    let (front, rest) = stat.rsplit_once(')')?;
    let name = front.split_once('(').map_or("", |(_, name)| name);
    let state = rest.split_whitespace().next().unwrap_or("?");
    let said = |entry: &str| match dir.text(format!("task/{tid}/{entry}"), TEXT_MAX) {
        Ok(text) => text.trim().to_owned(),
        Err(error) => format!("({})", error.kind()),
    };
    let call = said("syscall");
    let syscall =
        if call.starts_with('(') { call } else { call.split(' ').next().unwrap_or_default().to_owned() };
    Some(Thread { tid, name: name.to_owned(), state: state.to_owned(), wchan: said("wchan"), syscall })
}

/// A row of `threads.tsv`.
pub(super) fn row(thread: &Thread) -> Row {
    let Thread { tid, name, state, wchan, syscall } = thread;
    vec![tid.to_string(), name.clone(), state.clone(), wchan.clone(), syscall.clone()]
}

/// How many threads stand where, most first.
pub(super) fn places(threads: &[Thread]) -> Vec<(String, usize)> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for thread in threads {
        *places
            .entry(format!("{} in {} (call {})", thread.state, thread.wchan, thread.syscall))
            .or_default() += 1;
    }
    let mut places: Vec<_> = places.into_iter().collect();
    places.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    places
}
