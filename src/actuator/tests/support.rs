//! An actuator with somebody who listens, and real processes to act on.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::model::action::Action;
use crate::model::clock::WallTime;
use crate::model::decision::{DecisionId, Work};
use crate::model::name::Name;
use crate::model::select_use::SelectUse;
use crate::sys::adopted::Adopted;
use crate::sys::clock::SystemClock;
use crate::sys::proc_root::ProcRoot;

use super::super::*;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(crate) fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A real process, told what to do by lines; killed and reaped when dropped.
pub(crate) struct Bot {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Bot {
    pub(crate) fn python(script: &str) -> Self {
        Self::start(Command::new("/usr/bin/python3").args(["-c", script]))
    }

    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let orders = child.stdin.take().expect("piped");
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, orders, answers }
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("its output can be read");
        line.trim().to_owned()
    }

    pub(crate) fn ask(&mut self, order: &str) -> String {
        writeln!(self.orders, "{order}").expect("it listens");
        self.line()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn adopt(&self) -> Arc<Adopted> {
        Arc::new(Adopted::open(&ProcRoot::default(), self.pid()).expect("a live child can be adopted"))
    }

    pub(crate) fn subject(&self) -> Subject {
        Subject {
            process: self.adopt(),
            tenancy: Tenancy::Stranger,
            protection: Protection::default(),
            select: SelectUse::Auto,
            trading: TradingReach::default(),
        }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        if self.is_running() && self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// An order on a subject.
pub(crate) fn order(subject: &Arc<Subject>, decision: u64, work: Work) -> Order {
    let story = Story {
        rule: "longport/descriptors/fatal".to_owned(),
        tier: Some(name("fatal")),
        because: "fd.open > 900 (912) password=hunter2".to_owned(),
        readings: [("fd.open".to_owned(), "912".to_owned())].into(),
        history: vec!["tier changed token=hunter2".to_owned()],
        next: None,
        at: WallTime::from_millis(1_700_000_000_000),
    };
    Order {
        target: name("bot"),
        process: subject.process.id(),
        decision: DecisionId(decision),
        work,
        subject: Arc::clone(subject),
        fellows: Vec::new(),
        aged: None,
        story: Arc::new(story),
    }
}

/// An actuator and what it tells.
pub(crate) struct Bench {
    pub(crate) actuator: Option<Actuator>,
    pub(crate) told: Receiver<Told>,
}

impl Bench {
    pub(crate) fn start(evidence: &Path, configure: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings {
            host: "trade-1".to_owned(),
            clock: Arc::new(SystemClock),
            hooks: [].into(),
            receivers: [].into(),
            evidence: Evidence { folder: evidence.to_owned(), bounds: Bounds::default() },
            systemctl: "/bin/false".into(),
            keeper: None,
            proxies: None,
        };
        configure(&mut settings);
        let (tell, told) = channel();
        let tell = std::sync::Mutex::new(tell);
        let told_to = Box::new(move |what| drop(tell.lock().unwrap().send(what)));
        let actuator = Actuator::start(settings, told_to).expect("threads can be started");
        Self { actuator: Some(actuator), told }
    }

    /// With these hooks, each a command.
    pub(crate) fn with_hooks(hooks: &[(&str, &[&str], u64)]) -> Self {
        Self::start(Path::new("/nonexistent"), |settings| {
            for (hook, words, millis) in hooks {
                let call = HookCall::Command(HookCommand { argv: argv(words), ..HookCommand::default() });
                settings
                    .hooks
                    .insert(name(hook), Hook { call, timeout: Duration::from_millis(*millis), until: None });
            }
        })
    }

    pub(crate) fn submit(&self, order: Order) {
        self.actuator.as_ref().expect("not shut down").submit(order).expect("there is room");
    }

    pub(crate) fn next(&self) -> Told {
        self.told.recv_timeout(PATIENCE).expect("told in time")
    }

    pub(crate) fn finished(&self) -> Finished {
        match self.next() {
            Told::Finished(finished) => finished,
            Told::Fact { fact, .. } => panic!("unexpected {fact:?}"),
        }
    }

    pub(crate) fn carry(&self, order: Order) -> Finished {
        let decision = order.decision;
        self.submit(order);
        let finished = self.finished();
        assert_eq!(finished.decision, decision);
        finished
    }

    /// Carries out an action and gives what was done or why not.
    pub(crate) fn act(&self, subject: &Arc<Subject>, action: Action) -> Result<String, String> {
        self.carry(order(subject, 1, Work::Do(action)))
            .result
            .map(|done| done.summary)
            .map_err(|failure| failure.to_string())
    }
}
