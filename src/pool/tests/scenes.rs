//! Leases, waiters and closings, one scene each.

use std::time::Duration;

use super::hands::{HOME, Hands, OTHER, closes, connects, pings, refusals};
use crate::pool::check_out::{CheckOut, Released};
use crate::pool::id::ClientId;
use crate::pool::limits::Limits;
use crate::pool::order::Order;
use crate::pool::reason::{CloseReason, ConnectFailure, Farewell, OpenReason, Refusal};

fn limits(max: u32) -> Limits {
    Limits { max, ..Limits::default() }
}

#[test]
fn the_connection_given_back_last_is_handed_out_first() {
    let mut hands = Hands::new(&limits(3));
    hands.attach(0..3);
    let idle = hands.idle(0..3, HOME);
    assert_eq!(hands.check_out(0, HOME), CheckOut::Lease(idle[2]));
    assert_eq!(hands.check_out(1, HOME), CheckOut::Lease(idle[1]));
}

#[test]
fn a_connection_that_comes_back_goes_to_the_oldest_waiter_in_the_same_call() {
    let mut hands = Hands::new(&limits(1));
    hands.attach(0..4);
    let connection = hands.lease(0, HOME);
    assert_eq!((1..4).map(|client| hands.check_out(client, HOME)).collect::<Vec<_>>(), [CheckOut::Wait; 3]);
    assert_eq!(hands.orders(), [], "it is full: nothing is opened");
    for client in 1..4 {
        assert_eq!(hands.check_in(connection), Released::Serve(ClientId(client)));
    }
    assert_eq!(hands.check_in(connection), Released::Idle);
    assert_eq!(hands.check_in(connection), Released::Stale, "a lease ends once");
    assert_eq!(hands.orders(), [], "who was named by a call is not named by an order");
}

#[test]
fn connects_under_way_are_bounded() {
    let mut hands = Hands::new(&Limits { connects: 2, ..limits(10) });
    hands.attach(0..5);
    (0..5).for_each(|client| assert_eq!(hands.check_out(client, HOME), CheckOut::Wait));
    let first = connects(&hands.orders());
    assert_eq!(first.len(), 2);
    assert_eq!(hands.pool.connected(first[0], hands.now), Released::Serve(ClientId(0)));
    assert_eq!(connects(&hands.orders()).len(), 1, "one is done, one more begins");
}

#[test]
fn no_more_is_opened_than_wait() {
    let mut hands = Hands::new(&limits(10));
    hands.attach(0..2);
    let busy = hands.lease(0, HOME);
    hands.check_out(1, HOME);
    let under_way = connects(&hands.orders());
    assert_eq!(under_way.len(), 1);
    assert_eq!(hands.check_in(busy), Released::Serve(ClientId(1)), "it need not wait for the new one");
    assert_eq!(hands.pool.connected(under_way[0], hands.now), Released::Idle);
}

#[test]
fn a_waiter_is_refused_when_its_time_is_over() {
    let mut hands = Hands::new(&limits(1));
    hands.attach(0..3);
    let connection = hands.lease(0, HOME);
    hands.check_out(1, HOME);
    hands.pass(Duration::from_secs(2));
    hands.check_out(2, HOME);
    assert_eq!(refusals(&hands.pass(Duration::from_secs(3))), [(1, Refusal::WaitOver)]);
    assert_eq!(hands.check_in(connection), Released::Serve(ClientId(2)));
    assert_eq!(hands.check_out(1, HOME), CheckOut::Wait, "it may ask again");
}

#[test]
fn the_queue_is_bounded() {
    let mut hands = Hands::new(&Limits { waiters: 1, ..limits(1) });
    hands.attach(0..3);
    hands.lease(0, HOME);
    assert_eq!(hands.check_out(1, HOME), CheckOut::Wait);
    assert_eq!(hands.check_out(2, HOME), CheckOut::Refused(Refusal::QueueFull));
    assert_eq!(hands.pool.counters().refused(Refusal::QueueFull), 1);
}

#[test]
fn a_waiter_that_leaves_is_passed_over() {
    let mut hands = Hands::new(&limits(1));
    hands.attach(0..3);
    let connection = hands.lease(0, HOME);
    hands.check_out(1, HOME);
    hands.check_out(2, HOME);
    assert_eq!(hands.pool.detach(ClientId(1), Farewell::Lost, hands.now), None);
    assert_eq!(hands.check_in(connection), Released::Serve(ClientId(2)));
}

#[test]
fn a_client_that_leaves_at_work_leaves_its_connection_to_the_loop() {
    let mut hands = Hands::new(&limits(2));
    hands.attach(0..2);
    let (clean, stuck) = (hands.lease(0, HOME), hands.lease(1, HOME));
    assert_eq!(hands.pool.detach(ClientId(0), Farewell::Lost, hands.now), Some(clean));
    assert_eq!(hands.pool.detach(ClientId(1), Farewell::Lost, hands.now), Some(stuck));
    assert_eq!(hands.check_in(clean), Released::Idle);
    let late = closes(&hands.pass(Duration::from_secs(30)));
    assert!(late.contains(&(stuck, CloseReason::CleaningLate)), "{late:?}");
    assert_eq!(hands.pool.counters().units, 0, "no unit of work came to its end");
}

#[test]
fn an_idle_connection_of_another_key_makes_room_longest_idle_first() {
    let mut hands = Hands::new(&limits(2));
    hands.attach(0..3);
    let idle = hands.idle(0..2, HOME);
    assert_eq!(hands.check_out(2, OTHER), CheckOut::Wait);
    let orders = hands.orders();
    assert_eq!(closes(&orders), [(idle[0], CloseReason::MadeRoom)]);
    assert!(matches!(orders[1], Order::Connect { key: OTHER, why: OpenReason::Demand, .. }));
    assert_eq!(hands.pool.connected(connects(&orders)[0], hands.now), Released::Serve(ClientId(2)));
}

#[test]
fn a_busy_key_gives_way_once_the_waiter_of_another_lost_patience() {
    let mut hands = Hands::new(&limits(1));
    hands.attach(0..3);
    let connection = hands.lease(0, HOME);
    hands.check_out(2, OTHER);
    hands.check_out(1, HOME);
    hands.now = hands.now + Duration::from_millis(50);
    assert_eq!(
        hands.check_in(connection),
        Released::Serve(ClientId(1)),
        "within patience it stays in its key"
    );
    hands.check_out(0, HOME);
    hands.now = hands.now + Duration::from_millis(50);
    assert_eq!(hands.check_in(connection), Released::Closed);
    let orders = hands.orders();
    assert_eq!(closes(&orders), [(connection, CloseReason::MadeRoom)]);
    assert!(matches!(orders[1], Order::Connect { key: OTHER, .. }), "{orders:?}");
}

#[test]
fn what_was_idle_for_long_is_asked_before_it_is_handed_out() {
    let mut hands = Hands::new(&Limits { ping_after: Duration::from_secs(30), ..limits(1) });
    hands.attach(0..2);
    let connection = hands.idle(0..1, HOME)[0];
    hands.now = hands.now + Duration::from_secs(31);
    assert_eq!(hands.check_out(0, HOME), CheckOut::Wait);
    assert_eq!(hands.orders(), [Order::Ping { connection }]);
    assert_eq!(hands.pool.pong(connection, hands.now), Released::Serve(ClientId(0)));
    hands.check_in(connection);
    hands.now = hands.now + Duration::from_secs(31);
    hands.check_out(0, HOME);
    hands.orders();
    hands.pool.discard(connection, CloseReason::PingFailed, hands.now);
    assert_eq!(connects(&hands.orders()).len(), 1, "its waiter gets a new one");
}

#[test]
fn when_a_check_fails_the_next_idle_one_is_asked() {
    let mut hands = Hands::new(&limits(2));
    hands.attach(0..2);
    let idle = hands.idle(0..2, HOME);
    hands.now = hands.now + Duration::from_secs(31);
    assert_eq!(hands.check_out(0, HOME), CheckOut::Wait);
    assert_eq!(pings(&hands.orders()), [idle[1]]);
    hands.pool.discard(idle[1], CloseReason::PingFailed, hands.now);
    let orders = hands.orders();
    assert_eq!((pings(&orders), connects(&orders)), (vec![idle[0]], vec![]));
    assert_eq!(hands.pool.pong(idle[0], hands.now), Released::Serve(ClientId(0)));
}

#[test]
fn a_check_does_not_make_it_any_less_idle() {
    let idle = Duration::from_secs(100);
    let mut hands = Hands::new(&Limits { idle, ping_after: Duration::from_secs(30), ..limits(1) });
    hands.attach(0..1);
    let connection = hands.idle(0..1, HOME)[0];
    for _ in 0..3 {
        assert_eq!(pings(&hands.pass(Duration::from_secs(31))), [connection]);
        assert_eq!(hands.pool.pong(connection, hands.now), Released::Idle);
    }
    assert_eq!(closes(&hands.pass(Duration::from_secs(8))), [(connection, CloseReason::IdleOver)]);
}

#[test]
fn an_unanswered_check_ends_it() {
    let mut hands = Hands::new(&limits(1));
    hands.attach(0..1);
    let connection = hands.idle(0..1, HOME)[0];
    let orders = hands.pass(Duration::from_secs(33));
    assert_eq!(closes(&orders), [(connection, CloseReason::PingLate)]);
}

#[test]
fn a_connect_takes_no_longer_than_allowed() {
    let mut hands = Hands::new(&limits(1));
    hands.attach(0..1);
    hands.check_out(0, HOME);
    let connection = connects(&hands.orders())[0];
    let orders = hands.pass(Duration::from_secs(5));
    assert_eq!(closes(&orders), [(connection, CloseReason::ConnectLate)]);
    assert_eq!(hands.pool.connected(connection, hands.now), Released::Stale, "news that comes too late");
    assert_eq!(hands.pool.counters().failures(ConnectFailure::Late), 1);
}

#[test]
fn lifetime_and_uses_end_a_connection_when_it_comes_back() {
    let mut hands = Hands::new(&Limits { uses: 2, ..limits(1) });
    hands.attach(0..1);
    let connection = hands.lease(0, HOME);
    hands.check_in(connection);
    assert_eq!(hands.lease(0, HOME), connection);
    assert_eq!(hands.check_in(connection), Released::Closed);
    assert_eq!(closes(&hands.orders()), [(connection, CloseReason::UsesOver)]);
    let connection = hands.lease(0, HOME);
    hands.pass(Duration::from_hours(1));
    assert_eq!(hands.check_in(connection), Released::Closed);
    assert_eq!(closes(&hands.orders()), [(connection, CloseReason::LifetimeOver)]);
}

#[test]
fn some_are_kept_warm() {
    let mut hands = Hands::new(&Limits { min: 2, idle: Duration::from_secs(10), ..limits(5) });
    let warm = connects(&hands.tick());
    assert_eq!(warm.len(), 2);
    assert_eq!(connects(&hands.tick()), [], "two are on their way");
    for connection in warm {
        assert_eq!(hands.pool.connected(connection, hands.now), Released::Idle);
    }
    assert_eq!(closes(&hands.pass(Duration::from_secs(20))), [], "their idle time does not end");
}

#[test]
fn a_client_that_is_not_at_rest_is_out_of_turn() {
    let mut hands = Hands::new(&limits(1));
    hands.attach(0..2);
    let out = CheckOut::Refused(Refusal::OutOfTurn);
    hands.lease(0, HOME);
    assert_eq!(hands.check_out(0, HOME), out);
    hands.check_out(1, HOME);
    assert_eq!(hands.check_out(1, HOME), out);
    assert_eq!(hands.check_out(7, HOME), out);
}
