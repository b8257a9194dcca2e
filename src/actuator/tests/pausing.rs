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

/// Hooks are looked after so often, so long at most.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: u32 = 4_000;

/// A bot whose hook is this script, with a file that it writes to.
struct Scene {
    _bot: Bot,
    subject: Arc<Subject>,
    bench: Bench,
    folder: tempfile::TempDir,
}

impl Scene {
    fn of(script: &str) -> Self {
        let bot = Bot::start(&mut std::process::Command::new("cat"));
        let folder = tempfile::tempdir().unwrap();
        let script = format!("cd {}; {script}", folder.path().display());
        let bench = Bench::with_hooks(&[("pause", &["sh", "-c", &script], 10_000)]);
        let subject = told_bot(&bot, "pause", None);
        Self { _bot: bot, subject, bench, folder }
    }

    fn told(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("told")).unwrap_or_default()
    }

    fn wait_for(&self, told: &str) {
        for _ in 0..LOOKS {
            if self.told() == told {
                return;
            }
            std::thread::sleep(LOOK);
        }
        panic!("{:?} and not {told:?}", self.told());
    }

    fn end(&mut self) {
        self.bench.actuator.take().unwrap().shutdown(PATIENCE);
    }
}

#[test]
fn at_the_end_of_the_agent_a_bot_hears_last_that_it_may_go_on() {
    let slow = "echo x >> begun; [ $FDGUARD_TRADING = active ] || sleep 2; echo $FDGUARD_TRADING >> told";
    let mut scene = Scene::of(slow);
    scene.bench.submit(order(&scene.subject, 1, pause(Gate::Reducing)));
    let begun = scene.folder.path().join("begun");
    while !begun.exists() {
        std::thread::sleep(LOOK);
    }
    scene.end();
    assert_eq!(scene.told(), "reducing\nactive\n");
}

#[test]
fn a_bot_that_was_not_told_of_the_next_state_is_told_of_the_one_that_stays() {
    let mut scene = Scene::of("echo $FDGUARD_TRADING >> told; [ $FDGUARD_TRADING != halted ]");
    let done = |scene: &Scene, work, number| scene.bench.carry(order(&scene.subject, number, work)).result;
    done(&scene, pause(Gate::Reducing), 1).unwrap();
    done(&scene, pause(Gate::Halted), 2).unwrap_err();
    // Nobody knows what it took of that word.
    scene.wait_for("reducing\nhalted\nreducing\n");
    scene.end();
    assert_eq!(scene.told(), "reducing\nhalted\nreducing\nactive\n");
}

#[test]
fn a_bot_whose_hook_fails_at_the_release_is_told_again() {
    let script = "echo $FDGUARD_TRADING >> told; [ $FDGUARD_TRADING = reducing ] || [ -e once ] || { touch once; false; }";
    let scene = Scene::of(script);
    let done = |work, number| scene.bench.carry(order(&scene.subject, number, work)).result;
    done(pause(Gate::Reducing), 1).unwrap();
    let why = done(Work::Release(Hold::PauseTrading { state: Gate::Reducing }), 2).unwrap_err().to_string();
    assert!(why.ends_with("the bot is told again"), "{why}");
    scene.wait_for("reducing\nactive\nactive\n");
}

#[test]
fn a_bot_that_is_not_guarded_any_more_hears_that_it_may_go_on() {
    let scene = Scene::of("echo $FDGUARD_TRADING >> told");
    let paused = scene.bench.carry(order(&scene.subject, 1, pause(Gate::Halted)));
    paused.result.unwrap();
    scene.bench.actuator.as_ref().unwrap().lift(scene.subject.process.id());
    scene.wait_for("halted\nactive\n");
}

/// The ledger alone: two bots behind one gate, told as the warden would.
mod ledger {
    use super::super::super::pause_trading::ledger::{Ledger, Pause, Went};
    use super::*;
    use crate::model::clock::Timestamp;
    use crate::model::process::ProcessId;
    use crate::model::trading::Trading;

    struct Table {
        ledger: Ledger,
        bots: Vec<Order>,
        /// What a person holds.
        hand: Option<Gate>,
        _processes: Vec<Bot>,
    }

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    impl Table {
        fn new() -> Self {
            let processes: Vec<Bot> =
                (0..2).map(|_| Bot::start(&mut std::process::Command::new("cat"))).collect();
            let order_of = |bot: &Bot| {
                let trading =
                    TradingReach { gates: vec![name("venue")], hook: Some(name("x")), resume: None };
                order(&Arc::new(Subject { trading, ..bot.subject() }), 1, pause(Gate::Halted))
            };
            let bots = processes.iter().map(order_of).collect();
            Self { ledger: Ledger::default(), bots, hand: None, _processes: processes }
        }

        fn id(&self, bot: usize) -> ProcessId {
            self.bots[bot].process
        }

        fn pause(&mut self, bot: usize, gate: Gate) {
            let proxies = vec![name("venue")];
            self.ledger.hold(self.id(bot), Pause { gate, proxies });
            self.ledger.enrol(&self.bots[bot].clone(), NOW);
        }

        /// The gate is told and obeys; gives what each bot is told then.
        fn settle(&mut self) -> Vec<(usize, Trading)> {
            for gate in self.ledger.unsettled() {
                let word = self.ledger.send(&gate);
                let state = Trading::under(word.0).max(Trading::under(self.hand));
                self.ledger.obeyed(&gate, word, state);
            }
            let due = self.ledger.uninformed(NOW);
            let told = due.iter().map(|process| {
                let (state, order) = self.ledger.news(*process).unwrap();
                self.ledger.told(*process, (state, Went::Told), NOW);
                (self.bots.iter().position(|bot| bot.process == order.process).unwrap(), state)
            });
            let told = told.collect();
            self.ledger.tidy();
            told
        }
    }

    #[test]
    fn each_bot_that_was_paused_hears_of_every_change_whoever_made_it() {
        use Trading::{Active, Halted, Reducing};
        let mut table = Table::new();
        table.pause(0, Gate::Reducing);
        assert_eq!(table.settle(), [(0, Reducing)]);
        table.pause(1, Gate::Halted);
        let mut told = table.settle();
        told.sort();
        assert_eq!(told, [(0, Halted), (1, Halted)], "the first hears of it too");
        table.ledger.release(table.id(0));
        assert_eq!(table.settle(), [], "the other one still holds it");
        table.ledger.release(table.id(1));
        let mut told = table.settle();
        told.sort();
        assert_eq!(told, [(0, Active), (1, Active)]);
        assert!(!table.ledger.tidy(), "nothing is left to be looked after");
    }

    #[test]
    fn a_person_s_time_that_ends_after_the_policy_s_is_heard_of() {
        let mut table = Table::new();
        table.pause(0, Gate::Reducing);
        table.settle();
        table.hand = Some(Gate::Halted);
        assert_eq!(table.settle(), [(0, Trading::Halted)]);
        table.ledger.release(table.id(0));
        assert_eq!(table.settle(), []);
        table.hand = None;
        assert_eq!(table.settle(), [(0, Trading::Active)]);
        assert_eq!(table.settle(), []);
    }

    #[test]
    fn a_gate_that_did_not_obey_is_told_until_it_does() {
        let mut table = Table::new();
        table.pause(0, Gate::Halted);
        table.settle();
        table.ledger.release(table.id(0));
        let lost = table.ledger.send(&name("venue"));
        assert_eq!(lost.0, None);
        assert!(table.ledger.tidy());
        assert_eq!(table.ledger.unsettled(), [name("venue")]);
        let late = table.ledger.send(&name("venue"));
        table.ledger.obeyed(&name("venue"), late, Trading::Active);
        // An answer that comes late undoes no newer one.
        table.ledger.obeyed(&name("venue"), lost, Trading::Halted);
        assert_eq!(table.ledger.news(table.id(0)).map(|(state, _)| state), Some(Trading::Active));
    }

    #[test]
    fn a_bot_that_can_not_be_told_is_tried_ever_more_slowly_and_given_up_once_its_pause_is_over() {
        let mut table = Table::new();
        table.pause(0, Gate::Halted);
        table.settle();
        let id = table.id(0);
        table.ledger.release(id);
        let word = table.ledger.send(&name("venue"));
        table.ledger.obeyed(&name("venue"), word, Trading::Active);
        let (mut now, mut tries) = (NOW, 0);
        loop {
            tries += 1;
            if table.ledger.told(id, (Trading::Active, Went::Failed), now) {
                break;
            }
            assert!(table.ledger.uninformed(now).is_empty(), "not at once");
            now = now + Duration::from_mins(1);
            assert_eq!(table.ledger.uninformed(now), [id]);
        }
        assert_eq!(tries, 10);
        assert!(table.ledger.turn(id).is_none());
    }
}
