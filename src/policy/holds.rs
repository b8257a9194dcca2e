//! The holds that are wanted on one process, and the decisions that take and release them.
//!
//! A hold is wanted while its tier or a higher one of the same ladder is active. On each object (a pool, a
//! stream, the order gate, the process) the strongest of all wanted holds is kept. A `guard` does not apply:
//! pausing trade while a stop waits for its guard is the point. `allow` applies, and so do the start grace and
//! a person's hold, to holds not yet taken. A `freeze` is given up when its limit is over and is not taken
//! again until its tier has been left and raised again; a restart of the agent thaws the process and counts as
//! the end of the limit. A freeze by hand ends at its limit too.
//!
//! A hold that could not be taken is not kept: it is tried again, after [`RETRY_FIRST`] and then twice as long each
//! time up to [`kept::RETRY_MAX`], and what is undone at the end is what was taken.
//!
//! Nothing is computed while nothing moves: the ledger is rebuilt after a move, after a change of means, when
//! a freeze runs out or a hold is to be tried again, and while a wanted hold still waits.

mod kept;
mod wanted;

use std::time::Duration;

use crate::model::action::Hold;
use crate::model::clock::Timestamp;
use crate::model::decision::{Cause, Refusal, Report, RulePath, Verdict, Work};
use crate::model::name::Name;
use crate::policy::definition::HoldItem;
use crate::policy::engine::HumanHold;
use crate::policy::engine::book::{Book, dry_run};
use crate::policy::engine::desk::Desk;
use crate::policy::engine::process::Eyes;
use crate::policy::holds::kept::{Grip, Kept};
use crate::policy::holds::wanted::{Fate, Site, Wait, Wanted};
use crate::policy::ladder::LadderState;
use crate::policy::means::Lack;

#[cfg(test)]
pub(crate) use kept::RETRY_MAX;
pub(crate) use kept::{RETRY_FIRST, Taken};

/// The holds of one process.
#[derive(Clone, Debug)]
pub(crate) struct HoldLedger {
    wanted: Vec<Wanted>,
    kept: Vec<Kept>,
    /// Taken by a person, until a person releases them; a freeze until its limit is over.
    pub(crate) by_hand: Vec<Taken>,
    stale: bool,
    /// The earliest moment at which time alone changes something.
    due: Option<Timestamp>,
}

impl Default for HoldLedger {
    fn default() -> Self {
        Self { wanted: Vec::new(), kept: Vec::new(), by_hand: Vec::new(), stale: true, due: None }
    }
}

impl HoldLedger {
    /// What is held on each object: taken, or ordered and not known to have failed.
    pub(crate) fn kept(&self) -> Vec<Hold> {
        self.kept.iter().filter_map(|kept| kept.effect().cloned()).collect()
    }

    /// The actuator says how taking a hold went.
    pub(crate) fn report(&mut self, report: &Report, at: Timestamp) {
        let ordered = Grip::Ordered(report.decision);
        let Some(kept) = self.kept.iter_mut().find(|kept| kept.grip == ordered) else { return };
        match &report.result {
            Ok(_) => (kept.grip, kept.under, kept.failures) = (Grip::Firm, None, 0),
            Err(_) => {
                let again = kept.fail(at);
                self.due = Some(self.due.map_or(again, |due| due.min(again)));
            }
        }
    }

    /// Has everything computed anew in the next step.
    pub(crate) fn recheck(&mut self) {
        self.stale = true;
    }

    /// Forgets where holds stood in the policies, which have been replaced; what is kept stays kept.
    pub(crate) fn renumber(&mut self, new_site: impl Fn(Site) -> Option<Site>) {
        self.stale = true;
        self.wanted.retain_mut(|wanted| match new_site(wanted.site) {
            Some(site) => {
                wanted.site = site;
                true
            }
            None => false,
        });
    }

    /// Takes up what a person had taken before the agent was restarted. A freeze has ended with the agent.
    pub(crate) fn recall_by_hand(&mut self, holds: &[Hold], at: Timestamp) {
        let lasting = holds.iter().filter(|hold| !matches!(hold, Hold::Freeze { .. }));
        self.by_hand = lasting.map(|hold| Taken { hold: hold.clone(), since: at }).collect();
        self.stale = true;
    }

    /// Marks the freezes of a ladder that was active before the agent was restarted as over: the process was
    /// thawed when the agent ended, and a freeze per restart would add up to more than any limit.
    pub(crate) fn recall_freezes(&mut self, (b, l): (usize, usize), book: &Book, active: usize) {
        let ladder = &book.policy.ladders[l];
        for (t, tier) in ladder.tiers[..=active].iter().enumerate() {
            for (i, item) in tier.hold.iter().enumerate() {
                if matches!(item.hold, Hold::Freeze { .. }) {
                    let (hold, rule) = (item.hold.clone(), book.path(ladder, tier));
                    self.wanted.push(Wanted { site: (b, l, t, i), hold, rule, fate: Fate::Spent });
                }
            }
        }
        self.stale = true;
    }

    /// What a person has taken that lives over a restart of the agent: everything but a freeze.
    pub(crate) fn lasting_by_hand(&self) -> Vec<Hold> {
        let lasting = self.by_hand.iter().filter(|taken| taken.end().is_none());
        lasting.map(|taken| taken.hold.clone()).collect()
    }

    /// Brings the holds in line with the active tiers.
    pub(crate) fn reconcile(
        &mut self,
        books: &[Book],
        ladders: &[Vec<LadderState>],
        eyes: &Eyes,
        desk: &mut Desk<'_>,
    ) {
        let waiting = self.due.is_some_and(|due| desk.at >= due);
        if !self.stale && !waiting {
            return;
        }
        self.stale = false;
        let fresh = self.want(books, ladders, eyes, desk);
        for wanted in &fresh {
            let old = self.wanted.iter().find(|old| old.site == wanted.site);
            if old.is_none_or(|old| !old.fate.is_like(&wanted.fate)) {
                wanted.tell(desk);
            }
        }
        self.wanted = fresh;
        self.by_hand.retain(|taken| taken.end().is_none_or(|end| desk.at < end));
        let kept = self.winners();
        self.change(kept, desk);
        let ends = self.by_hand.iter().filter_map(Taken::end);
        let tries = self.kept.iter().filter_map(|kept| match kept.grip {
            Grip::Failed(again) => Some(again),
            Grip::Wanted | Grip::Ordered(_) | Grip::Firm => None,
        });
        self.due = self.wanted.iter().filter_map(Wanted::next_change).chain(ends).chain(tries).min();
    }

    /// The process has ended: everything is released.
    pub(crate) fn release_all(&mut self, desk: &mut Desk<'_>) {
        self.wanted.clear();
        self.by_hand.clear();
        self.change(Vec::new(), desk);
    }

    fn want(
        &self,
        books: &[Book],
        ladders: &[Vec<LadderState>],
        eyes: &Eyes,
        desk: &Desk<'_>,
    ) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        for (b, (book, states)) in books.iter().zip(ladders).enumerate() {
            for (l, (ladder, state)) in book.policy.ladders.iter().zip(states).enumerate() {
                let Some(active) = state.active else { continue };
                for (t, tier) in ladder.tiers[..=active].iter().enumerate() {
                    for (i, item) in tier.hold.iter().enumerate() {
                        let site = (b, l, t, i);
                        let age = eyes.age(desk.at);
                        let fate =
                            self.fate(site, (book, item), ladder.start_grace.saturating_sub(age), desk);
                        let rule = book.path(ladder, tier);
                        wanted.push(Wanted { site, hold: item.hold.clone(), rule, fate });
                    }
                }
            }
        }
        wanted
    }

    fn fate(&self, site: Site, (book, item): (&Book, &HoldItem), grace: Duration, desk: &Desk<'_>) -> Fate {
        let before = self.wanted.iter().find(|old| old.site == site).map(|old| &old.fate);
        let since = match before {
            Some(Fate::Kept { since }) => Some(*since),
            Some(Fate::Spent) => return Fate::Spent,
            Some(Fate::Told(_) | Fate::Lacking(_) | Fate::Waiting(_)) | None => None,
        };
        match desk.means.permit_hold(&item.hold) {
            Ok(()) => {}
            Err(Lack::NotAllowed) => return Fate::Lacking(Refusal::NotAllowed),
            Err(Lack::Unavailable(why)) => return Fate::Lacking(Refusal::Unavailable { why }),
        }
        if let (Hold::Freeze { limit }, Some(since)) = (&item.hold, since)
            && desk.at.since(since) >= *limit
        {
            return Fate::Spent;
        }
        if since.is_none() && desk.human_hold() == HumanHold::On {
            return Fate::Waiting(Wait::HumanHold);
        }
        if since.is_none() && !grace.is_zero() {
            return Fate::Waiting(Wait::StartGrace { until: desk.at + grace });
        }
        match dry_run(book.role, &book.policy, item.mode, desk.agent_dry()) {
            Some(dry) => Fate::Told(dry),
            None => Fate::Kept { since: since.unwrap_or(desk.at) },
        }
    }

    fn winners(&self) -> Vec<Kept> {
        let mut kept: Vec<Kept> = Vec::new();
        let mut put = |hold: &Hold, rule: &RulePath, cause: Cause| match kept
            .iter_mut()
            .find(|other| other.hold.object() == hold.object())
        {
            Some(other) => {
                let stronger = other.hold.clone().stronger(hold.clone());
                if stronger != other.hold {
                    *other = Kept::new(&stronger, rule, cause);
                }
            }
            None => kept.push(Kept::new(hold, rule, cause)),
        };
        for wanted in &self.wanted {
            if matches!(wanted.fate, Fate::Kept { .. }) {
                put(&wanted.hold, &wanted.rule, Cause::Entry);
            }
        }
        for taken in &self.by_hand {
            put(&taken.hold, &by_hand(), Cause::Command);
        }
        kept.sort_by(|a, b| a.hold.object().cmp(&b.hold.object()));
        kept
    }

    fn change(&mut self, mut kept: Vec<Kept>, desk: &mut Desk<'_>) {
        let old = std::mem::take(&mut self.kept);
        for gone in old.iter().filter(|old| kept.iter().all(|new| new.hold.object() != old.hold.object())) {
            // Where nothing could be taken there is nothing to undo.
            let Some(hold) = gone.effect() else { continue };
            desk.decide(gone.rule.clone(), gone.cause, Work::Release(hold.clone()), Verdict::Start);
        }
        for new in &mut kept {
            if let Some(old) = old.iter().find(|old| old.hold.object() == new.hold.object()) {
                new.follow(old, desk.at);
            }
            let tries_again = new.grip == Grip::Wanted && new.failures > 0;
            if tries_again && new.cause != Cause::Command && desk.human_hold() == HumanHold::On {
                new.grip = Grip::Failed(desk.at + RETRY_FIRST);
            }
            if new.grip == Grip::Wanted {
                let work = Work::Take(new.hold.clone());
                new.grip = Grip::Ordered(desk.decide(new.rule.clone(), new.cause, work, Verdict::Start));
            }
        }
        self.kept = kept;
    }
}

/// The place of what a person asks for.
pub(crate) fn by_hand() -> RulePath {
    let policy = Name::parse("command").expect("seven letters");
    RulePath { policy, ladder: None, tier: None }
}
