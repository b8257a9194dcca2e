//! From the engine to its memory and back.

use super::book::{Book, Role};
use super::process::{Eyes, Process, Standing};
use super::{Engine, HumanHold};
use crate::model::clock::{Timestamp, WallTime};
use crate::model::decision::{Cause, DecisionId};
use crate::model::process::ProcessId;
use crate::policy::budget::Account;
use crate::policy::definition::Ladder;
use crate::policy::ladder::{LadderState, RELAPSES_MAX, Rung};
use crate::policy::memory::{AccountMemory, LadderMemory, ProcessMemory, RuleMemory, TierMemory, Wants};
use crate::policy::run::{Progress, Run};

/// How many processes are remembered that have not been seen since the restart.
const RECALLED_MAX: usize = 64;

impl Engine {
    /// What is to be kept over a restart of the agent. Shadow policies keep nothing.
    pub fn memory(&self) -> RuleMemory {
        let accounts = self.books.iter().filter(|book| book.role == Role::Live).flat_map(accounts).collect();
        let living = self.processes.iter().filter(|(_, state)| state.standing == Standing::Guarded);
        let known = living.map(|(process, state)| state.memory(&self.books, *process));
        let processes = known.chain(self.recalled.values().cloned()).collect();
        RuleMemory {
            next: DecisionId(self.target.next),
            human_hold: self.target.hold == HumanHold::On,
            accounts,
            processes,
            ended: self.ended.iter().copied().collect(),
        }
    }

    /// Takes up what was kept. Call it once, on a new engine, before the first step. What the policies no
    /// longer have is left out; a process takes up its ladders when it is seen again.
    pub fn restore(&mut self, memory: RuleMemory) {
        self.target.next = self.target.next.max(memory.next.0);
        self.target.hold = if memory.human_hold { HumanHold::On } else { HumanHold::Off };
        self.target.anchored = false;
        for kept in &memory.accounts {
            if let Some(account) = self.account_mut(&kept.rule.to_string()) {
                *account = Account::recalled(&kept.runs, kept.latched);
            }
        }
        self.ended = memory.ended.into_iter().take(super::ENDED_MAX).collect();
        let processes = memory.processes.into_iter().take(RECALLED_MAX);
        self.recalled = processes.map(|kept| (kept.process, kept)).collect();
    }

    /// The account of a live tier, by its path as text.
    pub(super) fn account_mut(&mut self, rule: &str) -> Option<&mut Account> {
        for book in self.books.iter_mut().filter(|book| book.role == Role::Live) {
            let Book { policy, accounts, .. } = book;
            for (ladder, accounts) in policy.ladders.iter().zip(accounts) {
                for (tier, account) in ladder.tiers.iter().zip(accounts) {
                    if super::book::path(policy, ladder, tier).to_string() == rule {
                        return Some(account);
                    }
                }
            }
        }
        None
    }

    /// Ties what was restored to the monotonic clock, once.
    pub(super) fn anchor(&mut self, at: Timestamp, wall: WallTime) {
        if self.target.anchored {
            return;
        }
        self.target.anchored = true;
        for account in self.books.iter_mut().flat_map(|book| &mut book.accounts).flatten() {
            account.anchor(at, wall);
        }
    }
}

fn accounts(book: &Book) -> Vec<AccountMemory> {
    let mut kept = Vec::new();
    for (ladder, accounts) in book.policy.ladders.iter().zip(&book.accounts) {
        for (tier, account) in ladder.tiers.iter().zip(accounts) {
            let (runs, latched) = (account.stamps(), account.latched);
            if latched || !runs.is_empty() {
                kept.push(AccountMemory { rule: book.path(ladder, tier), runs, latched });
            }
        }
    }
    kept
}

impl Process {
    fn memory(&self, books: &[Book], process: ProcessId) -> ProcessMemory {
        let mut ladders = Vec::new();
        for (book, states) in books.iter().zip(&self.ladders) {
            if book.role == Role::Shadow {
                continue;
            }
            for (ladder, state) in book.policy.ladders.iter().zip(states) {
                let tiers = ladder.tiers.iter().zip(&state.rungs);
                ladders.push(LadderMemory {
                    policy: book.policy.name.clone(),
                    ladder: ladder.name.clone(),
                    active: state.active.map(|active| ladder.tiers[active].name.clone()),
                    since: self.eyes.civil(state.since),
                    tiers: tiers.map(|(tier, rung)| self.eyes.remember(&tier.name, rung)).collect(),
                });
            }
        }
        ProcessMemory { process, ladders, by_hand: self.holds.lasting_by_hand() }
    }

    /// Takes up what was kept of this process.
    pub(super) fn recall(&mut self, books: &[Book], memory: &ProcessMemory) {
        self.holds.recall_by_hand(&memory.by_hand, self.eyes.seen.at);
        for (b, (book, states)) in books.iter().zip(&mut self.ladders).enumerate() {
            for (l, (ladder, state)) in book.policy.ladders.iter().zip(states).enumerate() {
                let kept = memory.ladders.iter().find(|kept| {
                    book.role == Role::Live && kept.policy == book.policy.name && kept.ladder == ladder.name
                });
                if let Some(kept) = kept {
                    recall_ladder(ladder, state, kept, &self.eyes);
                    if let Some(active) = state.active {
                        self.holds.recall_freezes((b, l), book, active);
                    }
                }
            }
        }
    }
}

fn recall_ladder(ladder: &Ladder, state: &mut LadderState, kept: &LadderMemory, eyes: &Eyes) {
    state.active = kept.active.as_ref().and_then(|tier| ladder.position(tier));
    state.since = eyes.monotonic(kept.since);
    for kept in &kept.tiers {
        let Some(position) = ladder.position(&kept.tier) else { continue };
        let rung = &mut state.rungs[position];
        rung.ineffective = kept.ineffective;
        rung.last_run = kept.last_run.map(|wall| eyes.monotonic(wall));
        rung.cleared = kept.cleared.map(|wall| eyes.monotonic(wall));
        rung.relapses = kept.relapses.min(RELAPSES_MAX);
        match kept.wants {
            Wants::Nothing => {}
            Wants::Entry => rung.due = Some(Cause::Entry),
            Wants::Again => rung.again = true,
        }
    }
}

impl Eyes {
    fn remember(&self, tier: &crate::model::name::Name, rung: &Rung) -> TierMemory {
        let held_back = rung.due.is_some()
            || rung.run.as_ref().is_some_and(|run| run.progress != Progress::Paid && !run.abandoned);
        let wants = if held_back {
            Wants::Entry
        } else if rung.again || rung.run.as_ref().is_some_and(Run::is_undone) {
            Wants::Again
        } else {
            Wants::Nothing
        };
        TierMemory {
            tier: tier.clone(),
            ineffective: rung.ineffective,
            last_run: rung.last_run.map(|at| self.civil(at)),
            cleared: rung.cleared.map(|at| self.civil(at)),
            relapses: rung.relapses,
            wants,
        }
    }

    /// The civil time of a moment, by the last observation.
    pub(crate) fn civil(&self, at: Timestamp) -> WallTime {
        let ago = i64::try_from(self.seen.at.since(at).as_millis()).unwrap_or(i64::MAX);
        WallTime::from_millis(self.seen.wall.as_millis().saturating_sub(ago))
    }

    /// The moment of a civil time, by the last observation; not before the origin, not in the future.
    fn monotonic(&self, wall: WallTime) -> Timestamp {
        self.seen.at.back(self.seen.wall.since(wall))
    }
}
