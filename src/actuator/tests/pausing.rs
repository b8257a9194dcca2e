//! `pause_trading` where the bot's own hook is all there is.

use std::sync::Arc;

use crate::model::action::{Gate, Hold};
use crate::model::decision::Work;

use super::super::*;
use super::support::*;

/// A bot whose hooks write down what they are told.
fn told_bot(bot: &Bot, hook: &str, resume: Option<&str>) -> Arc<Subject> {
    let trading = TradingReach { gates: Vec::new(), hook: Some(name(hook)), resume: resume.map(name) };
    Arc::new(Subject { trading, ..bot.subject() })
}

const fn pause(state: Gate) -> Work {
    Work::Take(Hold::PauseTrading { state })
}

#[test]
fn the_bots_own_hook_is_told_of_each_change_and_of_the_end_of_the_agent() {
    let bot = Bot::start(&mut std::process::Command::new("cat"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("told");
    let write = format!("echo $FDGUARD_TRADING >> {}", file.display());
    let resume = format!("echo on: $FDGUARD_TRADING >> {}", file.display());
    let mut bench = Bench::with_hooks(&[
        ("pause", &["sh", "-c", &write], 10_000),
        ("go-on", &["sh", "-c", &resume], 10_000),
    ]);
    let subject = told_bot(&bot, "pause", Some("go-on"));
    let done = |work, number| bench.carry(order(&subject, number, work)).result.unwrap().summary;
    assert_eq!(done(pause(Gate::Reducing), 1), "hook pause: exit code 0");
    done(pause(Gate::Halted), 2);
    done(Work::Release(Hold::PauseTrading { state: Gate::Halted }), 3);
    done(pause(Gate::Halted), 4);
    bench.actuator.take().unwrap().shutdown(PATIENCE);
    let told = std::fs::read_to_string(file).unwrap();
    assert_eq!(told, "reducing\nhalted\non: active\nhalted\non: active\n");
}

#[test]
fn a_hook_that_fails_leaves_nothing_paused() {
    let bot = Bot::start(&mut std::process::Command::new("cat"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("told");
    let script = format!("echo $FDGUARD_TRADING >> {}; false", file.display());
    let mut bench = Bench::with_hooks(&[("pause", &["sh", "-c", &script], 10_000)]);
    let subject = told_bot(&bot, "pause", None);
    let why = bench.carry(order(&subject, 1, pause(Gate::Halted))).result.unwrap_err().to_string();
    assert_eq!(why, "hook pause: exit code 1");
    bench.actuator.take().unwrap().shutdown(PATIENCE);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "halted\n", "nothing was left to be undone");
}
