//! New policies in place of the old: what is unchanged lives on.

use super::Engine;
use super::book::{Book, Enrolled, Role};
use super::desk::Desk;
use super::process::{Process, Standing, conditions, transition};
use crate::model::clock::{Timestamp, WallTime};
use crate::model::decision::{Evaluation, Outcome};
use crate::policy::definition::Ladder;
use crate::policy::ladder::{LadderState, Move};
use crate::policy::upkeep::UpkeepState;
use crate::policy::windows::Windows;

/// For each new ladder the place of the old one of that name: by policy and ladder.
type Origins = Vec<Vec<Option<(usize, usize)>>>;

impl Engine {
    /// Puts new policies in place of the old, all at once. Policies, ladders and tiers are matched by name.
    /// Budgets and latches of tiers that stay live on; timers, counts and runs of tiers that are unchanged
    /// live on too, and so do windows of unchanged expressions. An active tier that stays is active still;
    /// where it is gone, the next lower one that stays is.
    pub fn replace(&mut self, policies: Vec<Enrolled>, at: Timestamp, wall: WallTime) -> Evaluation {
        let old = std::mem::take(&mut self.books);
        let mut books: Vec<Book> = policies.into_iter().map(Book::new).collect();
        let origins: Origins = books.iter().map(|book| find_origins(book, &old)).collect();
        for (book, origins) in books.iter_mut().zip(&origins) {
            carry_accounts(book, origins, &old);
        }
        let mut out = Evaluation::default();
        for (process, state) in &mut self.processes {
            let mut desk = Desk::new(&self.means, &mut self.target, *process, (at, wall));
            state.replant(&old, &books, &origins, &mut desk);
            out.transitions.append(&mut desk.out.transitions);
            out.judged.append(&mut desk.out.judged);
        }
        self.books = books;
        out
    }
}

fn same_role(a: Role, b: Role) -> bool {
    a == b
}

fn find_origins(book: &Book, old: &[Book]) -> Vec<Option<(usize, usize)>> {
    let origin = old.iter().position(|o| o.policy.name == book.policy.name && same_role(o.role, book.role));
    let find = |ladder: &Ladder| {
        let b = origin?;
        let l = old[b].policy.ladders.iter().position(|candidate| candidate.name == ladder.name)?;
        Some((b, l))
    };
    book.policy.ladders.iter().map(find).collect()
}

fn carry_accounts(book: &mut Book, origins: &[Option<(usize, usize)>], old: &[Book]) {
    for (l, origin) in origins.iter().enumerate() {
        let Some((ob, ol)) = *origin else { continue };
        for (t, tier) in book.policy.ladders[l].tiers.iter().enumerate() {
            if let Some(ot) = old[ob].policy.ladders[ol].position(&tier.name) {
                book.accounts[l][t] = old[ob].accounts[ol][ot].clone();
            }
        }
    }
    if let Some(old) = old.iter().find(|o| o.policy.name == book.policy.name && same_role(o.role, book.role))
    {
        for (rule, last) in book.policy.upkeep.iter().zip(&mut book.upkeep) {
            if let Some(position) = old.policy.upkeep.iter().position(|other| other.same_as(rule)) {
                *last = old.upkeep[position];
            }
        }
    }
}

impl Process {
    fn replant(&mut self, old: &[Book], books: &[Book], origins: &Origins, desk: &mut Desk<'_>) {
        let mut windows = Windows::for_conditions(conditions(books));
        windows.adopt(&mut self.eyes.windows);
        self.eyes.windows = windows;
        let mut before = std::mem::take(&mut self.ladders);
        for (book, origins) in books.iter().zip(origins) {
            let mut states = Vec::new();
            for (ladder, origin) in book.policy.ladders.iter().zip(origins) {
                let mut state = LadderState::new(ladder, desk.at);
                if let Some((ob, ol)) = *origin {
                    let was = &old[ob].policy.ladders[ol];
                    graft(ladder, &mut state, was, &mut before[ob][ol]);
                    let stays = was_active(was, &before[ob][ol]) == was_active(ladder, &state);
                    if self.standing == Standing::Guarded && !stays {
                        let from = before[ob][ol].active;
                        let because = "the tier is no longer in the policy".to_owned();
                        let moved = Move { from, to: state.active };
                        let mut told =
                            transition(&book.policy, was, Move { to: None, ..moved }, because, desk);
                        told.to = state.active.map(|active| ladder.tiers[active].name.clone());
                        desk.out.transitions.push(told);
                    }
                }
                states.push(state);
            }
            self.ladders.push(states);
        }
        if self.standing == Standing::Guarded {
            uproot(old, origins, &mut before, desk);
        }
        self.replant_upkeep(old, books, desk.at);
        self.holds.renumber(|site| new_site(site, old, books, origins));
    }

    fn replant_upkeep(&mut self, old: &[Book], books: &[Book], at: Timestamp) {
        let before = std::mem::take(&mut self.upkeep);
        for book in books {
            let origin = old.iter().position(|o| o.policy.name == book.policy.name && o.role == book.role);
            let keep = |rule: &crate::policy::definition::Upkeep| {
                let kept = origin.and_then(|b| {
                    let position = old[b].policy.upkeep.iter().position(|other| other.same_as(rule))?;
                    Some(before[b][position].clone())
                });
                kept.unwrap_or_else(|| UpkeepState::new(at))
            };
            self.upkeep.push(book.policy.upkeep.iter().map(keep).collect());
        }
    }
}

/// What does not live on is brought to its end: ladders that are gone, trials of tiers that have changed.
fn uproot(old: &[Book], origins: &Origins, before: &mut [Vec<LadderState>], desk: &mut Desk<'_>) {
    for (b, (book, states)) in old.iter().zip(before).enumerate() {
        for (l, (ladder, state)) in book.policy.ladders.iter().zip(states).enumerate() {
            for (tier, rung) in ladder.tiers.iter().zip(&mut state.rungs) {
                if let Some((_, kept)) = rung.trial.take() {
                    let because = "the tier was changed before it could be told".to_owned();
                    desk.judge(book.path(ladder, tier), &kept, Outcome::Unknown, because);
                }
            }
            let lives_on = origins.iter().flatten().any(|origin| *origin == Some((b, l)));
            if state.active.is_some() && !lives_on {
                let because = "the ladder is no longer in the policies".to_owned();
                let moved = Move { from: state.active, to: None };
                desk.out.transitions.push(transition(&book.policy, ladder, moved, because, desk));
            }
        }
    }
}

fn was_active<'a>(ladder: &'a Ladder, state: &LadderState) -> Option<&'a crate::model::name::Name> {
    state.active.map(|active| &ladder.tiers[active].name)
}

/// Carries over what lives on from the old ladder.
fn graft(ladder: &Ladder, state: &mut LadderState, was: &Ladder, before: &mut LadderState) {
    state.since = before.since;
    let still = |tier: &usize| ladder.position(&was.tiers[*tier].name);
    state.active = before.active.and_then(|active| (0..=active).rev().find_map(|tier| still(&tier)));
    state.clear = before.clear;
    for (tier, rung) in ladder.tiers.iter().zip(&mut state.rungs) {
        let Some(position) = was.position(&tier.name) else { continue };
        if was.tiers[position].same_as(tier) {
            *rung = std::mem::take(&mut before.rungs[position]);
        } else {
            // A changed tier starts fresh, but not its cooldown: an edit is no licence to act at once.
            rung.last_run = before.rungs[position].last_run;
        }
    }
}

fn new_site(
    (b, l, t, i): (usize, usize, usize, usize),
    old: &[Book],
    books: &[Book],
    origins: &Origins,
) -> Option<(usize, usize, usize, usize)> {
    let was = &old[b].policy.ladders[l].tiers[t];
    for (nb, ladders) in origins.iter().enumerate() {
        let Some(nl) = ladders.iter().position(|origin| *origin == Some((b, l))) else { continue };
        let ladder = &books[nb].policy.ladders[nl];
        let nt = ladder.position(&was.name)?;
        let ni = ladder.tiers[nt].hold.iter().position(|item| item.hold == was.hold[i].hold)?;
        return Some((nb, nl, nt, ni));
    }
    None
}
