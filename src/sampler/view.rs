//! What one full scan found, as shared values.

use std::sync::Arc;
use std::time::Duration;

use crate::model::ages::Ages;
use crate::model::clock::Timestamp;
use crate::model::observation::{KindCounts, RemoteSurvey};
use crate::model::reading::{Gap, Reading};
use crate::model::signal::Signal;
use crate::sampler::scan::TABLE_SIGNALS;
use crate::sampler::survey::{SOCKET_SIGNALS, Survey};

/// What one full scan found.
#[derive(Clone, Debug)]
pub struct FullView {
    /// When it began.
    pub at: Timestamp,
    /// CPU it used.
    pub cost: Duration,
    /// Time until the next one, by its cost and the budget.
    pub period: Duration,
    /// Descriptors by kind.
    pub kinds: Reading<Arc<KindCounts>>,
    /// Ages of CLOSE_WAIT sockets and orphans.
    pub leaked: Reading<Arc<Ages>>,
    /// Sockets by remote.
    pub remotes: Reading<Arc<Vec<RemoteSurvey>>>,
    /// All plain signals of the full tick.
    pub plain: Vec<(Signal, Reading<f64>)>,
}

impl FullView {
    /// A view in which nothing has been seen yet.
    pub fn blank(at: Timestamp) -> Self {
        Self {
            at,
            cost: Duration::ZERO,
            period: Duration::ZERO,
            kinds: Reading::Unavailable(Gap::NotYet),
            leaked: Reading::Unavailable(Gap::NotYet),
            remotes: Reading::Unavailable(Gap::NotYet),
            plain: Vec::with_capacity(40),
        }
    }

    /// Takes in what a survey found.
    pub(super) fn take(&mut self, survey: Survey) {
        self.kinds = Reading::Known(Arc::new(survey.kinds));
        self.leaked = survey.leaked.map(Arc::new);
        self.remotes = survey.remotes.map(Arc::new);
        self.plain.extend(survey.plain);
    }

    /// Says that the table could not be listed, and so nothing that rests on it is known.
    pub(super) fn blind(&mut self, gap: Gap) {
        self.kinds = Reading::Unavailable(gap);
        self.leaked = Reading::Unavailable(gap);
        self.remotes = Reading::Unavailable(gap);
        let lacking = TABLE_SIGNALS.into_iter().chain(SOCKET_SIGNALS);
        self.plain.extend(lacking.map(|signal| (signal, Reading::Unavailable(gap))));
    }
}
