//! The client side, and fairness between keys, one scene each.

use std::time::Duration;

use super::hands::{HOME, Hands, OTHER, connects, dismissed};
use crate::model::action::ResetHow;
use crate::model::clock::Timestamp;
use crate::pool::check_out::{CheckOut, Released};
use crate::pool::gate::Supply;
use crate::pool::id::{ClientId, ConnectionId};
use crate::pool::limits::{ClientLimits, Limits};
use crate::pool::reason::{CloseReason, Farewell, Refusal};
use crate::pool::reset::{Reset, ResetCause, Scope};
use crate::pool::snapshot::ClientActivity;

fn hands(idle: Duration) -> Hands {
    let clients = ClientLimits { max: 10, reserve: 2, scarce: 0, idle };
    Hands::new(&Limits { max: 2, clients, ..Limits::default() })
}

#[test]
fn clients_are_bounded_and_the_gate_keeps_a_reserve() {
    let mut hands = hands(Duration::MAX);
    hands.pool.set_supply(Supply::Scarce);
    hands.attach(0..2);
    assert_eq!(hands.pool.attach(ClientId(2), hands.now), Err(Refusal::Scarce));
    hands.pool.set_supply(Supply::Plenty);
    hands.attach(2..10);
    assert_eq!(hands.pool.attach(ClientId(10), hands.now), Err(Refusal::ClientsFull));
    assert_eq!(hands.pool.counters().refused(Refusal::ClientsFull), 1);
    hands.pool.detach(ClientId(4), Farewell::Left, hands.now);
    assert_eq!(hands.pool.attach(ClientId(10), hands.now), Ok(()));
}

#[test]
fn a_client_without_work_is_let_go_and_one_that_works_is_not() {
    let mut hands = hands(Duration::from_secs(20));
    hands.attach(0..3);
    let busy = hands.lease(0, HOME);
    hands.pass(Duration::from_secs(10));
    let other = hands.lease(1, HOME);
    hands.check_in(other);
    assert_eq!(hands.pool.snapshot(hands.now).client_oldest_idle, Duration::from_secs(10));
    assert_eq!(dismissed(&hands.pass(Duration::from_secs(10))), [(2, Farewell::IdleOver)]);
    assert_eq!(dismissed(&hands.pass(Duration::from_secs(10))), [(1, Farewell::IdleOver)]);
    hands.check_in(busy);
    assert_eq!(dismissed(&hands.pass(Duration::from_secs(19))), []);
}

#[test]
fn a_client_that_keeps_its_connection_still_looks_idle_between_units_of_work() {
    let mut hands = hands(Duration::from_secs(20));
    hands.attach(0..1);
    let connection = hands.lease(0, HOME);
    hands.pool.rest(ClientId(0), hands.now);
    hands.pass(Duration::from_secs(19));
    hands.pool.stir(ClientId(0), hands.now);
    hands.pool.rest(ClientId(0), hands.now);
    assert_eq!(dismissed(&hands.pass(Duration::from_secs(19))), []);
    assert_eq!(dismissed(&hands.pass(Duration::from_secs(1))), [(0, Farewell::IdleOver)]);
    assert_eq!(hands.pool.detach(ClientId(0), Farewell::Left, hands.now), Some(connection));
    assert_eq!(hands.check_in(connection), Released::Idle);
    assert_eq!(hands.pool.counters().units, 2);
}

#[test]
fn a_stream_rests_with_its_connection_and_is_spent_with_it() {
    let mut hands = hands(Duration::from_secs(20));
    hands.attach(0..2);
    let (first, second) = (hands.lease(0, HOME), hands.lease(1, HOME));
    let quiet = hands.now;
    hands.pass(Duration::from_secs(5));
    hands.pool.lull(ClientId(0), quiet, hands.now);
    assert_eq!(hands.pool.snapshot(hands.now).client_oldest_idle, Duration::from_secs(5));
    assert_eq!(dismissed(&hands.pass(Duration::from_secs(14))), []);
    assert_eq!(dismissed(&hands.pass(Duration::from_secs(1))), [(0, Farewell::IdleOver)]);
    assert_eq!(hands.pool.detach(ClientId(0), Farewell::IdleOver, hands.now), Some(first));
    hands.pool.spend(first, CloseReason::IdleOver, hands.now);
    hands.pool.spend(second, CloseReason::SessionOver, hands.now);
    assert_eq!((hands.pool.counters().units, hands.pool.is_still()), (2, true));
}

#[test]
fn a_reset_takes_streams_at_rest_and_the_others_when_they_rest() {
    let mut hands = hands(Duration::MAX);
    hands.attach(0..2);
    let (first, second) = (hands.lease(0, HOME), hands.lease(1, HOME));
    let quiet_since = hands.now;
    hands.pool.lull(ClientId(0), quiet_since, hands.now);
    let reset = |how| Reset { how, share: 1.0, scope: Scope::All, cause: ResetCause::Asked };
    assert_eq!(
        hands.pool.reset(reset(ResetHow::Idle), hands.now),
        0,
        "a breath between two requests is no rest"
    );
    hands.now = hands.now + Duration::from_secs(1);
    assert_eq!(hands.pool.reset(reset(ResetHow::Idle), hands.now), 1);
    assert_eq!(hands.pool.lease(ClientId(0)), None, "{first:?} is closed");
    assert_eq!(hands.pool.reset(reset(ResetHow::Drain), hands.now), 1);
    assert_eq!(hands.pool.lease(ClientId(1)), Some(second), "it is at work");
    hands.pool.lull(ClientId(1), hands.now, hands.now);
    assert!(hands.pool.is_still());
    assert_eq!(hands.pool.counters().closed(CloseReason::Reset), 2);
}

#[test]
fn a_client_that_was_told_to_go_is_leaving_until_it_goes() {
    let mut hands = hands(Duration::MAX);
    hands.attach(0..2);
    assert!(hands.pool.dismiss(ClientId(0), Farewell::Killed, hands.now));
    assert_eq!(dismissed(&hands.orders()), [(0, Farewell::Killed)]);
    let seen = hands.pool.snapshot(hands.now);
    assert_eq!((seen.clients, seen.clients_leaving), (1, 1));
    assert!(matches!(hands.pool.client(ClientId(0), hands.now), Some(ClientActivity::Leaving(_))));
    hands.pool.detach(ClientId(0), Farewell::Lost, hands.now);
    assert_eq!(hands.pool.snapshot(hands.now).clients_leaving, 0);
    assert_eq!(hands.pool.counters().farewells(Farewell::Lost), 0, "it was killed, and is counted so");
}

#[test]
fn an_order_to_a_client_that_left_meanwhile_is_dropped() {
    let mut hands = hands(Duration::MAX);
    hands.attach(0..1);
    hands.pool.dismiss(ClientId(0), Farewell::Killed, hands.now);
    hands.pool.detach(ClientId(0), Farewell::Left, hands.now);
    hands.attach(0..1);
    assert_eq!(hands.orders(), [], "its number has another owner");
}

fn idles(activity: ClientActivity) -> bool {
    matches!(activity, ClientActivity::Idle(_))
}

/// Eight clients of one key that always want work, one of another that wants some now and then.
#[test]
fn a_quiet_key_is_not_starved_by_a_busy_one() {
    const WORK: Duration = Duration::from_millis(20);
    let mut hands = Hands::new(&Limits { max: 2, ..Limits::default() });
    hands.attach(0..9);
    let mut busy: Vec<(ConnectionId, Timestamp)> = Vec::new();
    let (mut longest, mut rounds, mut asked) = (Duration::ZERO, 0, None);
    for _ in 0..4_000 {
        hands.now = hands.now + Duration::from_millis(5);
        let done: Vec<_> = busy.extract_if(.., |(_, since)| hands.now.since(*since) >= WORK).collect();
        for (connection, _) in done {
            if let Released::Serve(_) = hands.check_in(connection) {
                busy.push((connection, hands.now));
            }
        }
        for client in 0..9 {
            let key = if client == 8 { OTHER } else { HOME };
            if hands.pool.client(ClientId(client), hands.now).is_some_and(idles)
                && let CheckOut::Lease(connection) = hands.check_out(client, key)
            {
                busy.push((connection, hands.now));
            }
        }
        for connection in connects(&hands.orders()) {
            if let Released::Serve(_) = hands.pool.connected(connection, hands.now) {
                busy.push((connection, hands.now));
            }
        }
        match (hands.pool.client(ClientId(8), hands.now), asked) {
            (Some(ClientActivity::Waiting(span)), _) => (longest, asked) = (longest.max(span), Some(span)),
            (_, Some(_)) => (rounds, asked) = (rounds + 1, None),
            (_, None) => {}
        }
    }
    assert!(rounds > 50, "it was served {rounds} times in 20 s");
    let bound = hands.pool.limits().patience + WORK + Duration::from_millis(10);
    assert!(longest <= bound, "{longest:?} is more than {bound:?}");
}
