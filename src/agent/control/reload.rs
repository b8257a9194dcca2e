//! New settings take the place of the old: all or nothing, timers and budgets of what stayed live on.

use super::Control;
use crate::agent::herald::About;
use crate::agent::request::{Answer, Envelope};
use crate::agent::settings::{Settings, TargetSettings};
use crate::agent::target::Target;
use crate::model::clock::Clock as _;
use crate::model::event::Fact;
use crate::proxy::Command;
use crate::sys::clock::SystemClock;

impl Control {
    /// Takes over settings that were read anew, or tells why the old ones stay.
    pub(super) fn reload(&mut self, settings: Result<Box<Settings>, String>, asked: Option<Envelope>) {
        match settings {
            Ok(settings) if settings.fingerprint == self.settings.fingerprint => {
                self.answer_reload(asked, Answer::Taken("nothing has changed".to_owned()));
            }
            Ok(settings) if !self.settings.needs_restart(&settings).is_empty() => {
                let keys = self.settings.needs_restart(&settings).join(", ");
                self.refuse_reload(format!("this change needs a restart of the agent: {keys}"), asked);
            }
            Ok(settings) => {
                let what = self.replace(*settings);
                self.herald.tell(About::default(), Fact::Reloaded { what: what.clone() });
                self.answer_reload(asked, Answer::Taken(what));
            }
            Err(why) => self.refuse_reload(why, asked),
        }
    }

    fn refuse_reload(&mut self, why: String, asked: Option<Envelope>) {
        self.herald.tell(About::default(), Fact::ReloadRefused { why: why.clone() });
        self.answer_reload(asked, Answer::Refused(why));
    }

    fn replace(&mut self, mut settings: Settings) -> String {
        let mut what = Vec::new();
        let mut kept = Vec::new();
        for (pool, limits) in self.settings.fixed.new_limits(&settings.fixed) {
            match self.pools.tell(&pool, Command::Adjust(Box::new(limits))) {
                Ok(()) => what.push(format!("proxy {pool} has new limits")),
                Err(why) => what.push(format!("proxy {pool} keeps its limits: {why}")),
            }
        }
        for target in std::mem::take(&mut self.targets) {
            let Some(place) = settings.targets.iter().position(|new| new.name == target.settings.name) else {
                what.push(format!("target {} is not guarded any more", target.name()));
                self.dismiss(&target);
                continue;
            };
            let new = settings.targets.remove(place);
            if new.matches == target.settings.matches {
                kept.push((target, new));
            } else {
                what.push(format!("target {} is another process now: {}", new.name, new.sought()));
                self.dismiss(&target);
                self.targets.push(succeed(&target, new));
            }
        }
        let mut evaluations = Vec::new();
        for (mut target, new) in kept {
            let (now, wall) = (SystemClock.now(), SystemClock.wall());
            if differ(&target, &new) {
                what.push(format!("target {} has changed", new.name));
            }
            target.engine.set_means(new.means.clone());
            let evaluation = target.engine.replace(new.policies.clone(), now, wall);
            target.settings = new;
            target.memory_changed = true;
            if let Some(id) = target.guarded.keys().next().copied() {
                evaluations.push((self.targets.len(), id, evaluation));
            }
            self.targets.push(target);
        }
        for new in std::mem::take(&mut settings.targets) {
            what.push(format!("target {} is guarded from now on", new.name));
            self.targets.push(Target::new(new, SystemClock.now()));
        }
        settings.targets = self.targets.iter().map(|target| target.settings.clone()).collect();
        self.settings = settings;
        self.renew_subjects();
        for (place, id, evaluation) in evaluations {
            self.carry_out(place, id, evaluation);
        }
        if what.is_empty() { "settings have changed, no target has".to_owned() } else { what.join("; ") }
    }

    /// The processes of a target go unguarded, and none stays frozen. It has no child: that would have needed a
    /// restart.
    fn dismiss(&mut self, target: &Target) {
        for id in target.guarded.keys() {
            self.scanner.forget(*id);
            let turns = self.shortages.forget(*id);
            self.turn(About::process(target.name(), *id), None, turns);
            if let Some(actuator) = &self.actuator {
                actuator.let_go(*id, "it is not guarded any more");
                actuator.lift(*id);
            }
        }
    }
}

/// The target of the same name that is sought elsewhere from now on: budgets, latches and a person's hold stay.
fn succeed(old: &Target, new: TargetSettings) -> Target {
    let memory = old.engine.memory();
    let mut target = Target::new(new, SystemClock.now());
    target.known_before = memory.processes.iter().map(|process| process.process).collect();
    target.engine.restore(memory);
    target.memory_changed = true;
    target
}

/// Whether anything that a person would notice has changed. Conditions compare by their canonical text.
fn differ(target: &Target, new: &TargetSettings) -> bool {
    let names = |policies: &[crate::policy::engine::Enrolled]| {
        policies.iter().map(|enrolled| (format!("{:?}", enrolled.policy), enrolled.role)).collect::<Vec<_>>()
    };
    target.settings.means != new.means || names(&target.settings.policies) != names(&new.policies)
}
