//! One run: all bots at once, each alone and guarded, looked at from outside until the story is over.

use std::path::Path;
use std::time::Duration;

use fdguard::model::clock::Clock as _;
use fdguard::sys::clock::SystemClock;

use crate::common::Attempt;
use crate::common::child::{Account, End, Running, command};
use crate::common::process;
use crate::fd_stability::case::{CASES, Case};
use crate::fd_stability::compression::Compression;
use crate::fd_stability::guard::Guard;
use crate::fd_stability::pair::Pair;
use crate::fd_stability::side::{Side, dead_sockets};
use crate::fd_stability::venue::{Venue, script};

/// Between two counts, and every how many of them states are looked at.
const LOOK: Duration = Duration::from_millis(100);
const STATES_EVERY: u32 = 10;
/// All bots have said their first word within this.
const UP_WITHIN: f64 = 30.0;

/// Runs all cases side by side for so long; what the agent and its bots say goes to `log` at the end.
pub(crate) fn run(compression: Compression, length: Duration, log: &Path) -> Attempt<Vec<Pair>> {
    let folder = tempfile::tempdir()?;
    // A venue for each side: a bot that dies takes nothing with it that the other side needs.
    let (alone, guarded) = (Venue::start(compression)?, Venue::start(compression)?);
    let guard = Guard::start(compression, guarded.ports())?;
    let ports = serde_json::Value::from(alone.ports()).to_string();
    let mut bots = Vec::new();
    let mut pairs = Vec::new();
    for case in &CASES {
        let lines = folder.path().join(format!("{}.log", case.name));
        bots.push(unguarded(case, compression, &lines, &ports)?);
        let (unguarded, guarded) = (Side::of(&lines), Side::of(&guard.log_of(case)));
        pairs.push(Pair { case, unguarded, guarded, deeds: Vec::new(), upkeep: 0, end: 0.0 });
    }
    let watched = watch(&mut pairs, length);
    let events = guard.events();
    for pair in &mut pairs {
        pair.take_deeds(&events);
    }
    std::fs::write(log, guard.said())?;
    guard.end();
    drop(bots);
    watched?;
    Ok(pairs)
}

fn unguarded(case: &Case, compression: Compression, log: &Path, ports: &str) -> Attempt<Running> {
    let words = case.words(compression);
    let mut bot = command(&process::python(), &Account::Own, End::Kill);
    bot.arg(script(&words[0])).args(&words[1..]).arg("--log").arg(log).env("BOT_SERVERS", ports);
    Running::start(&mut bot, End::Kill, &log.with_extension("said"))
}

/// Looks until each bot has been followed for the whole length.
fn watch(pairs: &mut [Pair], length: Duration) -> Attempt<()> {
    let started = now();
    for round in 0_u32.. {
        let dead = round.is_multiple_of(STATES_EVERY).then(dead_sockets);
        let at = now();
        for pair in &mut *pairs {
            for side in [&mut pair.unguarded, &mut pair.guarded] {
                side.look(at, dead.as_ref());
            }
            pair.end = at;
        }
        let begins =
            pairs.iter().flat_map(|pair| [&pair.unguarded, &pair.guarded]).map(|side| side.tape.begin());
        let last = begins.collect::<Option<Vec<f64>>>().map(|all| all.into_iter().fold(0.0, f64::max));
        match last {
            Some(last) if at - last >= length.as_secs_f64() => return Ok(()),
            None if at - started > UP_WITHIN => return Err("not all bots have started".into()),
            Some(_) | None => {}
        }
        let next = started + f64::from(round + 1) * LOOK.as_secs_f64();
        std::thread::sleep(Duration::from_secs_f64((next - now()).max(0.0)));
    }
    Ok(())
}

/// Seconds since the machine's boot, as the bots and the agent tell them.
fn now() -> f64 {
    Duration::from_nanos(SystemClock.now().as_nanos()).as_secs_f64()
}
