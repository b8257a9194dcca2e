//! One target: its engine, its processes, its child.

use std::collections::BTreeMap;

use crate::agent::child::Nursery;
use crate::agent::fleet::Asked;
use crate::agent::guarded::Guarded;
use crate::agent::seek::Edition;
use crate::agent::settings::TargetSettings;
use crate::config::Match;
use crate::model::clock::Timestamp;
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::policy::engine::Engine;
use crate::policy::means::Means;
use crate::sampler::eye::Answers;

/// How long a number that could not be adopted is left alone.
pub(super) const REFUSED_KEPT: std::time::Duration = std::time::Duration::from_secs(10);

/// A number that could not be adopted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Refused {
    /// The time of the next try.
    pub(super) again: Timestamp,
    /// What was told of it.
    pub(super) why: String,
}

/// Whether it has been told that no process matches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Absence {
    /// Not since a process was there.
    Untold,
    /// It has.
    Told,
}

/// Where the search for its processes stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Search {
    /// To be asked for at that time.
    Due(Timestamp),
    /// Asked for; told as late from that time on.
    UnderWay(Timestamp),
    /// The same, but a process has ended since: the next is asked for at once when the answer is there.
    Outdated(Timestamp),
}

/// One target.
#[derive(Debug)]
pub(super) struct Target {
    /// What it is.
    pub(super) settings: TargetSettings,
    /// Its rule state.
    pub(super) engine: Engine,
    /// Its processes.
    pub(super) guarded: BTreeMap<ProcessId, Guarded>,
    /// Its child, where it has one.
    pub(super) nursery: Option<Nursery>,
    /// Where the search for its processes stands.
    pub(super) search: Search,
    /// Where its number was written when it was last looked for.
    pub(super) edition: Option<Edition>,
    /// What has been told of its absence.
    pub(super) absence: Absence,
    /// Processes guarded before the agent started, to tell *again* from *new*.
    pub(super) known_before: Vec<ProcessId>,
    /// Numbers that could not be adopted.
    pub(super) refused: BTreeMap<u32, Refused>,
    /// The number of the process that ended last, and where it was written: it names nobody any more.
    pub(super) spent: Option<(u32, Edition)>,
    /// What its probes said last.
    pub(super) probed: Answers,
    /// Rule memory as last handed to the history.
    pub(super) remembered: String,
    /// Whether something was decided since, so that the memory is worth a look.
    pub(super) memory_changed: bool,
    /// What the fleet was asked for it.
    pub(super) asked: Asked,
    /// Whether what an earlier agent kept could not be read.
    pub(super) memory_unreadable: bool,
}

impl Target {
    pub(super) fn new(settings: TargetSettings, now: Timestamp) -> Self {
        let engine = Engine::new(settings.policies.clone(), settings.means.clone());
        let nursery = match &settings.matches {
            Match::Child(child) => Some(Nursery::new(settings.name.clone(), child.clone(), settings.restart)),
            Match::Pid(_) | Match::Pidfile(_) | Match::Unit(_) | Match::Cgroup(_) | Match::Command(_) => None,
        };
        Self {
            settings,
            engine,
            guarded: BTreeMap::new(),
            nursery,
            search: Search::Due(now),
            edition: None,
            absence: Absence::Untold,
            known_before: Vec::new(),
            refused: BTreeMap::new(),
            spent: None,
            probed: Answers::new(),
            remembered: String::new(),
            memory_changed: false,
            asked: Asked::default(),
            memory_unreadable: false,
        }
    }

    /// Its name.
    pub(super) fn name(&self) -> &Name {
        &self.settings.name
    }

    /// Whether a process of that number is guarded.
    pub(super) fn guards(&self, pid: u32) -> bool {
        self.guarded.keys().any(|id| id.pid == pid)
    }

    /// What can be done to it changes with the restarts that its child has left.
    pub(super) fn count_restarts(&mut self, now: Timestamp) {
        let Some(nursery) = &self.nursery else { return };
        let spent = nursery.spent(now);
        if spent != self.engine.means().no_restart {
            self.engine.set_means(Means { no_restart: spent, ..self.settings.means.clone() });
        }
    }

    /// A process of it has ended: the next one may be there at once.
    pub(super) fn search_anew(&mut self, now: Timestamp) {
        self.search = match self.search {
            Search::Due(_) => Search::Due(now),
            Search::UnderWay(late) | Search::Outdated(late) => Search::Outdated(late),
        };
    }

    /// The rule memory, if it has changed since it was last asked for.
    pub(super) fn changed_memory(&mut self) -> Option<String> {
        let text = serde_json::to_string(&self.engine.memory()).ok()?;
        if text == self.remembered {
            return None;
        }
        self.remembered.clone_from(&text);
        Some(text)
    }

    /// Takes up the rule memory of an earlier agent. A memory that can't be read is left alone.
    pub(super) fn recall(&mut self, json: &str) -> Result<(), serde_json::Error> {
        let memory: crate::policy::memory::RuleMemory = serde_json::from_str(json)?;
        let living = memory.processes.iter().map(|process| process.process);
        self.known_before = living.chain(memory.ended.iter().copied()).collect();
        self.engine.restore(memory);
        json.clone_into(&mut self.remembered);
        Ok(())
    }
}
