//! The ladder against a toy model, and what must hold whatever is seen.

use std::fmt::Write as _;
use std::time::Duration;

use proptest::prelude::*;

use super::world::{World, join, started};
use crate::model::decision::{Decision, Evaluation, Outcome, Verdict, Work};
use crate::model::name::Name;
use crate::model::signal::Signal;

const RAISES: [u32; 3] = [300, 600, 900];
const CLEARS: [u32; 3] = [250, 500, 800];
const DWELL: u64 = 5;
const COOLDOWN: u64 = 20;

fn source() -> String {
    let mut text = "schema = 1\nname = \"p\"\n[ladder.d]\nstart_grace = \"0s\"\n".to_owned();
    for (i, (raise, clear)) in RAISES.iter().zip(CLEARS).enumerate() {
        let _ = write!(
            text,
            "[[ladder.d.tier]]\nname = \"t{i}\"\nraise = \"fd.open > {raise}\"\nclear = \"fd.open < {clear}\"\n\
             for = \"2s\"\ndwell = \"{DWELL}s\"\ncooldown = \"{COOLDOWN}s\"\nbudget = \"3/10m\"\n\
             do = [{{ reset_pool = {{ pool = \"db\" }} }}]\n\
             expect = {{ that = \"fd.open < {clear}\", within = \"4s\" }}\n"
        );
    }
    text
}

/// A toy of the ladder: plain counters, nothing shared with the engine.
#[derive(Default)]
struct Toy {
    active: Option<usize>,
    since: u64,
    true_for: [u64; 3],
    cleared: [Option<u64>; 3],
    relapses: [u32; 3],
}

impl Toy {
    fn dwell(&self, tier: usize) -> u64 {
        DWELL << self.relapses[tier].min(4)
    }

    fn tick(&mut self, now: u64, open: Option<u32>) {
        for (held, raise) in self.true_for.iter_mut().zip(RAISES) {
            *held = if open.is_some_and(|open| open > raise) { *held + 1 } else { 0 };
        }
        let above = self.active.map_or(0, |active| active + 1);
        if let Some(goal) = (above..3).rev().find(|tier| self.true_for[*tier] >= 3) {
            let soon = (2 * self.dwell(goal)).max(60);
            let relapse = self.cleared[goal].is_some_and(|cleared| now - cleared <= soon);
            self.relapses[goal] = if relapse { (self.relapses[goal] + 1).min(4) } else { 0 };
            (self.active, self.since) = (Some(goal), now);
        } else if let Some(active) = self.active
            && open.is_some_and(|open| open < CLEARS[active])
            && now - self.since >= self.dwell(active)
        {
            self.cleared[active] = Some(now);
            self.true_for[active] = 0;
            (self.active, self.since) = (active.checked_sub(1), now);
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Tick {
    Open(u32),
    Blind,
}

fn ticks() -> impl Strategy<Value = Vec<Tick>> {
    let piece = (prop_oneof![4 => (0u32..1_100).prop_map(Tick::Open), 1 => Just(Tick::Blind)], 1usize..12);
    prop::collection::vec(piece, 1..60)
        .prop_map(|pieces| pieces.into_iter().flat_map(|(tick, times)| vec![tick; times]).collect())
}

/// How the action under way ends in this tick, if at all.
#[derive(Clone, Copy, Debug)]
enum End {
    Later,
    Done,
    Failed,
    GivenUp,
    Restart,
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        6 => Just(End::Later),
        3 => Just(End::Done),
        2 => Just(End::Failed),
        1 => Just(End::GivenUp),
        1 => Just(End::Restart),
    ]
}

/// Notes the start of an action by a tier.
fn note(decision: &Decision, at: Duration, runs: &mut Vec<(Option<Name>, Duration)>) {
    if decision.verdict == Verdict::Start && matches!(decision.work, Work::Do(_)) {
        runs.push((decision.rule.tier.clone(), at));
    }
}

fn step(world: &mut World, tick: Tick) -> Evaluation {
    match tick {
        Tick::Open(open) => world.tick(open),
        Tick::Blind => world.blind(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_ladder_agrees_with_a_toy(ticks in ticks()) {
        let (mut world, mut toy) = (World::new(&source()), Toy::default());
        for (now, tick) in ticks.into_iter().enumerate() {
            step(&mut world, tick);
            toy.tick(now as u64, if let Tick::Open(open) = tick { Some(open) } else { None });
            let wanted = toy.active.map_or_else(|| "normal".to_owned(), |tier| format!("t{tier}"));
            prop_assert_eq!(world.tier(), wanted, "tick {}", now);
        }
    }

    /// Never inside a cooldown, never past a budget, never two in flight, never down by two, nothing on
    /// unknown, and an outcome only for what was started.
    #[test]
    fn what_must_hold_whatever_is_seen(ticks in ticks(), delay in 0u32..6, fails in any::<bool>()) {
        let mut world = World::new(&source());
        let (mut runs, mut flying, mut known) = (Vec::new(), None, Vec::new());
        for tick in ticks {
            let out = step(&mut world, tick);
            let now = world.now;
            if matches!(tick, Tick::Blind) {
                prop_assert!(out.transitions.is_empty() && started(&out).is_empty(), "{:?}", out);
            }
            for moved in &out.transitions {
                let place = |tier: &Option<Name>| {
                    tier.as_ref().map_or(0, |tier| tier.as_str()[1..].parse::<u32>().unwrap() + 1)
                };
                let (from, to) = (place(&moved.from), place(&moved.to));
                prop_assert!(to > from || to + 1 == from, "{:?}", moved);
            }
            let mut judged = out.judged.clone();
            let mut decisions = out.decisions;
            if let Some((id, 0)) = flying {
                flying = None;
                let out = if fails { world.failed(id) } else { world.done(id) };
                judged.extend(out.judged);
                prop_assert!(decisions.iter().all(|decision| decision.verdict != Verdict::Start));
                decisions.extend(out.decisions);
            } else if let Some((_, left)) = &mut flying {
                *left -= 1;
            }
            for decision in &decisions {
                if !(decision.verdict == Verdict::Start && matches!(decision.work, Work::Do(_))) { continue }
                prop_assert!(flying.is_none(), "two in flight");
                flying = Some((decision.id, delay));
                known.push(decision.id);
                let tier = decision.rule.tier.clone();
                let of_tier = |run: &&(Option<Name>, Duration)| run.0 == tier;
                if let Some(last) = runs.iter().rev().find(of_tier) {
                    prop_assert!(now.saturating_sub(last.1) >= Duration::from_secs(COOLDOWN), "inside its cooldown");
                }
                runs.push((tier.clone(), now));
                let young = |at: Duration| now.saturating_sub(at) < Duration::from_mins(10);
                let recent = runs.iter().filter(|run| run.0 == tier && young(run.1));
                prop_assert!(recent.count() <= 3, "past its budget");
            }
            for judged in judged {
                prop_assert!(known.contains(&judged.decision));
                prop_assert!(!(fails && judged.outcome == Outcome::Effective));
            }
        }
    }

    /// However actions end, are given up or are never heard of, and however often the agent starts anew: one in flight,
    /// no budget given back, no cooldown cut short, nothing on unknown, and what nobody saw the end of is unknown.
    #[test]
    fn bad_ends_and_restarts_break_nothing(ticks in ticks(), ends in prop::collection::vec(end(), 1..700)) {
        let mut world = World::new(&source());
        let (mut runs, mut flying, mut unseen) = (Vec::<(_, Duration)>::new(), None, Vec::new());
        for (tick, end) in ticks.into_iter().zip(ends.iter().cycle()) {
            let mut out = step(&mut world, tick);
            if matches!(tick, Tick::Blind) {
                prop_assert!(out.transitions.is_empty() && started(&out).is_empty(), "{:?}", out);
            }
            for lost in &out.lost {
                prop_assert_eq!(flying.take(), Some(lost.decision));
                unseen.push(lost.decision);
            }
            prop_assert!(flying.is_none() || started(&out).is_empty(), "two in flight");
            match (end, flying.take()) {
                (End::Restart, _) => {
                    world.restart(&source());
                    unseen.extend(started(&out).into_iter().map(|(_, id)| id));
                    out.decisions.iter().for_each(|decision| note(decision, world.now, &mut runs));
                    continue;
                }
                (End::Later, flight) => flying = flight,
                (End::Done, Some(id)) => join(&mut out, world.done(id)),
                (End::Failed, Some(id)) => join(&mut out, world.failed(id)),
                (End::GivenUp, Some(id)) => {
                    unseen.push(id);
                    join(&mut out, world.given_up(id));
                }
                (End::Done | End::Failed | End::GivenUp, None) => {}
            }
            for decision in &out.decisions {
                note(decision, world.now, &mut runs);
            }
            flying = flying.or(started(&out).last().map(|(_, id)| *id));
            prop_assert_eq!(world.engine.in_flight().map(|(id, _)| id), flying);
            for judged in &out.judged {
                let is_unseen = unseen.contains(&judged.decision);
                prop_assert!(!is_unseen || judged.outcome == Outcome::Unknown, "{:?}", judged);
            }
        }
        for (place, (tier, at)) in runs.iter().enumerate() {
            let mut before = runs[..place].iter().filter(|run| run.0 == *tier).map(|run| run.1);
            let recent = before.clone().filter(|before| at.saturating_sub(*before) < Duration::from_mins(10));
            prop_assert!(recent.count() < 3, "past its budget: {:?}", runs);
            let soon = |before: Duration| at.saturating_sub(before) < Duration::from_secs(COOLDOWN);
            prop_assert!(!before.next_back().is_some_and(soon), "inside its cooldown: {:?}", runs);
        }
    }

    #[test]
    fn the_same_input_gives_the_same_bytes(ticks in ticks()) {
        let run = || {
            let mut world = World::new(&source());
            let mut bytes = Vec::new();
            for tick in &ticks {
                let out = step(&mut world, *tick);
                serde_json::to_writer(&mut bytes, &out).unwrap();
                for (_, id) in started(&out) {
                    serde_json::to_writer(&mut bytes, &world.done(id)).unwrap();
                }
            }
            serde_json::to_writer(&mut bytes, &world.engine.memory()).unwrap();
            bytes
        };
        prop_assert_eq!(run(), run());
    }

    /// A sawtooth across the threshold gives at most one action in each cooldown.
    #[test]
    fn a_sawtooth_does_not_act_more_than_its_cooldown(low in 0u32..299, up in 3usize..9, down in 1usize..9) {
        let mut world = World::new(&source());
        let mut acts = Vec::new();
        for second in 0..300_usize {
            let open = if second % (up + down) < up { 310 } else { low };
            let out = world.tick(open);
            for (_, id) in started(&out) {
                acts.push(second as u64);
                world.done(id);
            }
        }
        prop_assert!(acts.windows(2).all(|pair| pair[1] - pair[0] >= COOLDOWN), "{:?}", acts);
    }

    /// An expectation is never called effective unless it was true on two looks after the end of the action.
    #[test]
    fn never_a_false_effective(counts in prop::collection::vec(0u32..600, 1..80), at in 0usize..20) {
        let mut world = World::new(&source());
        let out = world.hold(310, 3);
        let id = started(&out)[0].1;
        let mut met = 0;
        for (i, open) in counts.into_iter().enumerate() {
            let out = world.tick(open);
            for judged in out.judged.iter().filter(|judged| judged.decision == id) {
                if judged.outcome == Outcome::Effective {
                    prop_assert!(i > at && open < 250 && met >= 1);
                }
            }
            met = if i > at && open < 250 { met + 1 } else { 0 };
            if i == at {
                world.done(id);
            }
        }
    }
}

/// Two hundred ticks that move nothing leave nothing behind.
#[test]
fn quiet_ticks_say_nothing() {
    let mut world = World::new(&source());
    for _ in 0..200 {
        let out = world.tick(100);
        assert!(out.is_empty());
        assert_eq!(out.decisions.capacity() + out.transitions.capacity() + out.judged.capacity(), 0);
    }
    let mut seen = world.seen(100.0);
    seen.know(Signal::FdOpen, f64::INFINITY);
    assert!(world.engine.step(&world.process, &seen).is_empty(), "one tick is not long enough");
}
