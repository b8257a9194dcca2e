//! What was typed for this bench alone.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::common::Args;
use crate::common::Attempt;
use crate::postgres::subject::Choice;

/// Where PgBouncer is, where it is not the one of the system.
pub(crate) const PGBOUNCER: &str = "FDGUARD_BENCH_PGBOUNCER";

/// How to measure, and whom.
#[derive(Debug)]
pub(crate) struct Options {
    /// As all benches have them.
    pub(crate) args: Args,
    /// The first is the one that the others are compared with.
    pub(crate) subjects: Vec<Choice>,
    /// Parts of names, one of which a cell must have; all cells where there are none.
    pub(crate) only: Vec<String>,
    /// How long one load runs.
    pub(crate) length: Duration,
    /// How often each subject has its turn in each cell.
    pub(crate) rounds: usize,
    /// On which CPU all of it runs; the last one allowed where not given.
    pub(crate) cpu: Option<usize>,
    /// Where each round's figures go.
    pub(crate) csv: Option<PathBuf>,
}

impl Options {
    /// Reads them; what cargo adds itself, and what is meant for other benches, is passed over.
    pub(crate) fn read(args: Args) -> Attempt<Self> {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let named = values(&words, "--subject")?;
        let subjects = if named.is_empty() {
            vec![Choice::PgBouncer(None), Choice::Fdguard]
        } else {
            named.into_iter().map(Choice::parse).collect::<Attempt<_>>()?
        };
        let seconds = number(&words, "--seconds")?.unwrap_or(args.pick(1.0, 3.0));
        Ok(Self {
            args,
            subjects,
            only: values(&words, "--only")?.into_iter().map(str::to_owned).collect(),
            length: Duration::try_from_secs_f64(seconds)?,
            rounds: number(&words, "--rounds")?.unwrap_or(args.pick(1, 3)),
            cpu: number(&words, "--cpu")?,
            csv: values(&words, "--csv")?.last().map(PathBuf::from),
        })
    }
}

fn number<T: FromStr>(words: &[String], flag: &str) -> Attempt<Option<T>> {
    let Some(word) = values(words, flag)?.pop() else { return Ok(None) };
    word.parse().map(Some).map_err(|_| format!("{flag} wants a number, not `{word}`").into())
}

/// All values of a flag, as `--flag value` or `--flag=value`.
fn values<'a>(words: &'a [String], flag: &str) -> Attempt<Vec<&'a str>> {
    let mut found = Vec::new();
    for (place, word) in words.iter().enumerate() {
        match word.strip_prefix(flag) {
            Some("") => {
                found.push(words.get(place + 1).ok_or(format!("{flag} wants a value"))?.as_str());
            }
            Some(rest) => found.extend(rest.strip_prefix('=')),
            None => {}
        }
    }
    Ok(found)
}
