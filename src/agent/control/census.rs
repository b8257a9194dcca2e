//! Who is there: processes sought, adopted, ended; children started.

use std::sync::Arc;

use super::{Control, TURN_MAX};
use crate::actuator::{Protection, SelectUse, Subject, Tenancy};
use crate::agent::child::{Ending, Forwarded, Started, asks_to_end};
use crate::agent::guarded::Guarded;
use crate::agent::herald::About;
use crate::agent::seek::Seeker;
use crate::agent::settings::TargetSettings;
use crate::agent::start::Ends;
use crate::agent::target::{Absence, REFUSED_KEPT, Refused, Target};
use crate::config::Match;
use crate::model::action::Word;
use crate::model::clock::{Clock as _, Timestamp};
use crate::model::event::Fact;
use crate::model::process::ProcessId;
use crate::sampler::eye::{Eye, started};
use crate::sampler::remotes::{RemoteBook, literal};
use crate::sys::adopted::{Adopted, DESCRIPTORS_PER_TARGET};
use crate::sys::clock::SystemClock;
use crate::sys::command;
use crate::sys::pidfd::Signal;
use crate::sys::proc_root::ProcRoot;
use crate::sys::stat::Status;

/// Characters of a command line that are kept.
const COMMAND_KEPT: usize = 160;
/// Processes guarded at once, over all targets.
pub(super) const GUARDED_MAX: usize = 256;

impl Control {
    /// Looks for processes of every target whose time has come, and starts children.
    pub(super) fn census(&mut self) {
        let now = SystemClock.now();
        for place in 0..self.targets.len() {
            self.raise_child(place, now);
            if self.targets[place].seek_due <= now {
                self.targets[place].seek_due = now + TURN_MAX;
                self.seek(place, now);
            }
        }
    }

    fn seek(&mut self, place: usize, now: Timestamp) {
        let target = &mut self.targets[place];
        if matches!(target.settings.matches, Match::Child(_)) {
            return;
        }
        let (found, trouble) = match self.seeker.seek(&target.settings.matches) {
            Ok(found) => (found, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let edition = Seeker::edition(&target.settings.matches);
        let is_spent = |pid| edition.is_some_and(|edition| target.spent == Some((pid, edition)));
        target.refused.retain(|pid, _| found.contains(pid));
        let waits = |pid: &u32| target.refused.get(pid).is_some_and(|refused| refused.again > now);
        let new: Vec<u32> =
            found.into_iter().filter(|pid| !target.guards(*pid) && !waits(pid) && !is_spent(*pid)).collect();
        for pid in new {
            self.adopt(place, pid, now);
        }
        let target = &mut self.targets[place];
        if target.guarded.is_empty() && target.absence == Absence::Untold {
            target.absence = Absence::Told;
            let sought = target.settings.sought();
            let sought = trouble.map_or(sought.clone(), |why| format!("{sought}: {why}"));
            let about = About::target(&target.settings.name);
            self.herald.tell(about, Fact::TargetAbsent { sought });
        }
    }

    /// Takes a process under guard; what stands against it is told once.
    pub(super) fn adopt(&mut self, place: usize, pid: u32, now: Timestamp) {
        let guarded: usize = self.targets.iter().map(|target| target.guarded.len()).sum();
        if guarded >= GUARDED_MAX || !self.own.has_room_for(DESCRIPTORS_PER_TARGET, self.settings.reserve) {
            self.refuse(
                place,
                pid,
                now,
                "the agent has no descriptors to spare for another process".to_owned(),
            );
            return;
        }
        match Adopted::open(&ProcRoot::new("/proc"), pid) {
            Ok(process) => match self.objection(place, &process) {
                None => self.take_in(place, Arc::new(process), now),
                Some(why) => self.refuse(place, pid, now, why),
            },
            Err(error) => self.refuse(place, pid, now, format!("pid {pid} can't be guarded: {error}")),
        }
    }

    /// Leaves a number alone for a while; why is told once, and again only when it changes.
    fn refuse(&mut self, place: usize, pid: u32, now: Timestamp, why: String) {
        let target = &mut self.targets[place];
        let before = target.refused.insert(pid, Refused { again: now + REFUSED_KEPT, why: why.clone() });
        if before.is_none_or(|before| before.why != why) {
            self.herald.tell(About::target(&target.settings.name), Fact::BoundHit { bound: why });
        }
    }

    /// What stands against guarding a process that has been found and pinned.
    fn objection(&self, place: usize, process: &Adopted) -> Option<String> {
        let (id, target) = (process.id(), &self.targets[place]);
        if let Some(other) = self.targets.iter().find(|other| other.guards(id.pid)) {
            return Some(format!("{id} is guarded already, as target {}", other.name()));
        }
        let is_other = |known: &ProcessId| known.pid == id.pid && *known != id;
        match &target.settings.matches {
            Match::Pid(_) if target.known_before.iter().any(is_other) => {
                Some(format!("{id} is another process than the one guarded before"))
            }
            Match::Pidfile(path) if Seeker::is_older(path, started(&id)) => {
                Some(format!("{id} is younger than the pidfile: the number has changed hands"))
            }
            Match::Pid(_)
            | Match::Pidfile(_)
            | Match::Unit(_)
            | Match::Cgroup(_)
            | Match::Command(_)
            | Match::Child(_) => None,
        }
    }

    fn take_in(&mut self, place: usize, process: Arc<Adopted>, now: Timestamp) {
        let id = process.id();
        if self.targets[place].guarded.contains_key(&id) {
            return;
        }
        if let Ok(status) = Status::read(&process) {
            self.residents.learn(status.uid);
        }
        let name = self.targets[place].name().clone();
        let command = command::line(&process).unwrap_or_default();
        let command: String =
            crate::actuator::Redactor::new().text(&command).chars().take(COMMAND_KEPT).collect();
        let target = &mut self.targets[place];
        let again = target.known_before.contains(&id);
        let eye = Eye::new(Arc::clone(&process), Some(started(&id)), &target.settings.eye);
        let subject = subject(&process, target, &self.book);
        let guarded = Guarded {
            id,
            process,
            eye,
            subject,
            command: command.clone(),
            since: SystemClock.wall(),
            aged: None,
            look_due: now,
            scan_due: now,
            sample_due: now,
            missing: Vec::new(),
        };
        target.absence = Absence::Untold;
        target.memory_changed = true;
        target.guarded.insert(id, guarded);
        self.herald.tell(About::process(&name, id), Fact::Adopted { command, again });
    }

    /// A guarded process has ended.
    pub(super) fn ended(&mut self, place: usize, id: ProcessId) {
        let target = &mut self.targets[place];
        let Some(mut guarded) = target.guarded.remove(&id) else { return };
        let (now, wall) = (SystemClock.now(), SystemClock.wall());
        let hands = &self.hands;
        let code = target.nursery.as_mut().and_then(|nursery| nursery.ended(now, hands));
        let name = target.name().clone();
        let last = guarded.eye.farewell(now, wall, code);
        if let Some(recorder) = &self.recorder {
            recorder.sample(&name, id, last);
        }
        let evaluation = target.engine.step(&id, last);
        target.memory_changed = true;
        target.spent = Seeker::edition(&target.settings.matches).map(|edition| (id.pid, edition));
        // The next process may be there at once.
        target.seek_due = now;
        self.scanner.forget(id);
        self.herald.tell(About::process(&name, id), Fact::Exited { code });
        self.carry_out(place, id, evaluation);
        self.departed.push((place, id));
        self.conclude_exec(place);
    }

    /// Rule state of a process that has ended goes once nothing is under way on it.
    pub(super) fn forget_departed(&mut self) {
        let targets = &mut self.targets;
        self.departed.retain(|(place, id)| {
            let Some(target) = targets.get_mut(*place) else { return false };
            let busy = target.engine.in_flight().is_some();
            if !busy {
                target.engine.forget(id);
            }
            busy
        });
    }

    /// Starts the child of a target where it is due.
    fn raise_child(&mut self, place: usize, now: Timestamp) {
        let target = &mut self.targets[place];
        let Some(nursery) = &mut target.nursery else { return };
        // A stop under way still has to say what follows.
        let is_stopping = target.engine.in_flight().is_some_and(|(_, word)| word == Word::Stop);
        if is_stopping || nursery.start_due().is_none_or(|due| due > now) {
            return;
        }
        let (started, restarts) = (nursery.start(now, &self.hands), nursery.restarts());
        if started.is_err() && self.ends == Ends::WithChild && restarts == 0 {
            // A command that can't be started is told like a shell does, not tried again.
            nursery.give_up();
        }
        let about = About::target(&target.settings.name);
        match started {
            Ok(Started::Guarded(process)) => {
                self.herald.tell(about, Fact::Spawned { restarts });
                self.take_in(place, process, now);
            }
            Ok(Started::Over(code)) => {
                self.herald.tell(about, Fact::Spawned { restarts });
                self.herald.tell(about, Fact::Exited { code });
            }
            Err(why) => self.herald.tell(about, Fact::TargetAbsent { sought: why }),
        }
        self.conclude_exec(place);
    }

    /// In an `exec` the agent ends with its child, unless the child is to be started again. A stop under way may
    /// still say so: the end of the process is seen before the end of the action.
    pub(super) fn conclude_exec(&mut self, place: usize) {
        let target = &self.targets[place];
        let Some(nursery) = &target.nursery else { return };
        let decided = target.engine.in_flight().is_none();
        if self.ends == Ends::WithChild && nursery.is_done() && decided {
            self.child_code = nursery.code();
            self.stopping.get_or_insert_with(|| "the child has ended".to_owned());
        }
    }

    /// Passes a signal on to the children. Between two lives of a child, one that asks for the end is for us.
    pub(super) fn forward(&mut self, signal: Signal) {
        let nurseries = self.targets.iter_mut().filter_map(|target| target.nursery.as_mut());
        let sent: Vec<Forwarded> = nurseries.map(|nursery| nursery.forward(signal)).collect();
        if asks_to_end(signal) && !sent.contains(&Forwarded::Sent) {
            self.stopping.get_or_insert_with(|| format!("signal {}", signal.number()));
        }
    }

    /// Ends the children in order; gives the code of the one an `exec` waits for.
    pub(super) fn end_children(&mut self) -> Option<i32> {
        for place in 0..self.targets.len() {
            let grace = self.targets[place].settings.stop.grace;
            let Some(nursery) = &mut self.targets[place].nursery else { continue };
            match nursery.end(grace) {
                Ending::NotRunning => {}
                Ending::Ended(code) => self.child_code = self.child_code.or(code),
            }
        }
        self.child_code
    }

    /// Subjects know addresses of protected remotes: new addresses, new subjects.
    pub(super) fn renew_subjects(&mut self) {
        for target in &mut self.targets {
            let ids: Vec<ProcessId> = target.guarded.keys().copied().collect();
            for id in ids {
                let Some(process) = target.guarded.get(&id).map(|guarded| Arc::clone(&guarded.process))
                else {
                    continue;
                };
                let renewed = subject(&process, target, &self.book);
                if let Some(guarded) = target.guarded.get_mut(&id) {
                    guarded.subject = renewed;
                }
            }
        }
    }
}

fn subject(process: &Arc<Adopted>, target: &Target, book: &RemoteBook) -> Arc<Subject> {
    let tenancy = match &target.settings.matches {
        Match::Child(_) => Tenancy::Child,
        Match::Unit(unit) => Tenancy::Unit(unit.clone()),
        Match::Pid(_) | Match::Pidfile(_) | Match::Cgroup(_) | Match::Command(_) => Tenancy::Stranger,
    };
    Arc::new(Subject {
        process: Arc::clone(process),
        tenancy,
        protection: protection(&target.settings, book),
        select: SelectUse::Unknown,
    })
}

fn protection(settings: &TargetSettings, book: &RemoteBook) -> Protection {
    let mut protection = Protection::default();
    for remote in &settings.protect {
        let known: Vec<std::net::IpAddr> =
            literal(remote).into_iter().chain(book.addresses(remote)).collect();
        if known.is_empty() {
            protection.unresolved.push(remote.clone());
        }
        protection.addresses.extend(known.into_iter().map(|address| (address, remote.port())));
    }
    protection
}
