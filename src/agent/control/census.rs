//! Who is there: processes sought, adopted, ended.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Control, TURN_MAX};
use crate::actuator::{Protection, Subject, Tenancy};
use crate::agent::guarded::Guarded;
use crate::agent::herald::About;
use crate::agent::seek::{Asked, Found};
use crate::agent::settings::TargetSettings;
use crate::agent::target::{Absence, REFUSED_KEPT, Refused, Search, Target};
use crate::config::Match;
use crate::model::clock::{Clock as _, Timestamp};
use crate::model::decision::Evaluation;
use crate::model::event::Fact;
use crate::model::process::ProcessId;
use crate::model::units::format_span;
use crate::sampler::eye::{Eye, started};
use crate::sampler::remotes::{RemoteBook, literal};
use crate::sys::adopted::{AdoptError, Adopted, DESCRIPTORS_PER_TARGET};
use crate::sys::clock::SystemClock;
use crate::sys::command;
use crate::sys::find::Owner;
use crate::sys::proc_root::ProcRoot;
use crate::sys::stat::Status;

/// Characters of a command line that are kept.
const COMMAND_KEPT: usize = 160;
/// A search for processes that takes longer is told.
const SEARCH_LATE: Duration = Duration::from_secs(30);
/// Processes guarded at once, over all targets.
pub(super) const GUARDED_MAX: usize = 256;

impl Control {
    /// Has processes looked for of every target whose time has come, and starts children.
    pub(super) fn census(&mut self) {
        let now = SystemClock.now();
        for place in 0..self.targets.len() {
            if let Some(nursery) = &mut self.targets[place].nursery {
                nursery.follow_stop();
            }
            self.raise_child(place, now);
            self.search(place, now);
        }
    }

    fn search(&mut self, place: usize, now: Timestamp) {
        let target = &mut self.targets[place];
        if target.settings.is_child() {
            return;
        }
        match target.search {
            Search::Due(due) if due <= now => {
                target.search = match self.seeker.ask(&target.settings.name, &target.settings.matches) {
                    Asked::Yes => Search::UnderWay(now + SEARCH_LATE),
                    Asked::NoRoom => Search::Due(now + TURN_MAX),
                };
            }
            Search::UnderWay(late) | Search::Outdated(late) if late <= now => {
                target.search = match target.search {
                    Search::Outdated(_) => Search::Outdated(now + SEARCH_LATE),
                    Search::UnderWay(_) | Search::Due(_) => Search::UnderWay(now + SEARCH_LATE),
                };
                let bound =
                    format!("no answer for {} to the search for its processes", format_span(SEARCH_LATE));
                self.herald.tell(About::target(&target.settings.name), Fact::BoundHit { bound });
            }
            Search::Due(_) | Search::UnderWay(_) | Search::Outdated(_) => {}
        }
    }

    /// The processes of a target were looked for: new ones are adopted.
    pub(super) fn take_found(&mut self, found: &Found) {
        let now = SystemClock.now();
        let is_sought =
            |target: &Target| *target.name() == found.target && target.settings.matches == found.matches;
        let Some(place) = self.targets.iter().position(is_sought) else { return };
        let target = &mut self.targets[place];
        target.search = Search::Due(match target.search {
            Search::Outdated(_) => now,
            Search::Due(_) | Search::UnderWay(_) => now + TURN_MAX,
        });
        target.edition = found.edition.or(target.edition);
        let (numbers, trouble) = match &found.numbers {
            Ok(numbers) => (numbers.as_slice(), None),
            Err(why) => (&[][..], Some(why)),
        };
        let is_spent = |pid| found.edition.is_some_and(|edition| target.spent == Some((pid, edition)));
        target.refused.retain(|pid, _| numbers.contains(pid));
        let waits = |pid: u32| target.refused.get(&pid).is_some_and(|refused| refused.again > now);
        let is_new = |pid: &u32| !target.guards(*pid) && !waits(*pid) && !is_spent(*pid);
        let new: Vec<u32> = numbers.iter().copied().filter(is_new).collect();
        for pid in new {
            self.adopt((place, pid), found, now);
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

    /// Takes a process under guard that was found a moment ago; what stands against it is told once. One that has
    /// ended since, or is another by now, is passed over.
    fn adopt(&mut self, (place, pid): (usize, u32), found: &Found, now: Timestamp) {
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
            Ok(process) if !found.fits(&process) => {}
            Ok(process) => match self.objection(place, &process, found) {
                None => self.take_in(place, Arc::new(process), now),
                Some(why) => self.refuse(place, pid, now, why),
            },
            Err(AdoptError::Gone { .. }) if !found.is_by_number() => {}
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
    fn objection(&self, place: usize, process: &Adopted, found: &Found) -> Option<String> {
        let (id, target) = (process.id(), &self.targets[place]);
        if let Some(other) = self.targets.iter().find(|other| other.guards(id.pid)) {
            return Some(format!("{id} is guarded already, as target {}", other.name()));
        }
        let is_other = |known: &ProcessId| known.pid == id.pid && *known != id;
        match &target.settings.matches {
            Match::Pid(_) if target.known_before.iter().any(is_other) => Some(format!(
                "{id} is another process than the one guarded before: its number has changed hands"
            )),
            Match::Pidfile(_) if found.is_older(started(&id)) => {
                Some(format!("{id} is younger than the pidfile: the number has changed hands"))
            }
            Match::Pidfile(path) => found.owner.and_then(|owner| not_theirs(path, owner, process)),
            Match::Pid(_) | Match::Unit(_) | Match::Cgroup(_) | Match::Command(_) | Match::Child(_) => None,
        }
    }

    pub(super) fn take_in(&mut self, place: usize, process: Arc<Adopted>, now: Timestamp) {
        let id = process.id();
        if self.targets[place].guarded.contains_key(&id) {
            return;
        }
        if vouches(&self.targets[place].settings.matches)
            && let Ok(status) = Status::read(&process)
        {
            self.residents.learn(status.uid);
        }
        let name = self.targets[place].name().clone();
        let command = command::line(&process).unwrap_or_default();
        let command: String =
            crate::actuator::Redactor::new().text(&command).chars().take(COMMAND_KEPT).collect();
        let target = &mut self.targets[place];
        let again = target.known_before.contains(&id);
        let mut eye = Eye::new(Arc::clone(&process), Some(started(&id)), &target.settings.eye);
        eye.tell_pools(Arc::new(self.pools.answers_to(None)), &target.settings.trading.gates);
        let subject = subject(&process, target, &self.book);
        let guarded = Guarded {
            id,
            process,
            eye,
            subject,
            command: command.clone(),
            since: SystemClock.wall(),
            aged: None,
            sockets: None,
            pools: BTreeMap::new(),
            look_due: now,
            scan_due: now,
            sample_due: now,
            missing: Vec::new(),
            raised: BTreeMap::new(),
        };
        target.absence = Absence::Untold;
        target.memory_changed = true;
        target.guarded.insert(id, guarded);
        self.herald.tell(About::process(&name, id), Fact::Adopted { command, again });
        // Whoever has heard of it may give orders about it: the engine is to know it by then.
        self.look(place, id);
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
        target.spent = target.edition.map(|edition| (id.pid, edition));
        target.search_anew(now);
        self.scanner.forget(id);
        let turns = self.shortages.forget(id);
        self.turn(About::process(&name, id), None, turns);
        if let Some(actuator) = &self.actuator {
            actuator.lift(id);
        }
        self.herald.tell(About::process(&name, id), Fact::Exited { code });
        self.carry_out(place, id, evaluation);
        self.departed.push((name, id));
        self.conclude_exec(place);
    }

    /// Rule state of a process that has ended goes once nothing is under way on it.
    pub(super) fn forget_departed(&mut self) {
        for name in self.departed.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>() {
            let Some(place) = self.targets.iter().position(|target| *target.name() == name) else { continue };
            let target = &mut self.targets[place];
            // No look at the target may come any more, and each look would see to it.
            let Some(lost) = target.engine.expire(SystemClock.now()) else { continue };
            let (id, evaluation) = (lost.process, Evaluation { lost: vec![lost], ..Evaluation::default() });
            self.carry_out(place, id, evaluation);
            self.conclude_exec(place);
        }
        let targets = &mut self.targets;
        self.departed.retain(|(name, id)| {
            let Some(target) = targets.iter_mut().find(|target| target.name() == name) else { return false };
            let busy = target.engine.in_flight().is_some();
            if !busy {
                target.engine.forget(id);
            }
            busy
        });
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
        select: target.settings.select,
        trading: target.settings.trading.clone(),
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

/// Whether what a process is found by tells whose it is, so that its user may come to the proxies. A command line is
/// anybody's word: whoever starts a program of the same one would be let in.
const fn vouches(matches: &Match) -> bool {
    match matches {
        Match::Command(_) => false,
        Match::Pid(_) | Match::Pidfile(_) | Match::Unit(_) | Match::Cgroup(_) | Match::Child(_) => true,
    }
}

/// What stands against a process that a pidfile of somebody names who may not speak for it.
fn not_theirs(path: &Path, owner: Owner, process: &Adopted) -> Option<String> {
    let path = path.display();
    match owner {
        Owner::User(uid) if Status::read(process).is_ok_and(|status| status.uid == uid) => None,
        Owner::User(uid) => Some(format!(
            "{} is not a process of user {uid}, who has a say in {path} and so could name any process",
            process.id()
        )),
        Owner::Anybody => {
            Some(format!("anybody may write {path} and so name any process: have its owner alone do so"))
        }
    }
}
