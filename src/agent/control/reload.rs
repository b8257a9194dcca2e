//! New settings take the place of the old: all or nothing, timers and budgets of what stayed live on.

use super::Control;
use crate::agent::herald::About;
use crate::agent::request::{Answer, Envelope};
use crate::agent::settings::Settings;
use crate::agent::target::Target;
use crate::model::clock::Clock as _;
use crate::model::event::Fact;
use crate::model::process::ProcessId;
use crate::sys::clock::SystemClock;

impl Control {
    /// Takes over settings that were read anew, or tells why the old ones stay.
    pub(super) fn reload(&mut self, settings: Result<Box<Settings>, String>, asked: Option<Envelope>) {
        match settings {
            Ok(settings) if settings.fingerprint == self.settings.fingerprint => {
                self.answer_reload(asked, Answer::Taken("nothing has changed".to_owned()));
            }
            Ok(settings) => {
                let what = self.replace(*settings);
                self.herald.tell(About::default(), Fact::Reloaded { what: what.clone() });
                self.answer_reload(asked, Answer::Taken(what));
            }
            Err(why) => {
                self.herald.tell(About::default(), Fact::ReloadRefused { why: why.clone() });
                self.answer_reload(asked, Answer::Refused(why));
            }
        }
    }

    fn replace(&mut self, mut settings: Settings) -> String {
        for (place, id) in std::mem::take(&mut self.departed) {
            if let Some(target) = self.targets.get_mut(place) {
                target.engine.forget(&id);
            }
        }
        let mut what = Vec::new();
        let mut kept = Vec::new();
        for target in std::mem::take(&mut self.targets) {
            let place = settings
                .targets
                .iter()
                .position(|new| new.name == target.settings.name && new.matches == target.settings.matches);
            if let Some(place) = place {
                kept.push((target, settings.targets.remove(place)));
            } else {
                what.push(format!("target {} is not guarded any more", target.name()));
                self.dismiss(target);
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

    /// A target that is no longer in the settings: its child is ended, its processes go unguarded.
    fn dismiss(&mut self, mut target: Target) {
        if let Some(nursery) = &mut target.nursery {
            nursery.end(target.settings.stop.grace);
        }
        let ids: Vec<ProcessId> = target.guarded.keys().copied().collect();
        for id in ids {
            self.scanner.forget(id);
        }
    }
}

/// Whether anything that a person would notice has changed. Conditions compare by their canonical text.
fn differ(target: &Target, new: &crate::agent::settings::TargetSettings) -> bool {
    let names = |policies: &[crate::policy::engine::Enrolled]| {
        policies.iter().map(|enrolled| (format!("{:?}", enrolled.policy), enrolled.role)).collect::<Vec<_>>()
    };
    target.settings.means != new.means || names(&target.settings.policies) != names(&new.policies)
}
