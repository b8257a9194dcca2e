//! What one full scan found, as shared values.

use std::sync::Arc;
use std::time::Duration;

use crate::model::ages::Ages;
use crate::model::clock::Timestamp;
use crate::model::observation::{KindCounts, RemoteSurvey};
use crate::model::reading::Reading;
use crate::model::signal::Signal;

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
