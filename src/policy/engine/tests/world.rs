//! A small world: a policy from text, one process, one tick a second.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::document::Faults;
use crate::model::action::Word;
use crate::model::clock::{Timestamp, WallTime};
use crate::model::decision::{
    Decision, DecisionId, Done, Evaluation, Failure, Outcome, Refusal, Report, Verdict, Work,
};
use crate::model::name::Name;
use crate::model::observation::{Life, Observation};
use crate::model::process::ProcessId;
use crate::model::reading::Gap;
use crate::model::signal::Signal;
use crate::policy::definition::Policy;
use crate::policy::engine::{Command, CommandError, Engine, Enrolled, Role};
use crate::policy::load;
use crate::policy::means::Means;
use crate::policy::memory::RuleMemory;

/// Resets a pool above 300 descriptors, and runs a hook above 600 or where that did not help.
pub(super) const RESET: &str = r#"
schema = 1
name = "p"
[ladder.d]
start_grace = "0s"
[[ladder.d.tier]]
name = "a"
raise = "fd.open > 300"
clear = "fd.open < 250"
dwell = "10s"
cooldown = "1m"
do = [{ reset_pool = { pool = "db" } }, { notify = { to = "slack" } }]
expect = { that = "fd.open <= before.fd.open * 85%", within = "30s" }
[[ladder.d.tier]]
name = "b"
raise = "fd.open > 600 or a.ineffective(2)"
clear = "fd.open < 250"
dwell = "10s"
cooldown = "1m"
do = [{ run = { hook = "relieve" } }]
"#;

/// Stops, within a budget.
pub(super) const STOP: &str = r#"
schema = 1
name = "p"
[ladder.d]
start_grace = "2m"
[[ladder.d.tier]]
name = "a"
raise = "fd.open > 900"
clear = "fd.open < 600"
dwell = "10s"
cooldown = "5s"
guard = "orders.open == 0 or waited(2m)"
do = ["snapshot", { stop = { before = ["cancel-all"], then = "restart" } }]
budget = "2/day"
latch = "human"
hold = [{ pause_trading = { state = "halted" } }]
"#;

pub(super) fn policy(source: &str) -> Arc<Policy> {
    let mut faults = Faults::default();
    let policy = load(source, &mut faults);
    let found = faults.into_sorted();
    Arc::new(policy.unwrap_or_else(|| panic!("{found:#?}")))
}

pub(super) fn live(source: &str) -> Enrolled {
    Enrolled { policy: policy(source), role: Role::Live }
}

pub(super) fn names(words: &[&str]) -> BTreeSet<Name> {
    words.iter().map(|word| Name::parse(word).unwrap()).collect()
}

/// The time-out of every hook.
pub(super) const HOOK_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn all_means() -> Means {
    Means {
        allowed: Word::ALL.iter().copied().collect(),
        pools: names(&["db"]),
        streams: names(&["quotes"]),
        hooks: names(&["cancel-all", "relieve"]).into_iter().map(|hook| (hook, HOOK_TIMEOUT)).collect(),
        receivers: names(&["slack"]),
        ..Means::default()
    }
}

pub(super) fn pid(number: u32) -> ProcessId {
    ProcessId { pid: number, inode: u64::from(number) + 1_000, started: 7, exe: (1, 2) }
}

/// One process under an engine.
pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) process: ProcessId,
    pub(super) now: Duration,
}

pub(super) const START: i64 = 1_700_000_000_000;

impl World {
    pub(super) fn new(source: &str) -> Self {
        Self::with(vec![live(source)], all_means())
    }

    pub(super) fn with(policies: Vec<Enrolled>, means: Means) -> Self {
        Self { engine: Engine::new(policies, means), process: pid(1), now: Duration::from_hours(1) }
    }

    pub(super) fn at(&self) -> Timestamp {
        Timestamp::ZERO + self.now
    }

    pub(super) fn wall(&self) -> WallTime {
        WallTime::from_millis(START + i64::try_from(self.now.as_millis()).unwrap())
    }

    /// An observation of an hour-old process.
    pub(super) fn blank(&self) -> Observation {
        let mut seen = Observation::blank(self.at(), self.wall(), Gap::NotPermitted);
        seen.know(Signal::ProcessUptime, self.now.as_secs_f64());
        seen
    }

    pub(super) fn seen(&self, open: f64) -> Observation {
        let mut seen = self.blank();
        seen.know(Signal::FdOpen, open);
        seen
    }

    /// One second later, so many descriptors.
    pub(super) fn tick(&mut self, open: u32) -> Evaluation {
        self.now += Duration::from_secs(1);
        let seen = self.seen(f64::from(open));
        self.engine.step(&self.process, &seen)
    }

    /// One second later, nothing known.
    pub(super) fn blind(&mut self) -> Evaluation {
        self.now += Duration::from_secs(1);
        let seen = self.blank();
        self.engine.step(&self.process, &seen)
    }

    /// So many seconds of the same; all that happened.
    pub(super) fn hold(&mut self, open: u32, seconds: u32) -> Evaluation {
        let mut all = Evaluation::default();
        for _ in 0..seconds {
            join(&mut all, self.tick(open));
        }
        all
    }

    pub(super) fn exit(&mut self) -> Evaluation {
        self.now += Duration::from_secs(1);
        let mut seen = self.blank();
        seen.life = Life::Exited;
        self.engine.step(&self.process, &seen)
    }

    pub(super) fn done(&mut self, decision: DecisionId) -> Evaluation {
        self.tell(decision, Ok(Done::default()))
    }

    pub(super) fn failed(&mut self, decision: DecisionId) -> Evaluation {
        self.tell(decision, Err(Failure::Failed("no such pool".to_owned())))
    }

    pub(super) fn given_up(&mut self, decision: DecisionId) -> Evaluation {
        self.tell(decision, Err(Failure::GivenUp("given up because the agent stops".to_owned())))
    }

    fn tell(&mut self, decision: DecisionId, result: Result<Done, Failure>) -> Evaluation {
        let (at, wall) = (self.at(), self.wall());
        self.engine.report(&self.process, &Report { decision, result }, at, wall)
    }

    /// A person asks for something, of this process where it is about one.
    pub(super) fn command(&mut self, command: Command) -> Result<Evaluation, CommandError> {
        let (process, at, wall) = (self.process, self.at(), self.wall());
        self.engine.command(Some(&process), command, at, wall)
    }

    /// New policies in place of the old.
    pub(super) fn reload(&mut self, source: &str) -> Evaluation {
        let (at, wall) = (self.at(), self.wall());
        self.engine.replace(vec![live(source)], at, wall)
    }

    /// The agent ends and starts again: only what was stored is left.
    pub(super) fn restart(&mut self, source: &str) {
        let stored = serde_json::to_string(&self.engine.memory()).unwrap();
        let memory: RuleMemory = serde_json::from_str(&stored).unwrap();
        self.engine = Engine::new(vec![live(source)], all_means());
        self.engine.restore(memory);
    }

    /// The active tier of the first ladder, `normal` for none.
    pub(super) fn tier(&self) -> String {
        let ladders = self.engine.tiers(&self.process);
        let active = ladders.first().and_then(|ladder| ladder.active.clone());
        active.map_or_else(|| "normal".to_owned(), |name| name.to_string())
    }
}

pub(super) fn join(all: &mut Evaluation, mut more: Evaluation) {
    all.transitions.append(&mut more.transitions);
    all.decisions.append(&mut more.decisions);
    all.judged.append(&mut more.judged);
    all.latched.append(&mut more.latched);
    all.shadow.append(&mut more.shadow);
    all.lost.append(&mut more.lost);
}

/// What was started: words with numbers.
pub(super) fn started(out: &Evaluation) -> Vec<(Word, DecisionId)> {
    out.decisions
        .iter()
        .filter(|decision| decision.verdict == Verdict::Start && matches!(decision.work, Work::Do(_)))
        .map(|decision| (decision.work.word(), decision.id))
        .collect()
}

/// The first action that was started.
pub(super) fn first(out: &Evaluation) -> DecisionId {
    started(out)[0].1
}

pub(super) fn words(out: &Evaluation) -> Vec<Word> {
    started(out).into_iter().map(|(word, _)| word).collect()
}

pub(super) fn refused(out: &Evaluation) -> Vec<(Word, Refusal)> {
    let refusal = |decision: &Decision| match &decision.verdict {
        Verdict::Refused(refusal) => Some((decision.work.word(), refusal.clone())),
        Verdict::Start | Verdict::DryRun(_) => None,
    };
    out.decisions.iter().filter_map(refusal).collect()
}

pub(super) fn outcomes(out: &Evaluation) -> Vec<Outcome> {
    out.judged.iter().map(|judged| judged.outcome).collect()
}

pub(super) fn tiers(out: &Evaluation) -> Vec<String> {
    let name = |to: &Option<Name>| to.as_ref().map_or_else(|| "normal".to_owned(), ToString::to_string);
    out.transitions.iter().map(|moved| name(&moved.to)).collect()
}
