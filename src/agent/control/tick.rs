//! Looking at what is due: fast looks, engine steps, requests for full scans, samples for the history.

use std::sync::Arc;

use super::{Control, SLACK};
use crate::actuator::Finished;
use crate::agent::guarded::Guarded;
use crate::agent::herald::About;
use crate::agent::settings::SAMPLE_EVERY;
use crate::agent::shortage::{Left, Turn};
use crate::model::clock::{Clock as _, Timestamp};
use crate::model::decision::Report;
use crate::model::event::Fact;
use crate::model::name::Name;
use crate::model::observation::Observation;
use crate::model::process::ProcessId;
use crate::model::reading::Reading;
use crate::model::signal::Signal;
use crate::pool::gate::Supply;
use crate::proxy::Command;
use crate::proxy::view::View;
use crate::sampler::eye::Answer;
use crate::sampler::remotes::RemoteBook;
use crate::sampler::scan::Scan;
use crate::sampler::scanner::ScanRequest;
use crate::sys::clock::SystemClock;

impl Control {
    /// Looks at every process whose time has come, or whose count has moved since the last look.
    pub(super) fn look_at_due(&mut self, now: Timestamp) {
        for place in 0..self.targets.len() {
            let is_due = |guarded: &&Guarded| guarded.is_due(now, SLACK) || guarded.eye.has_moved();
            let due = self.targets[place].guarded.values().filter(is_due);
            let due: Vec<ProcessId> = due.map(|guarded| guarded.id).collect();
            for id in due {
                self.look(place, id);
            }
        }
    }

    /// One tick of one process.
    pub(super) fn look(&mut self, place: usize, id: ProcessId) {
        let (now, wall) = (SystemClock.now(), SystemClock.wall());
        let target = &mut self.targets[place];
        target.count_restarts(now);
        let Some(guarded) = target.guarded.get_mut(&id) else { return };
        guarded.eye.look(now, wall);
        guarded.look_due = now + guarded.eye.period();
        let observation = guarded.eye.latest();
        if now >= guarded.sample_due {
            guarded.sample_due = now + SAMPLE_EVERY;
            if let Some(recorder) = &self.recorder {
                recorder.sample(&target.settings.name, id, observation);
            }
        }
        if now >= guarded.scan_due {
            let request = ScanRequest { process: Arc::clone(&guarded.process), book: Arc::clone(&self.book) };
            self.scanner.request(request);
            // Asked again soon where the scanner had no room; a scan that comes sets its own next time.
            guarded.scan_due = now + self.settings.scan.period;
        }
        self.own.ticked();
        let left = left(observation);
        let turns = self.shortages.weigh(id, left, &guarded.pools);
        let evaluation = target.engine.step(&id, observation);
        if !turns.is_empty() {
            let name = target.settings.name.clone();
            self.turn(About::process(&name, id), left, turns);
        }
        self.carry_out(place, id, evaluation);
    }

    /// Tells pools whether the processes of their clients have descriptors left.
    pub(super) fn turn(&mut self, about: About<'_>, left: Option<Left>, turns: Vec<Turn>) {
        for Turn { pool, supply } in turns {
            self.supply(&pool, supply);
            let fact = match supply {
                Supply::Scarce => Fact::DescriptorsScarce { pool, left: left.map_or(0, |known| known.left) },
                Supply::Plenty => Fact::DescriptorsBack { pool },
            };
            self.herald.tell(about, fact);
        }
    }

    fn supply(&self, pool: &Name, supply: Supply) {
        if let Err(why) = self.pools.tell(pool, Command::Supply(supply)) {
            tracing::warn!(%pool, %why, "the pool can't be told how many descriptors are left");
        }
    }

    /// What a full scan found joins the eye; a loss of sight is told.
    pub(super) fn take_scan(&mut self, scan: Scan) {
        let Some(place) = self.place_of(&scan.process) else { return };
        if let Some(host) = scan.host {
            self.host = host;
        }
        let target = &mut self.targets[place];
        let Some(guarded) = target.guarded.get_mut(&scan.process) else { return };
        guarded.scan_due = scan.view.at + scan.view.period;
        guarded.eye.absorb(scan.view);
        guarded.aged = Some(scan.aged);
        guarded.sockets = scan.sockets;
        for (signal, reading) in &self.host {
            guarded.eye.tell(*signal, *reading);
        }
        let (lost, back) = guarded.changes();
        let about = About::process(&target.settings.name, scan.process);
        for (signal, gap) in lost {
            self.herald.tell(about, Fact::SignalLost { signal, gap });
        }
        for signal in back {
            self.herald.tell(about, Fact::SignalBack { signal });
        }
    }

    /// The end of an action: told, and handed to the engine, which decides what follows.
    pub(super) fn take_report(&mut self, finished: Finished) {
        let result = finished.result.as_ref().map(|done| done.summary.clone()).map_err(ToString::to_string);
        let fact = Fact::Finished { decision: finished.decision, result, took: finished.took };
        self.herald.tell(About::process(&finished.target, finished.process), fact);
        if self.place_of(&finished.process).is_none()
            && let Some(actuator) = &self.actuator
        {
            // It has ended or is not guarded any more: a hold that was being taken meanwhile has nobody to end it.
            actuator.let_go(finished.process, "it is not guarded any more");
            actuator.lift(finished.process);
        }
        let Some(place) = self.targets.iter().position(|target| *target.name() == finished.target) else {
            return;
        };
        let report = Report { decision: finished.decision, result: finished.result };
        let (now, wall) = (SystemClock.now(), SystemClock.wall());
        let evaluation = self.targets[place].engine.report(&finished.process, &report, now, wall);
        // That it is no longer under way is remembered too.
        self.targets[place].memory_changed = true;
        if let (Some(then), Some(nursery)) = (finished.restart, &mut self.targets[place].nursery) {
            nursery.stopped_by_policy(then, now);
        }
        self.carry_out(place, finished.process, evaluation);
        self.conclude_exec(place);
    }

    pub(super) fn take_book(&mut self, book: Arc<RemoteBook>) {
        self.book = book;
        self.renew_subjects();
    }

    /// What a probe said goes to every process of the targets it serves.
    pub(super) fn take_probe(&mut self, probe: &Name, asked: Timestamp, reading: Reading<f64>) {
        let Some(settings) = self.settings.probes.iter().find(|settings| settings.name == *probe) else {
            return;
        };
        let answer = Answer { reading, feeds: settings.feeds, asked, stands: settings.stands };
        for target in &mut self.targets {
            if !settings.targets.is_empty() && !settings.targets.contains(&target.settings.name) {
                continue;
            }
            target.probed.insert(probe.clone(), answer);
            for guarded in target.guarded.values_mut() {
                guarded.eye.tell_answers(target.probed.clone());
            }
        }
    }

    /// What a pool said goes to every process.
    pub(super) fn take_pool(&mut self, name: &Name, asked: Timestamp, view: Box<View>) {
        for change in self.pools.changes(name, &view) {
            self.herald.tell(About::default(), change);
        }
        let few = view.limits.clients.scarce;
        // A pool that has begun anew, or has not heard it, hears it again.
        let supply = self.shortages.of(name);
        if supply != view.supply {
            self.supply(name, supply);
        }
        self.pools.take(name.clone(), asked, view);
        for target in &mut self.targets {
            let gates = &target.settings.trading.gates;
            for guarded in target.guarded.values_mut() {
                let sockets = guarded.sockets.as_deref();
                if sockets.is_some_and(|sockets| self.pools.is_used_by(name, sockets)) {
                    guarded.pools.insert(name.clone(), few);
                } else {
                    guarded.pools.remove(name);
                }
                let answers = self.pools.answers_to(sockets);
                guarded.eye.tell_pools(Arc::new(answers), gates);
            }
        }
    }

    pub(super) fn place_of(&self, id: &ProcessId) -> Option<usize> {
        self.targets.iter().position(|target| target.guarded.contains_key(id))
    }
}

/// How many descriptors a process may still open; nothing where that is not known.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole numbers, and none below 0"
)]
fn left(observation: &Observation) -> Option<Left> {
    let known = |signal| observation.plain(signal).known();
    let (limit, open) = (known(Signal::FdLimit)?, known(Signal::FdOpen)?);
    Some(Left { left: (limit - open).max(0.0) as u64, of: limit as u64 })
}
