//! The children of the agent: started where they are due, given signals, ended with it.

use std::time::Duration;

use super::Control;
use crate::agent::child::{Ending, Forwarded, Started, Terminal, asks_to_end, end_all};
use crate::agent::herald::About;
use crate::agent::start::Ends;
use crate::agent::target::Target;
use crate::model::action::Word;
use crate::model::clock::Timestamp;
use crate::model::event::Fact;
use crate::sys::pidfd::Signal;

impl Control {
    /// Starts the child of a target where it is due.
    pub(super) fn raise_child(&mut self, place: usize, now: Timestamp) {
        let target = &mut self.targets[place];
        let Some(nursery) = &mut target.nursery else { return };
        // A stop under way still has to say what follows.
        let is_stopping = target.engine.in_flight().is_some_and(|(_, word)| word == Word::Stop);
        if is_stopping || nursery.start_due().is_none_or(|due| due > now) {
            return;
        }
        let (is_ours, terminal) = match &self.ends {
            Ends::WithChild(name) if *name == target.settings.name => (true, Terminal::Handed),
            Ends::WithChild(_) => (false, Terminal::Kept),
            Ends::Never => (false, Terminal::Handed),
        };
        let (started, restarts) = (nursery.start(now, &self.hands, terminal), nursery.restarts());
        let is_down = nursery.is_done() && started.is_err();
        if started.is_err() && is_ours && restarts == 0 {
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
            Err(why) if is_down => self.herald.tell(about, Fact::StaysDown { why }),
            Err(why) => self.herald.tell(about, Fact::TargetAbsent { sought: why }),
        }
        self.conclude_exec(place);
    }

    /// Whether a target is the command of this `exec`, and not a child of its file.
    fn is_exec_of(&self, target: &Target) -> bool {
        matches!(&self.ends, Ends::WithChild(name) if name == target.name())
    }

    /// In an `exec` the agent ends with its command, unless that is to be started again. A stop under way may
    /// still say so: the end of the process is seen before the end of the action.
    pub(super) fn conclude_exec(&mut self, place: usize) {
        let target = &self.targets[place];
        let Some(nursery) = &target.nursery else { return };
        let decided = target.engine.in_flight().is_none();
        if self.is_exec_of(target) && nursery.is_done() && decided {
            self.child_code = nursery.code();
            self.stopping.get_or_insert_with(|| "the child has ended".to_owned());
        }
    }

    /// Passes a signal on to the command of an `exec`. Between two lives of it, one that asks for the end is for us.
    pub(super) fn forward(&mut self, signal: Signal) {
        let place = self.targets.iter().position(|target| self.is_exec_of(target));
        let nursery = place.and_then(|place| self.targets[place].nursery.as_mut());
        let sent = nursery.map_or(Forwarded::Nobody, |nursery| nursery.forward(signal));
        if asks_to_end(signal) && sent == Forwarded::Nobody {
            self.stopping.get_or_insert_with(|| format!("signal {}", signal.number()));
        }
    }

    /// Ends the children, all at once, under the longest grace of any; gives the code of the one an `exec` waits for.
    pub(super) fn end_children(&mut self) -> Option<i32> {
        let ours: Vec<bool> = self.targets.iter().map(|target| self.is_exec_of(target)).collect();
        let (mut nurseries, mut grace, mut place) = (Vec::new(), Duration::ZERO, None);
        for (target, is_ours) in self.targets.iter_mut().zip(ours) {
            if let Some(nursery) = &mut target.nursery {
                grace = grace.max(target.settings.stop.grace);
                place = place.or(is_ours.then_some(nurseries.len()));
                nurseries.push(nursery);
            }
        }
        let endings = end_all(&mut nurseries, grace);
        match place.and_then(|place| endings.get(place)) {
            Some(Ending::Ended(code)) => self.child_code.or(*code),
            Some(Ending::NotRunning) | None => self.child_code,
        }
    }
}
