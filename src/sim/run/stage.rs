//! The engine and the world of one scenario, and what passes between them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::agenda::{Agenda, Due};
use crate::model::action::{Action, NofileGoal, Then, Word};
use crate::model::clock::{Timestamp, WallTime};
use crate::model::decision::{Decision, DecisionId, Done, Evaluation, Failure, Report, Verdict, Work};
use crate::model::observation::{Observation, SignalKey};
use crate::model::process::ProcessId;
use crate::model::signal::Signal;
use crate::model::units::format_span;
use crate::policy::condition::Condition;
use crate::policy::definition::Policy;
use crate::policy::engine::{Command, Engine, Enrolled, Role};
use crate::policy::memory::RuleMemory;
use crate::policy::windows::Windows;
use crate::sim::check::{Sight, Standing};
use crate::sim::course::{Course, Note};
use crate::sim::means;
use crate::sim::script::{Change, Claim, Effect, Happening, Of, Result as Ending, Scenario};
use crate::sim::world::{Number, Slope, World, farewell};

/// Where monotonic time starts: no window ever reaches back to the origin.
const BASE: Timestamp = Timestamp::from_millis(86_400_000);

pub(super) struct Stage<'s> {
    policy: Arc<Policy>,
    scenario: &'s Scenario,
    engine: Engine,
    /// What is remembered while the agent is away.
    away: Option<RuleMemory>,
    world: World,
    agenda: Agenda,
    incidents: usize,
    /// When the machine last woke: nothing happens in between.
    woken: Duration,
    /// How far the civil clock has jumped, in milliseconds.
    jumped: i64,
    course: Course,
    standing: Standing,
    windows: Windows,
    latest: Option<Observation>,
    /// How often the change of a word has shown.
    shown: BTreeMap<Word, u64>,
}

impl<'s> Stage<'s> {
    pub(super) fn new(policy: &Arc<Policy>, scenario: &'s Scenario) -> Self {
        let engine = engine(policy, scenario);
        let asked: Vec<&Condition> = scenario
            .expect
            .iter()
            .filter_map(|assertion| match &assertion.claim {
                Claim::That(condition, _) => Some(condition),
                Claim::Tier(..)
                | Claim::NeverTier(..)
                | Claim::Actions(..)
                | Claim::Refused(..)
                | Claim::Judged(..)
                | Claim::Kept(..)
                | Claim::Latched(..)
                | Claim::Lead(..) => None,
            })
            .collect();
        Self {
            policy: Arc::clone(policy),
            scenario,
            engine,
            away: None,
            world: World::new(scenario, slope(policy, scenario, &asked)),
            agenda: Agenda::default(),
            incidents: 0,
            woken: Duration::ZERO,
            jumped: 0,
            course: Course::default(),
            standing: Standing::default(),
            windows: Windows::for_conditions(asked.into_iter()),
            latest: None,
            shown: BTreeMap::new(),
        }
    }

    pub(super) fn into_course(self) -> Course {
        self.course
    }

    /// What an assertion can look at now.
    pub(super) fn sight(&self) -> Sight<'_> {
        Sight {
            engine: &self.engine,
            process: self.world.process(),
            latest: self.latest.as_ref(),
            windows: &self.windows,
            standing: &self.standing,
        }
    }

    /// One tick; gives the time at its end, which is later where the machine slept.
    pub(super) fn tick(&mut self, now: Duration) -> Duration {
        self.deliver(now);
        let now = self.happen(now);
        self.deliver(now);
        self.world.advance(now);
        if !self.world.is_alive() {
            self.latest = None;
            return now;
        }
        let (at, wall) = self.clocks(now);
        let seen = self.world.look(at, wall);
        self.windows.observe(&seen);
        if self.world.runs_out(&seen) {
            self.course.push(now, Some(self.world.process()), Note::Exhausted);
        }
        if self.away.is_none() {
            let process = self.world.process();
            let evaluation = self.engine.step(&process, &seen);
            self.take_in(now, process, evaluation);
            self.standing.level(&self.policy, &self.engine.tiers(&process));
        }
        self.latest = Some(seen);
        now
    }

    fn clocks(&self, now: Duration) -> (Timestamp, WallTime) {
        let passed = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let wall = self.scenario.clock.as_millis().saturating_add(passed).saturating_add(self.jumped);
        (BASE + now, WallTime::from_millis(wall))
    }

    fn deliver(&mut self, now: Duration) {
        while let Some((at, due)) = self.agenda.next(now) {
            let at = at.max(self.woken);
            match due {
                Due::Report(process, word, report) => self.report(at, process, word, &report),
                Due::Change(changes) => {
                    self.world.advance(at);
                    self.world.change(&changes);
                }
                Due::End { process, code, next } => self.end(at, process, code, next),
                Due::Spawn(number) => {
                    self.world.advance(at);
                    self.world.spawn(number);
                    self.standing = Standing::default();
                    self.say(at, Some(self.world.process()), "the process starts");
                }
                Due::AgentBack => {
                    self.engine = engine(&self.policy, self.scenario);
                    self.engine.restore(self.away.take().unwrap_or_default());
                    self.say(at, None, "the agent is back");
                }
            }
        }
    }

    fn report(&mut self, now: Duration, process: ProcessId, word: Word, report: &Report) {
        let (at, wall) = self.clocks(now);
        let evaluation = self.engine.report(&process, report, at, wall);
        let result = report.result.clone().map(|done| done.summary).map_err(|failure| failure.to_string());
        let note = Note::Ended { decision: report.decision, word, result };
        self.course.push(now, Some(process), note);
        self.take_in(now, process, evaluation);
    }

    /// What happens by the script.
    fn happen(&mut self, mut now: Duration) -> Duration {
        while let Some(incident) = self.scenario.events.get(self.incidents).filter(|i| i.at <= now) {
            self.incidents += 1;
            let process = self.world.process();
            match incident.happening {
                Happening::Exit(code) => self.end(now, process, code, None),
                Happening::Restart(after) => self.end(now, process, 0, Some((after, Number::Fresh))),
                Happening::Reuse(after) => self.end(now, process, 0, Some((after, Number::Reused))),
                Happening::AgentRestart(away) => {
                    self.away = Some(self.engine.memory());
                    self.agenda.drop_reports();
                    self.agenda.note(now + away, Due::AgentBack);
                    self.say(now, None, &format!("the agent is away for {}", format_span(away)));
                }
                Happening::Clock(millis) => {
                    self.jumped = self.jumped.saturating_add(millis);
                    let span = format_span(Duration::from_millis(millis.unsigned_abs()));
                    let way = if millis < 0 { "back" } else { "on" };
                    self.say(now, None, &format!("the civil clock jumps {way} by {span}"));
                }
                Happening::Suspend(span) => {
                    self.world.advance(now);
                    self.say(now, None, &format!("the machine sleeps for {}", format_span(span)));
                    now += span;
                    self.world.sleep(now);
                    self.woken = now;
                }
                Happening::Hold => self.command(now, Command::HumanHold, "a person holds the target"),
                Happening::Resume => {
                    self.command(now, Command::HumanResume, "a person lets the policies rule");
                }
                Happening::Release => {
                    self.command(now, Command::Release { rule: None }, "a person releases what is latched");
                }
            }
        }
        now
    }

    fn command(&mut self, now: Duration, command: Command, what: &str) {
        let (at, wall) = self.clocks(now);
        let process = self.world.process();
        match self.engine.command(Some(&process), command, at, wall) {
            Ok(evaluation) => {
                self.say(now, None, what);
                self.take_in(now, process, evaluation);
            }
            Err(error) => self.say(now, None, &format!("{what}: {error}")),
        }
    }

    fn end(&mut self, now: Duration, process: ProcessId, code: i32, next: Option<(Duration, Number)>) {
        if !self.world.is_alive() || self.world.process() != process {
            return;
        }
        self.world.advance(now);
        let (at, wall) = self.clocks(now);
        let last = farewell(at, wall, code);
        self.world.end();
        self.say(now, Some(process), &format!("the process ends with code {code}"));
        if self.away.is_none() {
            let evaluation = self.engine.step(&process, &last);
            self.take_in(now, process, evaluation);
            self.engine.forget(&process);
        }
        if let Some((after, number)) = next {
            self.agenda.note(now + after, Due::Spawn(number));
        }
    }

    fn say(&mut self, now: Duration, process: Option<ProcessId>, what: &str) {
        self.course.push(now, process, Note::World(what.to_owned()));
    }

    fn take_in(&mut self, now: Duration, process: ProcessId, evaluation: Evaluation) {
        for judged in &evaluation.judged {
            self.standing.judge(judged);
        }
        let started: Vec<Decision> = evaluation
            .decisions
            .iter()
            .filter(|decision| decision.verdict == Verdict::Start)
            .cloned()
            .collect();
        self.course.extend(now, process, evaluation);
        for decision in started {
            self.begin(now, process, &decision);
        }
    }

    fn begin(&mut self, now: Duration, process: ProcessId, decision: &Decision) {
        let word = decision.work.word();
        let mut effect = self.scenario.effects.get(&word).cloned().unwrap_or_default();
        let is_meant = match effect.of {
            Of::Anyone => true,
            Of::Tiers => decision.rule.tier.is_some(),
            Of::Upkeep => decision.rule.tier.is_none(),
        };
        if !is_meant {
            effect.change.clear();
        }
        match &decision.work {
            Work::Do(action) => self.act(now, process, (decision.id, action), &effect),
            Work::Take(_) => {
                self.world.advance(now);
                self.world.slow(word, effect.slows.clone());
                self.show(now, word, &effect, effect.change.clone());
            }
            Work::Release(_) => {
                self.world.advance(now);
                self.world.unslow(word);
            }
        }
    }

    fn act(
        &mut self,
        now: Duration,
        process: ProcessId,
        (id, action): (DecisionId, &Action),
        effect: &Effect,
    ) {
        let word = action.word();
        let over = now + effect.takes;
        let result = match &effect.result {
            Ending::Done => Ok(Done { summary: "done".to_owned() }),
            Ending::Fails(why) => Err(Failure::Failed(why.clone())),
        };
        let fails = result.is_err();
        self.agenda.note(over, Due::Report(process, word, Report { decision: id, result }));
        if fails {
            return;
        }
        let mut changes = effect.change.clone();
        match action {
            Action::RaiseNofile { to } => {
                let limit = SignalKey::Plain(Signal::FdLimit);
                let hard = self.world.value(Signal::FdHardLimit).unwrap_or(0.0);
                let goal = match to {
                    NofileGoal::Hard => hard,
                    NofileGoal::Count(count) => hard.min(*count as f64),
                };
                changes.entry(limit).or_insert(Change::To(goal));
            }
            Action::Stop { then, .. } => {
                let next = match then {
                    Then::Restart | Then::Systemd => Some((effect.restart, Number::Fresh)),
                    Then::Stay => None,
                };
                self.agenda.note(over, Due::End { process, code: 0, next });
            }
            Action::Notify { .. }
            | Action::Snapshot
            | Action::ResetPool { .. }
            | Action::DestroySockets { .. }
            | Action::ReapDescriptors { .. }
            | Action::Run { .. } => {}
        }
        self.show(now, word, effect, changes);
    }

    /// Notes the changes of an effect, as often as they show.
    fn show(&mut self, now: Duration, word: Word, effect: &Effect, changes: BTreeMap<SignalKey, Change>) {
        let shown = self.shown.entry(word).or_default();
        *shown += 1;
        if changes.is_empty() || effect.times.is_some_and(|times| *shown > times) {
            return;
        }
        self.agenda.note(now + effect.after.unwrap_or(effect.takes), Due::Change(changes));
    }
}

fn engine(policy: &Arc<Policy>, scenario: &Scenario) -> Engine {
    let enrolled = Enrolled { policy: Arc::clone(policy), role: Role::Live };
    Engine::new(vec![enrolled], means::of_scenario(policy, &scenario.means))
}

/// Whether a rule or an assertion reads what follows from the slope of `fd.open`.
fn slope(policy: &Policy, scenario: &Scenario, asked: &[&Condition]) -> Slope {
    let set = |key: &SignalKey| {
        scenario.start.contains_key(key) || scenario.series.iter().any(|series| series.key == *key)
    };
    let follows = [Signal::FdTte, Signal::FdRate].map(SignalKey::Plain);
    let read = policy.conditions().chain(asked.iter().copied()).flat_map(Condition::keys);
    if read.into_iter().any(|key| follows.contains(key) && !set(key)) { Slope::Read } else { Slope::Unread }
}
