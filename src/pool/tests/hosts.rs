//! Several upstreams, hosts that are down, names that move, one scene each.

use std::net::SocketAddr;
use std::time::Duration;

use super::hands::{HOME, Hands, OTHER, closes, connects, refusals, targets};
use crate::model::action::ResetHow;
use crate::pool::address::Lookup;
use crate::pool::breaker::BreakerState;
use crate::pool::check_out::{CheckOut, Released};
use crate::pool::id::{ClientId, ConnectionId, UpstreamId};
use crate::pool::limits::Limits;
use crate::pool::order::Order;
use crate::pool::reason::{CloseReason, ConnectFailure, OpenReason, Refusal};
use crate::pool::reset::{Reset, ResetCause, Scope};
use crate::pool::state::{Pool, Settings};
use crate::pool::upstream::{Balance, Blame, UpstreamSettings};

const FIRST: UpstreamId = UpstreamId(0);
const SECOND: UpstreamId = UpstreamId(1);

fn pair(balance: Balance, max: u32) -> Hands {
    let ping_after = Duration::from_hours(1);
    Hands::with(&Limits { max, ping_after, ..Limits::default() }, 2, balance)
}

/// Fails every connect to an upstream until it counts as down; the connects elsewhere.
fn bring_down(hands: &mut Hands, upstream: UpstreamId) -> Vec<ConnectionId> {
    let mut elsewhere = Vec::new();
    let mut orders = hands.orders();
    for _ in 0..40 {
        if hands.pool.upstream(upstream).breaker != BreakerState::Closed {
            break;
        }
        for (connection, target) in connects(&orders).into_iter().zip(targets(&orders)) {
            if target == upstream {
                hands.fail(connection, ConnectFailure::Late);
            } else {
                elsewhere.push(connection);
            }
        }
        orders = hands.orders();
        orders.extend(hands.pass(Duration::from_millis(250)));
    }
    elsewhere.extend(connects(&orders));
    elsewhere
}

/// Passes time until a trial begins.
fn trial(hands: &mut Hands) -> (ConnectionId, UpstreamId) {
    for _ in 0..400 {
        for order in hands.pass(Duration::from_millis(250)) {
            if let Order::Connect { connection, upstream, why: OpenReason::Probe, .. } = order {
                return (connection, upstream);
            }
        }
    }
    panic!("no trial was begun");
}

#[test]
fn connections_spread_to_the_upstream_with_the_fewest() {
    let mut hands = pair(Balance::Equal, 4);
    hands.attach(0..4);
    (0..4).for_each(|client| assert_eq!(hands.check_out(client, HOME), CheckOut::Wait));
    assert_eq!(targets(&hands.orders()), [FIRST, SECOND, FIRST, SECOND]);
}

#[test]
fn work_goes_to_the_upstream_with_the_least() {
    let mut hands = pair(Balance::Equal, 4);
    hands.attach(0..4);
    hands.idle(0..4, HOME);
    let used: Vec<_> = (0..4).map(|client| hands.lease(client, HOME)).collect();
    let upstream = |id: &ConnectionId| {
        hands.pool.connections(hands.now).find(|seen| seen.connection == *id).unwrap().upstream
    };
    assert_ne!(upstream(&used[0]), upstream(&used[1]));
    assert_ne!(upstream(&used[2]), upstream(&used[3]));
}

#[test]
fn the_second_takes_over_while_the_first_is_down_and_gives_back_little_by_little() {
    let mut hands = pair(Balance::Priority, 4);
    hands.attach(0..3);
    (0..3).for_each(|client| assert_eq!(hands.check_out(client, HOME), CheckOut::Wait));
    let second = bring_down(&mut hands, FIRST);
    assert_eq!(second.len(), 3);
    for connection in &second {
        assert!(matches!(hands.pool.connected(*connection, hands.now), Released::Serve(_)));
    }
    second.iter().for_each(|connection| assert_eq!(hands.check_in(*connection), Released::Idle));
    assert_eq!(hands.pool.snapshot(hands.now).breaker, BreakerState::Closed, "one of them is up");
    let (connection, upstream) = trial(&mut hands);
    assert_eq!(upstream, FIRST);
    hands.pool.connected(connection, hands.now);
    assert_eq!(hands.pool.upstream(FIRST).breaker, BreakerState::Closed);
    assert_eq!(closes(&hands.pass(Duration::from_secs(20))), [], "it must prove itself first");
    let mut gone = Vec::new();
    for _ in 0..80 {
        let closed = closes(&hands.pass(Duration::from_millis(250)));
        let back: Vec<_> = closed.into_iter().filter(|(_, why)| *why == CloseReason::Failback).collect();
        assert!(back.len() <= 1, "one at a time: {back:?}");
        gone.extend(back);
    }
    assert_eq!(gone.len(), 3);
}

#[test]
fn a_host_that_does_not_answer_is_left_at_once_where_there_is_another() {
    let mut hands = pair(Balance::Priority, 2);
    hands.attach(0..1);
    hands.check_out(0, HOME);
    let attempt = connects(&hands.orders())[0];
    hands.fail(attempt, ConnectFailure::Late);
    assert_eq!(targets(&hands.orders()), [SECOND]);
}

#[test]
fn when_the_last_one_goes_the_other_is_tried_soon_however_long_it_was_down() {
    let mut hands = pair(Balance::Priority, 2);
    hands.attach(0..1);
    hands.check_out(0, HOME);
    let second = bring_down(&mut hands, FIRST);
    hands.pool.connected(second[0], hands.now);
    hands.check_in(second[0]);
    for _ in 0..8 {
        let (connection, upstream) = trial(&mut hands);
        assert_eq!(upstream, FIRST);
        hands.fail(connection, ConnectFailure::Late);
    }
    hands.pool.reset(
        Reset { how: ResetHow::Hard, share: 1.0, scope: Scope::All, cause: ResetCause::Asked },
        hands.now,
    );
    hands.check_out(0, HOME);
    let attempt = connects(&hands.orders())[0];
    hands.fail(attempt, ConnectFailure::Late);
    let begun = hands.now;
    let mut tried = vec![trial(&mut hands).1];
    if tried == [SECOND] {
        tried.push(trial(&mut hands).1);
    }
    assert!(tried.contains(&FIRST), "it was down before: {tried:?}");
    let pause = Limits::default().retry.first + Duration::from_millis(500);
    assert!(hands.now.since(begun) <= pause, "{:?}", hands.now.since(begun));
}

#[test]
fn a_host_that_comes_back_after_long_is_found_at_once_though_nobody_waits_for_it() {
    let mut hands = Hands::new(&Limits { max: 1, ..Limits::default() });
    hands.attach(0..1);
    hands.check_out(0, HOME);
    bring_down(&mut hands, FIRST);
    for _ in 0..20 {
        let (connection, _) = trial(&mut hands);
        hands.fail(connection, ConnectFailure::Unreachable);
    }
    hands.orders();
    let begun = hands.now;
    assert_eq!(hands.check_out(0, HOME), CheckOut::Refused(Refusal::UpstreamDown));
    let (connection, _) = trial(&mut hands);
    assert!(hands.now.since(begun) <= Duration::from_millis(750), "{:?}", hands.now.since(begun));
    hands.pool.connected(connection, hands.now);
    assert!(matches!(hands.check_out(0, HOME), CheckOut::Lease(_)));
}

#[test]
fn a_host_that_failed_once_or_twice_is_tried_again_however_short_clients_wait() {
    let mut hands = Hands::new(&Limits { max: 1, wait: Duration::from_millis(200), ..Limits::default() });
    hands.attach(0..2);
    for failures in 1..super::super::upstreams::DOWN_AFTER {
        hands.pass(Duration::from_secs(20));
        assert_eq!(hands.check_out(0, HOME), CheckOut::Wait, "after {failures} less one");
        let orders = hands.orders();
        hands.fail(connects(&orders)[0], ConnectFailure::Unreachable);
        hands.pass(Duration::from_millis(500));
        assert!(hands.pool.upstream(FIRST).breaker == BreakerState::Closed);
        let _told = hands.orders();
    }
    hands.pass(Duration::from_secs(20));
    assert_eq!(hands.check_out(1, HOME), CheckOut::Wait);
    let orders = hands.orders();
    assert_eq!(hands.pool.connected(connects(&orders)[0], hands.now), Released::Serve(ClientId(1)));
}

#[test]
fn a_single_host_that_restarts_is_waited_for_though_work_that_fails_is_given_long_rest() {
    let mut limits = Limits { max: 1, ..Limits::default() };
    limits.trip.pause.first = Duration::from_secs(10);
    let mut hands = Hands::new(&limits);
    hands.attach(0..1);
    assert_eq!(hands.check_out(0, HOME), CheckOut::Wait);
    let begun = hands.now;
    let mut orders = hands.orders();
    while hands.now.since(begun) < Duration::from_secs(3) {
        for connection in connects(&orders) {
            hands.fail(connection, ConnectFailure::Unreachable);
        }
        orders = hands.orders();
        orders.extend(hands.pass(Duration::from_millis(250)));
        assert_eq!(refusals(&orders), []);
    }
    while connects(&orders).is_empty() {
        orders = hands.pass(Duration::from_millis(250));
    }
    assert!(hands.now.since(begun) < Duration::from_millis(4_500), "{:?}", hands.now.since(begun));
    assert_eq!(hands.pool.connected(connects(&orders)[0], hands.now), Released::Serve(ClientId(0)));
}

#[test]
fn an_upstream_that_came_back_is_eased_in() {
    let mut hands = pair(Balance::Equal, 8);
    hands.attach(0..8);
    (0..2).for_each(|client| assert_eq!(hands.check_out(client, HOME), CheckOut::Wait));
    for connection in bring_down(&mut hands, FIRST) {
        hands.pool.connected(connection, hands.now);
    }
    let (connection, _) = trial(&mut hands);
    hands.pool.connected(connection, hands.now);
    (3..8).for_each(|client| {
        hands.check_out(client, HOME);
    });
    let opened = targets(&hands.orders());
    assert!(opened.iter().all(|upstream| *upstream == SECOND), "{opened:?}");
}

#[test]
fn short_trouble_is_waited_out_long_trouble_is_told_at_once() {
    let mut hands = Hands::new(&Limits { max: 1, ..Limits::default() });
    hands.attach(0..2);
    hands.check_out(0, HOME);
    let begun = hands.now;
    let mut refused = Vec::new();
    let mut orders = hands.orders();
    while hands.now.since(begun) < Duration::from_secs(60) {
        for connection in connects(&orders) {
            hands.fail(connection, ConnectFailure::Unreachable);
        }
        orders = hands.orders();
        orders.extend(hands.pass(Duration::from_millis(250)));
        refused.extend(refusals(&orders));
        if refused.len() == 1 && refused[0].0 == 0 {
            // It asks again and again, as bots do.
            match hands.check_out(0, HOME) {
                CheckOut::Wait => refused.clear(),
                CheckOut::Refused(refusal) => {
                    assert_eq!(refusal, Refusal::UpstreamDown);
                    assert!(
                        hands.now.since(begun) >= Duration::from_secs(4),
                        "not while it may soon be back"
                    );
                    return;
                }
                CheckOut::Lease(_) => panic!("there is none"),
            }
        }
    }
    panic!("it always had to wait, for a minute");
}

#[test]
fn connections_to_a_host_that_takes_no_new_ones_are_asked_before_use() {
    let mut hands = Hands::new(&Limits { max: 4, ..Limits::default() });
    hands.attach(0..2);
    let old = hands.idle(0..1, HOME)[0];
    hands.check_out(1, OTHER);
    bring_down(&mut hands, FIRST);
    assert_eq!(hands.pool.counters().pings, 1, "it is in doubt");
    assert_eq!(hands.check_out(0, HOME), CheckOut::Wait);
    assert_eq!(hands.pool.pong(old, hands.now), Released::Serve(ClientId(0)));
}

#[test]
fn units_of_work_that_fail_too_often_bring_an_upstream_down() {
    let mut hands = pair(Balance::Priority, 40);
    hands.attach(0..40);
    let all: Vec<_> = (0..40).map(|client| hands.lease(client, HOME)).collect();
    for connection in &all[..20] {
        hands.pool.discard(*connection, CloseReason::CommandLate, hands.now);
    }
    assert_eq!(hands.pool.upstream(FIRST).breaker, BreakerState::Open);
    hands.orders();
    assert_eq!(hands.check_in(all[30]), Released::Closed, "what is left of it is not used again");
    assert_eq!(closes(&hands.orders()), [(all[30], CloseReason::Failover)]);
    hands.check_out(0, HOME);
    assert_eq!(targets(&hands.orders()), [SECOND]);
}

#[test]
fn what_serves_for_good_outlives_the_failures_of_others() {
    let mut hands = pair(Balance::Priority, 40);
    hands.attach(0..40);
    let all: Vec<_> = (0..40).map(|client| hands.lease(client, HOME)).collect();
    for connection in &all[..8] {
        hands.pool.settle(*connection, hands.now);
    }
    // What opens counts for it: as many failures again are needed.
    for connection in &all[8..20] {
        hands.pool.discard(*connection, CloseReason::RequestRefused, hands.now);
    }
    assert_eq!(hands.pool.upstream(FIRST).breaker, BreakerState::Closed, "refusals are answers");
    for connection in &all[20..40] {
        hands.pool.discard(*connection, CloseReason::ConnectProtocol, hands.now);
    }
    assert_eq!(hands.pool.upstream(FIRST).breaker, BreakerState::Open);
    hands.orders();
    let closed = closes(&hands.pass(Duration::from_secs(60)));
    assert!(closed.iter().all(|(connection, _)| !all[..8].contains(connection)), "{closed:?}");
    assert!(
        hands.pool.connections(hands.now).filter(|seen| all[..8].contains(&seen.connection)).count() == 8
    );
}

#[test]
fn a_trial_that_is_swept_away_by_a_reset_says_nothing() {
    let mut hands = pair(Balance::Priority, 2);
    hands.attach(0..1);
    hands.check_out(0, HOME);
    bring_down(&mut hands, FIRST);
    let (_, upstream) = trial(&mut hands);
    hands.pool.kill(hands.now);
    hands.orders();
    assert_eq!(hands.pool.upstream(upstream).breaker, BreakerState::Open);
    hands.pool.resume(hands.now);
    assert_eq!(trial(&mut hands).1, upstream);
}

#[test]
fn names_are_looked_up_first_and_connections_follow_them() {
    let address = |last: u8| SocketAddr::from(([10, 0, 0, last], 5_432));
    let upstreams = vec![UpstreamSettings { lookup: Lookup::Every(Duration::from_secs(60)) }];
    let mut hands = Hands::new(&Limits::default());
    let settings =
        Settings { limits: Limits::default(), upstreams, balance: Balance::Priority, blame: Blame::Upstream };
    hands.pool = Pool::new(&settings, 3, hands.now);
    hands.attach(0..1);
    hands.check_out(0, HOME);
    assert_eq!(hands.orders(), [], "nobody knows where to");
    assert_eq!(hands.tick(), [Order::Resolve { upstream: FIRST }]);
    hands.pool.resolved(FIRST, &[address(1)], hands.now);
    let orders = hands.orders();
    assert!(matches!(orders[0], Order::Connect { address: Some(to), .. } if to == address(1)));
    let connection = connects(&orders)[0];
    hands.pool.connected(connection, hands.now);
    hands.check_in(connection);
    for _ in 0..2 {
        hands.pool.resolved(FIRST, &[address(2)], hands.now);
        assert_eq!(hands.orders(), []);
    }
    hands.pool.resolved(FIRST, &[address(2)], hands.now);
    assert_eq!(closes(&hands.orders()), [(connection, CloseReason::AddressGone)]);
}

#[test]
fn too_few_descriptors_of_our_own_are_no_fault_of_the_upstream() {
    let mut hands = Hands::new(&Limits::default());
    hands.attach(0..1);
    hands.check_out(0, HOME);
    for _ in 0..5 {
        let orders = hands.orders();
        connects(&orders).into_iter().for_each(|one| hands.fail(one, ConnectFailure::NoDescriptors));
        hands.pass(Duration::from_millis(250));
    }
    assert_eq!(hands.pool.upstream(FIRST).breaker, BreakerState::Closed);
}
