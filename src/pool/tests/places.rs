//! Keys that are places of their own, as the destinations of a forward proxy are.

use std::time::Duration;

use crate::pool::check_out::CheckOut;
use crate::pool::id::{ClientId, Key};
use crate::pool::limits::Limits;
use crate::pool::reason::{CloseReason, ConnectFailure, Farewell, Refusal};
use crate::pool::tests::hands::{HOME, Hands, OTHER, connects, dismissed, refusals};

fn limits() -> Limits {
    Limits { max: 4, per_key: 2, connects: 4, ..Limits::default() }
}

#[test]
fn a_place_that_is_full_does_not_hold_up_those_that_wait_for_another() {
    let mut hands = Hands::of_places(&limits());
    hands.attach(0..5);
    let held = hands.lease(0, HOME);
    hands.lease(1, HOME);
    assert_eq!(hands.check_out(2, HOME), CheckOut::Wait);
    assert_eq!(connects(&hands.orders()), [], "two is all that one place gets");
    hands.lease(3, OTHER);
    assert_eq!(hands.pool.lease(ClientId(2)), None);
    hands.pool.finish(held, CloseReason::SessionOver, hands.now);
    for connection in connects(&hands.orders()) {
        hands.pool.connected(connection, hands.now);
    }
    assert!(hands.pool.lease(ClientId(2)).is_some(), "the oldest waiter has the place that came free");
}

#[test]
fn one_that_is_full_takes_no_connection_from_others() {
    let mut hands = Hands::of_places(&Limits { max: 3, patience: Duration::ZERO, ..limits() });
    hands.attach(0..4);
    hands.lease(0, HOME);
    hands.lease(1, HOME);
    let other = hands.lease(2, OTHER);
    assert_eq!(hands.check_out(3, HOME), CheckOut::Wait);
    hands.now = hands.now + Duration::from_secs(1);
    hands.check_in(other);
    assert_eq!(connects(&hands.orders()), []);
    assert_eq!(hands.check_out(2, OTHER), CheckOut::Lease(other), "it was not closed to make room in vain");
}

#[test]
fn a_place_that_can_not_be_reached_speaks_against_no_other() {
    let mut hands = Hands::of_places(&limits());
    hands.attach(0..3);
    for _ in 0..9 {
        assert_eq!(hands.check_out(0, HOME), CheckOut::Wait);
        for connection in connects(&hands.orders()) {
            hands.fail(connection, ConnectFailure::Unreachable);
        }
        assert_eq!(refusals(&hands.orders()), [(0, Refusal::UpstreamDown)]);
        assert_eq!(
            hands.check_out(0, HOME),
            CheckOut::Refused(Refusal::UpstreamDown),
            "in its pause it is told at once"
        );
        hands.lease(1, OTHER);
        let held = hands.pool.lease(ClientId(1)).unwrap();
        hands.pool.discard(held, CloseReason::UpstreamLost, hands.now);
        hands.pass(Duration::from_secs(15));
    }
    hands.lease(0, HOME);
}

#[test]
fn a_number_is_given_up_once_nobody_wants_it() {
    let mut hands = Hands::of_places(&limits());
    hands.attach(0..2);
    let key = Key(7);
    assert_eq!(hands.check_out(0, key), CheckOut::Wait);
    assert!(!hands.pool.give_up(key), "a client waits for it");
    let connection = connects(&hands.orders())[0];
    hands.pool.connected(connection, hands.now);
    assert!(!hands.pool.give_up(key), "it has a connection");
    hands.pool.finish(connection, CloseReason::SessionOver, hands.now);
    hands.orders();
    assert!(hands.pool.give_up(key));
    assert_eq!(hands.check_out(0, key), CheckOut::Wait);
    let connection = connects(&hands.orders())[0];
    hands.fail(connection, ConnectFailure::Late);
    hands.orders();
    assert!(hands.pool.give_up(key));
    assert_eq!(hands.check_out(1, key), CheckOut::Wait, "what was held against it is forgotten");
}

#[test]
fn the_longest_at_rest_makes_way_where_a_client_waits_for_room_and_nowhere_else() {
    const SPARE: Duration = Duration::from_secs(3);
    let second = Duration::from_secs(1);
    let made = |hands: &mut Hands| {
        hands.pool.make_way(SPARE, hands.now);
        dismissed(&hands.orders())
    };
    // Room is left beside them, and one place of OTHER rests longer than those of HOME: it is no place of theirs.
    let mut hands = Hands::of_places(&Limits { max: 5, ..limits() });
    hands.attach(0..4);
    for (client, place) in [(0, OTHER), (1, HOME), (2, HOME)] {
        hands.lease(client, place);
        hands.pool.lull(ClientId(client), hands.now, hands.now);
        hands.now = hands.now + second;
    }
    hands.now = hands.now + second;
    assert_eq!(made(&mut hands), [], "nobody waits");
    assert_eq!(hands.check_out(3, HOME), CheckOut::Wait);
    assert_eq!(made(&mut hands), [(1, Farewell::Shed)]);
    assert_eq!(made(&mut hands), [], "the other one has rested for two seconds alone");
    // Of a full pool any place will do.
    let mut hands = Hands::of_places(&Limits { max: 2, ..limits() });
    hands.attach(0..3);
    for (client, place) in [(0, OTHER), (1, HOME)] {
        hands.lease(client, place);
        hands.pool.lull(ClientId(client), hands.now, hands.now);
    }
    assert_eq!(hands.check_out(2, HOME), CheckOut::Wait);
    assert_eq!(made(&mut hands), [], "no one has rested for long");
    hands.now = hands.now + SPARE;
    hands.pool.stir(ClientId(0), hands.now);
    assert_eq!(made(&mut hands), [(1, Farewell::Shed)], "one at work is left alone");
}
