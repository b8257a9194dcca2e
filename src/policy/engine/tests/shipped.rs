//! The shipped policies on a healthy bot and on a leaking one.

use std::sync::Arc;
use std::time::Duration;

use super::world::{World, all_means, join, live, names, started, tiers};
use crate::model::action::{Effect, Word};
use crate::model::ages::Ages;
use crate::model::decision::{Evaluation, Work};
use crate::model::reading::Reading;
use crate::model::signal::Signal;
use crate::policy::means::Means;

const SHIPPED: [&str; 3] = [
    include_str!("../../../../policies/longport.toml"),
    include_str!("../../../../policies/default.toml"),
    include_str!("../../../../policies/aggressive.toml"),
];

fn world(source: &str) -> World {
    let means = Means { pools: names(&["orders-db"]), ..all_means() };
    World::with(vec![live(source)], means)
}

/// One second of a bot with a limit of 1024, `fresh` sockets in CLOSE_WAIT for less than a minute.
fn second(world: &mut World, open: f64, tte: f64, fresh: u32) -> Evaluation {
    world.now += Duration::from_secs(1);
    let mut seen = world.seen(open);
    seen.know(Signal::FdRatio, open / 1_024.0);
    seen.know(Signal::FdTte, tte);
    seen.know(Signal::SocketCloseWait, f64::from(fresh));
    seen.know(Signal::OrdersOpen, 0.0);
    let mut ages = Ages::default();
    for _ in 0..fresh {
        ages.add(Duration::from_secs(45));
    }
    seen.leaked = Reading::Known(Arc::new(ages));
    let mut out = world.engine.step(&world.process, &seen);
    while let Some((id, _)) = world.engine.in_flight() {
        join(&mut out, world.done(id));
    }
    out
}

#[test]
fn a_healthy_idle_pool_with_close_wait_causes_nothing() {
    for source in SHIPPED {
        let mut world = world(source);
        let mut all = Evaluation::default();
        for i in 0..7_200_u32 {
            join(&mut all, second(&mut world, f64::from(110 + i % 40), f64::INFINITY, 60));
        }
        assert!(all.transitions.is_empty(), "{:?}", all.transitions);
        // The upkeep of longport goes on by the clock.
        assert!(all.decisions.iter().all(|decision| decision.work.word() == Word::ResetPool));
    }
}

#[test]
fn a_leak_climbs_every_tier_and_ends_before_the_limit() {
    let last = ["fatal", "critical", "restart"];
    for (source, last) in SHIPPED.into_iter().zip(last) {
        let mut world = world(source);
        let mut all = Evaluation::default();
        for i in 0..7_200_u32 {
            let open = 85.0 + f64::from(i) * 0.13;
            join(&mut all, second(&mut world, open, (1_024.0 - open) / 0.13, 0));
            if started(&all).iter().any(|(word, _)| *word == Word::Stop) {
                break;
            }
        }
        assert!(tiers(&all).iter().any(|tier| tier == last), "{:?}", tiers(&all));
        let stopped = started(&all).iter().any(|(word, _)| *word == Word::Stop);
        assert_eq!(stopped, last != "critical", "only `default` leaves the bot running");
        if last == "critical" {
            let noticed = |work: &Work| work.word().effect() != Effect::None;
            assert!(all.decisions.iter().all(|decision| !noticed(&decision.work)));
        }
    }
}
