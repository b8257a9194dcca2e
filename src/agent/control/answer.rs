//! Answers to those who ask, and commands carried out.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Control;
use super::came::{Begun, refused};
use crate::agent::guarded::Guarded;
use crate::agent::herald::About;
use crate::agent::pools::Pools;
use crate::agent::request::{Answer, Command, Envelope, Explained, Request};
use crate::agent::status::{ProcessStatus, Status, TargetStatus};
use crate::agent::target::Target;
use crate::model::action::{Action, Hold};
use crate::model::asker::Asker;
use crate::model::clock::Clock as _;
use crate::model::decision::{Cause, Evaluation, Verdict};
use crate::model::event::Fact;
use crate::model::kind::Kind;
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::model::signal::{Argument, CATALOGUE};
use crate::policy::engine::{Command as EngineCommand, HumanHold, Role};
use crate::sys::clock::SystemClock;

impl Control {
    /// Answers one request. Whoever no longer waits for the answer misses nothing.
    pub(super) fn answer(&mut self, envelope: Envelope) {
        let answer = match envelope.request {
            Request::Status => Answer::Status(Box::new(self.status())),
            Request::Explain { target } => Answer::Explained(self.explain(target.as_ref())),
            Request::Events { after } => Answer::Events(self.herald.after(after)),
            // Read by the thread that may block on files; it posts what it read.
            Request::Do(Command::Reload) => Answer::Refused("the agent can't read its files here".to_owned()),
            // Asked of the gates, on the thread that may wait for them.
            Request::Trading { .. } => Answer::Refused("no order gate here".to_owned()),
            Request::Do(command) => self.command(command, envelope.by),
        };
        drop(envelope.reply.send(answer));
    }

    fn status(&self) -> Status {
        let lost = self.history_lost.clone();
        let targets = self.targets.iter().map(|target| target_status(target, &self.pools)).collect();
        let pools = self.pools.status(SystemClock.now());
        let agent = self.own.status(self.settings.dry_run, lost);
        Status { agent, targets, pools, counts: self.herald.counts() }
    }

    fn explain(&self, wanted: Option<&Name>) -> Vec<Explained> {
        let targets = self.targets.iter().filter(|target| wanted.is_none_or(|name| name == target.name()));
        let mut explained = Vec::new();
        for target in targets {
            for (id, guarded) in &target.guarded {
                let Some(explanation) = target.engine.explain(id, guarded.eye.latest()) else { continue };
                explained.push(Explained {
                    target: target.name().clone(),
                    pid: id.pid,
                    text: explanation.to_string(),
                    value: serde_json::to_value(&explanation).unwrap_or_default(),
                });
            }
        }
        explained
    }

    fn command(&mut self, command: Command, by: Asker) -> Answer {
        let words = command.to_string();
        let asked = command.clone();
        let stop = command.target().map(|target| self.stop_of(target)).unwrap_or_default();
        let result = match command {
            Command::Reload => Err("the agent can't read its files here".to_owned()),
            // Answered by the pool, on the thread that may wait for it.
            Command::ResetPool { pool, .. } | Command::Pool { pool, .. } => {
                Err(format!("no pool `{pool}` here"))
            }
            Command::Trading { .. } => Err("no order gate here".to_owned()),
            Command::Release { target, rule } => self.of_target(&target, &EngineCommand::Release { rule }),
            Command::Hold { target } => self.of_target(&target, &EngineCommand::HumanHold),
            Command::Resume { target } => self.of_target(&target, &EngineCommand::HumanResume),
            Command::Snapshot { target } => self.of_processes(&target, &EngineCommand::Do(Action::Snapshot)),
            Command::Freeze { target, limit } => {
                self.of_processes(&target, &EngineCommand::Take(Hold::Freeze { limit }))
            }
            Command::Thaw { target } => {
                let limit = Duration::ZERO;
                self.of_processes(&target, &EngineCommand::Undo(Hold::Freeze { limit }))
            }
            Command::Start { target } => self.start(&target),
            Command::Stop { target, grace, then } => {
                let (before, grace) = (stop.0.clone(), grace.unwrap_or(stop.1));
                self.of_one_process(&target, &EngineCommand::Do(Action::Stop { before, grace, then }))
            }
        };
        match result {
            Ok(pids) => {
                self.herald.tell(About::default(), Fact::Commanded { command: words, by });
                let begun = Begun {
                    command: &asked,
                    pids,
                    stop: (&stop.0, stop.1),
                    dry_run: self.only_tells(&asked),
                };
                Answer::Taken(begun.sentence())
            }
            Err(why) => Answer::Refused(why),
        }
    }

    /// Has the child of a target started, where the agent is the one who starts it.
    fn start(&mut self, target: &Name) -> Result<Vec<u32>, String> {
        let place = self.named(target)?;
        let target = &mut self.targets[place];
        let Some(nursery) = &mut target.nursery else {
            let (name, sought) = (target.name(), target.settings.sought());
            return Err(format!("the agent does not start `{name}`: it is found by {sought}, and no child"));
        };
        if target.engine.in_flight().is_some() {
            return Err(format!(
                "an action on `{}` is under way; ask again when it is through",
                target.name()
            ));
        }
        nursery.start_anew(SystemClock.now()).map_err(|pid| format!("it runs, as pid {pid}"))?;
        Ok(Vec::new())
    }

    /// The hooks and the grace of a stop that a person asks for.
    fn stop_of(&self, target: &Name) -> (Vec<Name>, Duration) {
        let place = self.targets.iter().find(|other| other.name() == target);
        place
            .map(|target| (target.settings.stop.before.clone(), target.settings.stop.grace))
            .unwrap_or_default()
    }

    /// Whether what is asked for is only told, for the target or for the whole agent.
    fn only_tells(&self, command: &Command) -> bool {
        let target = command.target().and_then(|name| self.targets.iter().find(|one| one.name() == name));
        target.is_some_and(|target| target.settings.means.dry_run)
    }

    fn of_target(&mut self, target: &Name, command: &EngineCommand) -> Result<Vec<u32>, String> {
        let place = self.named(target)?;
        let (now, wall) = (SystemClock.now(), SystemClock.wall());
        let target = &mut self.targets[place];
        target.memory_changed = true;
        target.engine.command(None, command.clone(), now, wall).map_err(|error| error.to_string())?;
        Ok(Vec::new())
    }

    /// Each process of a target. What stands against it on one keeps it from no other: the first reason is told
    /// where it was begun on none.
    fn of_processes(&mut self, target: &Name, command: &EngineCommand) -> Result<Vec<u32>, String> {
        let place = self.named(target)?;
        let (mut begun, mut refusal) = (Vec::new(), None);
        for id in self.processes_of(place)? {
            match self.of_process(place, id, command) {
                Ok(()) => begun.push(id.pid),
                Err(why) => drop(refusal.get_or_insert(why)),
            }
        }
        match refusal {
            Some(why) if begun.is_empty() => Err(why),
            Some(_) | None => Ok(begun),
        }
    }

    /// One process of a target, on which it is begun for all of them: what is under way on a target is one action.
    fn of_one_process(&mut self, target: &Name, command: &EngineCommand) -> Result<Vec<u32>, String> {
        let place = self.named(target)?;
        let ids = self.processes_of(place)?;
        let mut done = Ok(());
        for id in &ids {
            done = self.of_process(place, *id, command);
            if done.is_ok() {
                break;
            }
        }
        done.map(|()| ids.into_iter().map(|id| id.pid).collect())
    }

    fn processes_of(&self, place: usize) -> Result<Vec<ProcessId>, String> {
        let target = &self.targets[place];
        let ids: Vec<ProcessId> = target.guarded.keys().copied().collect();
        if ids.is_empty() { Err(format!("target `{}` has no process", target.name())) } else { Ok(ids) }
    }

    /// A refusal by the gates is a decision, told as such and to the one who asked.
    fn of_process(&mut self, place: usize, id: ProcessId, command: &EngineCommand) -> Result<(), String> {
        let (now, wall) = (SystemClock.now(), SystemClock.wall());
        let followed = self.targets[place].engine.command(Some(&id), command.clone(), now, wall);
        let evaluation = followed.map_err(|error| error.to_string())?;
        let refusal = refusal(self.targets[place].name(), &evaluation);
        self.carry_out(place, id, evaluation);
        refusal.map_or(Ok(()), Err)
    }

    fn named(&self, target: &Name) -> Result<usize, String> {
        let names =
            || self.targets.iter().map(|target| target.name().to_string()).collect::<Vec<_>>().join(", ");
        self.targets
            .iter()
            .position(|other| other.name() == target)
            .ok_or_else(|| format!("no target `{target}`; there is {}", names()))
    }

    /// The settings were read anew on another thread: told as a command of the one who asked.
    pub(super) fn answer_reload(&mut self, asked: Option<Envelope>, answer: Answer) {
        if let Some(envelope) = asked {
            if matches!(answer, Answer::Taken(_)) {
                let fact = Fact::Commanded { command: Command::Reload.to_string(), by: envelope.by };
                self.herald.tell(About::default(), fact);
            }
            drop(envelope.reply.send(answer));
        }
    }
}

/// Why what a person asked for was not started.
fn refusal(target: &Name, evaluation: &Evaluation) -> Option<String> {
    evaluation.decisions.iter().find_map(|decision| match &decision.verdict {
        Verdict::Refused(refusal) if decision.cause == Cause::Command => {
            Some(refused(target, decision.work.word().name(), refusal))
        }
        Verdict::Refused(_) | Verdict::Start | Verdict::DryRun(_) => None,
    })
}

fn target_status(target: &Target, pools: &Pools) -> TargetStatus {
    let policies = target.settings.policies.iter().map(|enrolled| match enrolled.role {
        Role::Live => enrolled.policy.name.to_string(),
        Role::Shadow => format!("{} (shadow)", enrolled.policy.name),
    });
    let standings = target.guarded.keys().flat_map(|id| target.engine.tiers(id));
    let latched: std::collections::BTreeSet<String> = standings
        .flat_map(|ladder| {
            let path = format!("{}/{}", ladder.policy, ladder.ladder);
            ladder.latched.into_iter().map(move |tier| format!("{path}/{tier}"))
        })
        .collect();
    TargetStatus {
        name: target.name().clone(),
        sought: target.settings.sought(),
        policies: policies.collect(),
        human_hold: target.engine.human_hold() == HumanHold::On,
        latched: latched.into_iter().collect(),
        processes: target.guarded.values().map(|guarded| process_status(target, guarded, pools)).collect(),
    }
}

fn process_status(target: &Target, guarded: &Guarded, pools: &Pools) -> ProcessStatus {
    let latest = guarded.eye.latest();
    let plain = CATALOGUE.iter().filter(|row| row.argument == Argument::None);
    let standings = target.engine.tiers(&guarded.id).into_iter().map(|ladder| {
        let mark = if ladder.shadow { " (shadow)" } else { "" };
        (format!("{}/{}{mark}", ladder.policy, ladder.ladder), ladder.active, ladder.level)
    });
    let standings: Vec<_> = standings.collect();
    let kinds = latest.kinds.as_ref().known().map(|counts| {
        let present = Kind::ALL.iter().filter(|kind| counts[**kind as usize] > 0);
        present.map(|kind| (kind.name().to_owned(), counts[*kind as usize])).collect::<BTreeMap<_, _>>()
    });
    let remotes = latest.remotes.as_ref().known().map(|remotes| {
        remotes.iter().map(|survey| (survey.remote.to_string(), survey.count, survey.close_wait)).collect()
    });
    ProcessStatus {
        pid: guarded.id.pid,
        command: guarded.command.clone(),
        since: guarded.since,
        signals: plain.map(|row| (row.name.to_owned(), latest.plain(row.signal))).collect(),
        kinds: kinds.unwrap_or_default(),
        remotes: remotes.unwrap_or_default(),
        levels: standings.iter().map(|(ladder, _, level)| (ladder.clone(), *level)).collect(),
        tiers: standings.into_iter().map(|(ladder, active, _)| (ladder, active)).collect(),
        holds: target.engine.holds(&guarded.id),
        period: guarded.eye.period(),
        clients: pools.held_by(guarded.sockets.as_deref().unwrap_or_default()),
    }
}
