//! All that an expression may look at while it is evaluated.

use std::time::Duration;

use crate::model::name::Name;
use crate::model::observation::Observation;
use crate::policy::windows::Windows;

/// What a condition is evaluated on.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The observation of this tick.
    pub now: &'a Observation,
    /// The windows of this process; they have taken in `now`.
    pub windows: &'a Windows,
    /// What the ladder knows of its tiers.
    pub tiers: &'a dyn TierFacts,
    /// The observation at the start of the action, for `before.` in an expectation; `before.` is unknown
    /// without it.
    pub before: Option<&'a Observation>,
    /// How long this guard has held the action back, for `waited(..)`; none counts as no time.
    pub waited: Option<Duration>,
}

/// What a ladder knows of its tiers.
pub trait TierFacts {
    /// Whether the tier is active, itself or by a higher one.
    fn active(&self, tier: &Name) -> bool;
    /// How many outcomes in a row were ineffective since the last effective one.
    fn ineffective(&self, tier: &Name) -> u32;
}

/// The facts where there are no tiers, as in upkeep: nothing is active.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTiers;

impl TierFacts for NoTiers {
    fn active(&self, _tier: &Name) -> bool {
        false
    }

    fn ineffective(&self, _tier: &Name) -> u32 {
        0
    }
}
