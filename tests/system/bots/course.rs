//! One bot, unguarded and guarded side by side, until the guarded one has traded twice as long as the other lived.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fdguard::model::action::Word;
use fdguard::model::decision::{Decision, DecisionId, Judged, Outcome, Verdict};
use fdguard::model::event::{Event, Fact};

use super::bot::{Bot, Running};
use super::tape::{self, Line, Tape};
use crate::support::agent::{Agent, toml_text};
use crate::support::wait::wait_for;

/// What a bot exits with when it has no descriptor left.
pub(crate) const EMFILE: i32 = 24;
/// How long the unguarded one may take to die: nine seconds on a quiet machine.
const DEATH_WITHIN: Duration = Duration::from_mins(1);
/// How much longer than twice that the guarded one may take to show that it trades.
const SHOWN_WITHIN: Duration = Duration::from_secs(40);
/// Orders of the same process after the time is over that show it to trade.
const ORDERS: u64 = 3;

/// What a bot is guarded by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    /// A file of `tests/system/policies`, without its ending.
    pub(crate) policy: &'static str,
    pub(crate) allow: &'static [&'static str],
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Course {
    /// The bot, for messages.
    pub(crate) name: String,
    /// How long the unguarded one lived.
    pub(crate) unguarded: Duration,
    /// What the guarded one, and those started after it, said.
    pub(crate) tape: Tape,
    /// What the agent said.
    pub(crate) events: Vec<Event>,
    /// What the agent wrote.
    pub(crate) log: String,
}

/// Where the policies of these tests are.
pub(crate) fn policy_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/system/policies").join(format!("{name}.toml"))
}

/// Runs both. Ports are given apart, for a server that could not carry two bots at once.
pub(crate) fn run(bot: Bot, guard: Guard, [free, guarded]: [&str; 2]) -> Course {
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("guarded.log");
    let alone = bot.start(&folder.path().join("unguarded.log"), free);
    write_settings(folder.path(), bot, guard, guarded);
    let mut agent = Agent::start(folder.path());
    let mut course = Course {
        name: format!("{} {}", bot.script, bot.arguments.join(" ")),
        unguarded: Duration::ZERO,
        tape: Tape::of(&lines),
        events: Vec::new(),
        log: String::new(),
    };
    course.unguarded = life_of(alone, || course.follow(&mut agent));
    let limit = course.unguarded * 2 + SHOWN_WITHIN;
    let log = agent.log_reader();
    let trades = wait_for(
        "the guarded bot trades on",
        limit,
        || {
            course.follow(&mut agent);
            course.trades_on()
        },
        log,
    );
    course.log = agent.log();
    assert!(agent.end().success(), "the agent did not end in order: {}", course.log);
    course.tape.wind();
    let left = course.tape.processes().into_iter().find(|pid| Path::new(&format!("/proc/{pid}")).exists());
    assert_eq!(left, None, "{}: not ended with the agent", course.name);
    println!(
        "{}: {:.1?} unguarded, {trades:.1?} guarded: {}",
        course.name,
        course.unguarded,
        course.summary()
    );
    course
}

fn write_settings(folder: &Path, bot: Bot, guard: Guard, ports: &str) {
    let argv: Vec<String> =
        bot.command(&folder.join("guarded.log")).iter().map(|word| toml_text(word)).collect();
    let allow: Vec<String> = guard.allow.iter().map(|word| toml_text(word)).collect();
    let sections = format!(
        "[target.bot]\nmatch = {{ child = {{ argv = [{}], env = {{ BOT_SERVERS = {} }} }} }}\npolicy = [{}]\n\
         allow = [{}]\nrestart = {{ backoff = \"100ms\", backoff_max = \"200ms\", max = \"60/hour\" }}\n\
         stop = {{ grace = \"1s\" }}\n",
        argv.join(", "),
        toml_text(ports),
        toml_text(&policy_file(guard.policy).to_string_lossy()),
        allow.join(", "),
    );
    Agent::write_settings(folder, &sections);
}

/// Waits for the death of EMFILE of an unguarded bot; gives how long it lived.
fn life_of(mut bot: Running, mut meanwhile: impl FnMut()) -> Duration {
    let ended = wait_for(
        "the unguarded bot dies",
        DEATH_WITHIN,
        || {
            meanwhile();
            bot.ended()
        },
        String::new,
    );
    assert_eq!(ended.code(), Some(EMFILE), "the unguarded bot ended otherwise");
    bot.born.elapsed()
}

impl Course {
    /// Takes in what was said since; fails at once where the guarded bot died of what it is guarded from.
    fn follow(&mut self, agent: &mut Agent) {
        self.tape.wind();
        self.events.extend(agent.new_events());
        let died = self.tape.lines.iter().find(|line| line.event == tape::Event::Died);
        assert!(died.is_none(), "{}: guarded, and yet: {died:?}\n{}", self.name, agent.log());
    }

    /// How long it has been trading, once that is twice the unguarded one's life.
    fn trades_on(&self) -> Option<Duration> {
        let born = self.tape.lines.first()?.boot;
        let over = |line: &&Line| line.boot - born > self.unguarded.as_secs_f64() * 2.0;
        let last = self.tape.lines.last()?;
        let first = self.tape.of_process(last.pid).find(over)?;
        let shown = last.event == tape::Event::Tick && last.orders_ok >= first.orders_ok + ORDERS;
        (shown && last.orders_failed == 0).then(|| Duration::from_secs_f64(last.boot - born))
    }

    /// Runs of actions that were started: the process's number and the decision.
    pub(crate) fn started(&self) -> impl Iterator<Item = (u32, &Decision)> {
        self.events.iter().filter_map(|event| match &event.fact {
            Fact::Decision(decision) if decision.verdict == Verdict::Start => {
                Some((event.process?.pid, decision))
            }
            _ => None,
        })
    }

    /// How many stops have come to their end; one more may be under way at the end of the course.
    pub(crate) fn stopped(&self) -> usize {
        let stops: Vec<_> =
            self.started().filter(|(_, decision)| decision.work.word() == Word::Stop).collect();
        stops.iter().filter(|(_, decision)| self.finished(decision.id).is_some()).count()
    }

    /// The end of the action that was decided so, where it ended well.
    pub(crate) fn finished(&self, id: DecisionId) -> Option<&Event> {
        self.events.iter().find(|event| match &event.fact {
            Fact::Finished { decision, result, .. } => *decision == id && result.is_ok(),
            _ => false,
        })
    }

    /// Whether a reap ran out of time: on a machine busy beyond measure a healable bot may need a restart.
    pub(crate) fn ran_out_of_time(&self) -> bool {
        let up = |event: &Event| match &event.fact {
            Fact::Finished { result: Ok(done), .. } => done.contains("the time of the stop was up"),
            _ => false,
        };
        self.events.iter().any(up)
    }

    /// Outcomes told, with the process's number.
    pub(crate) fn judged(&self) -> impl Iterator<Item = (u32, &Judged)> {
        self.events.iter().filter_map(|event| match &event.fact {
            Fact::Judged(judged) => Some((event.process?.pid, judged)),
            _ => None,
        })
    }

    /// How often such an outcome was told of the word.
    pub(crate) fn outcomes(&self, word: Word, outcome: Outcome) -> usize {
        self.judged().filter(|(_, judged)| judged.word == word && judged.outcome == outcome).count()
    }

    /// Exit codes in order.
    pub(crate) fn exits(&self) -> Vec<Option<i32>> {
        let exits = self.events.iter().filter_map(|event| match &event.fact {
            Fact::Exited { code } => Some(*code),
            _ => None,
        });
        exits.collect()
    }

    fn summary(&self) -> String {
        let mut parts = Vec::new();
        for word in [Word::DestroySockets, Word::ReapDescriptors] {
            for outcome in [Outcome::Effective, Outcome::Ineffective, Outcome::Unknown] {
                let count = self.outcomes(word, outcome);
                if count > 0 {
                    parts.push(format!("{count}x {word} {outcome}"));
                }
            }
        }
        let most = self.tape.lines.iter().map(|line| line.fds).max().unwrap_or_default();
        parts.push(format!("{} processes", self.tape.processes().len()));
        parts.push(format!("at most {most} descriptors"));
        parts.join(", ")
    }
}
