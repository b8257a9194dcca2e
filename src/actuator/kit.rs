//! What every action works with.

use std::sync::Arc;

use crate::model::decision::{Done, Work};
use crate::model::name::Name;

use super::freeze::Holds;
use super::notify::{Notice, Notifier};
use super::order::{Order, Told};
use super::pause_trading::Pauses;
use super::poll_stream::Polls;
use super::redact::Redactor;
use super::settings::Settings;
use super::throttle_connects::Throttles;
use super::worker::Worker;
use crate::call::web::Web;

/// Tells the control loop.
pub(super) type Tell = Arc<dyn Fn(Told) + Send + Sync>;

/// See the module.
pub(super) struct Kit {
    pub(super) settings: Settings,
    pub(super) web: Web,
    pub(super) notifier: Notifier,
    pub(super) worker: Worker,
    pub(super) redactor: Arc<Redactor>,
    pub(super) holds: Arc<Holds>,
    pub(super) throttles: Throttles,
    pub(super) polls: Polls,
    pub(super) pauses: Pauses,
    pub(super) tell: Tell,
}

impl Kit {
    /// `notify`: hands a notice to a receiver. Whether it arrives is told later, and only where it does not.
    pub(super) fn notify(&self, order: &Order, to: &Name, message: Option<&str>) -> Result<Done, String> {
        let what = message.map_or_else(|| headline(order), str::to_owned);
        self.notifier.offer(to, self.notice(order, &what)).map_err(|error| error.to_string())?;
        Ok(Done { summary: format!("handed to {to}") })
    }

    /// The facts of an order as a notice, without secrets.
    fn notice(&self, order: &Order, what: &str) -> Notice {
        let (story, clean) = (&order.story, |text: &str| self.redactor.text(text));
        let at = story.at.to_string();
        Notice {
            schema: 1,
            host: self.settings.host.clone(),
            target: order.target.clone(),
            process: order.process,
            pid: order.process.pid,
            rule: story.rule.clone(),
            tier: story.tier.as_ref().map(ToString::to_string),
            what: clean(what),
            why: clean(&story.because),
            values: story.readings.iter().map(|(name, value)| (name.clone(), clean(value))).collect(),
            next: story.next.as_deref().map(clean),
            at: at.clone(),
            count: 1,
            since: at,
            suppressed: 0,
        }
    }
}

/// What is said where the policy says nothing: the tier and what was decided.
fn headline(order: &Order) -> String {
    let at =
        order.story.tier.as_ref().map_or_else(|| order.story.rule.clone(), |tier| format!("tier {tier}"));
    match &order.work {
        Work::Do(action) => format!("{at} is active ({})", action.word()),
        Work::Take(hold) => format!("{at} is active ({} held)", hold.word()),
        Work::Release(hold) => format!("{at}: {} released", hold.word()),
    }
}
