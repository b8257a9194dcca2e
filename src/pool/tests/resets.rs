//! Resets, pauses, ends and changed limits, one scene each.

use std::time::Duration;

use super::hands::{HOME, Hands, OTHER, closes, connects, refusals};
use crate::model::action::ResetHow;
use crate::pool::check_out::{CheckOut, Released};
use crate::pool::id::ClientId;
use crate::pool::limits::Limits;
use crate::pool::order::Order;
use crate::pool::reason::{CloseReason, ConnectFailure, Farewell, Refusal};
use crate::pool::reset::{Reset, ResetCause, Scope};

const DRAIN: Reset = Reset { how: ResetHow::Drain, share: 1.0, scope: Scope::All, cause: ResetCause::Asked };

fn hands(max: u32) -> Hands {
    Hands::new(&Limits { max, drain: Duration::from_secs(3), ..Limits::default() })
}

#[test]
fn a_drain_closes_idle_ones_now_and_busy_ones_when_they_come_back() {
    let mut hands = hands(3);
    hands.attach(0..3);
    let all = hands.idle(0..3, HOME);
    let busy = hands.lease(0, HOME);
    assert_eq!(hands.pool.reset(DRAIN, hands.now), 3);
    let closed = closes(&hands.orders());
    assert_eq!(closed, [(all[0], CloseReason::Reset), (all[1], CloseReason::Reset)]);
    assert_eq!(hands.check_in(busy), Released::Closed);
    assert_eq!(closes(&hands.orders()), [(busy, CloseReason::Reset)]);
}

#[test]
fn what_does_not_come_back_in_time_is_closed_by_force() {
    let mut hands = hands(1);
    hands.attach(0..1);
    let busy = hands.lease(0, HOME);
    hands.pool.reset(DRAIN, hands.now);
    assert_eq!(closes(&hands.pass(Duration::from_secs(2))), []);
    hands.pool.reset(DRAIN, hands.now);
    let forced = closes(&hands.pass(Duration::from_secs(1)));
    assert_eq!(forced, [(busy, CloseReason::ResetForced)], "a second reset gives no more time");
    assert_eq!(hands.check_in(busy), Released::Stale);
    assert_eq!(hands.check_out(0, HOME), CheckOut::Wait, "its client may begin anew");
}

#[test]
fn a_reset_of_idle_ones_leaves_busy_ones_alone() {
    let mut hands = hands(2);
    hands.attach(0..2);
    let all = hands.idle(0..2, HOME);
    let busy = hands.lease(0, HOME);
    hands.pool.reset(Reset { how: ResetHow::Idle, ..DRAIN }, hands.now);
    assert_eq!(closes(&hands.orders()), [(all[0], CloseReason::Reset)]);
    assert_eq!(hands.check_in(busy), Released::Idle);
}

#[test]
fn a_hard_reset_closes_all_now() {
    let mut hands = hands(2);
    hands.attach(0..3);
    let (first, second) = (hands.lease(0, HOME), hands.lease(1, HOME));
    hands.check_out(2, HOME);
    hands.pool.reset(Reset { how: ResetHow::Hard, ..DRAIN }, hands.now);
    let orders = hands.orders();
    assert_eq!(closes(&orders), [(first, CloseReason::Reset), (second, CloseReason::Reset)]);
    assert_eq!(connects(&orders).len(), 1, "who waits is given a new one");
}

#[test]
fn a_share_takes_the_oldest() {
    let mut hands = hands(4);
    hands.attach(0..4);
    let all: Vec<_> = (0..4)
        .map(|client| {
            hands.now = hands.now + Duration::from_secs(1);
            hands.lease(client, HOME)
        })
        .collect();
    all.iter().rev().for_each(|connection| assert_eq!(hands.check_in(*connection), Released::Idle));
    assert_eq!(hands.pool.reset(Reset { share: 0.3, ..DRAIN }, hands.now), 2);
    let closed: Vec<_> = closes(&hands.orders()).into_iter().map(|(connection, _)| connection).collect();
    assert_eq!(closed, all[..2], "by age, not by idle time");
}

#[test]
fn new_credentials_replace_what_was_opened_with_the_old() {
    let mut hands = hands(2);
    hands.attach(0..2);
    let (old, other) = (hands.lease(0, OTHER), hands.lease(1, HOME));
    let scope = Scope::Key(OTHER);
    hands.pool.reset(Reset { scope, cause: ResetCause::Credentials, ..DRAIN }, hands.now);
    assert_eq!(hands.check_in(old), Released::Closed);
    assert_eq!(hands.check_in(other), Released::Idle);
    assert_eq!(closes(&hands.orders()), [(old, CloseReason::Credentials)]);
}

#[test]
fn a_refused_login_refuses_its_key_until_its_pause_is_over_or_the_credentials_change() {
    let mut hands = hands(2);
    hands.attach(0..2);
    hands.check_out(0, OTHER);
    let attempt = connects(&hands.orders())[0];
    hands.fail(attempt, ConnectFailure::Login);
    assert_eq!(refusals(&hands.orders()), [(0, Refusal::LoginRefused)]);
    assert_eq!(hands.check_out(0, OTHER), CheckOut::Refused(Refusal::LoginRefused));
    assert_eq!(hands.check_out(1, HOME), CheckOut::Wait, "other keys go on");
    let scope = Scope::Key(OTHER);
    hands.pool.reset(Reset { scope, cause: ResetCause::Credentials, ..DRAIN }, hands.now);
    assert_eq!(hands.check_out(0, OTHER), CheckOut::Wait);
}

#[test]
fn a_pause_holds_clients_without_using_up_their_wait() {
    let mut hands = hands(1);
    hands.attach(0..3);
    let busy = hands.lease(0, HOME);
    hands.check_out(1, HOME);
    hands.pass(Duration::from_secs(2));
    hands.pool.pause(hands.now);
    assert_eq!(hands.check_in(busy), Released::Closed);
    assert!(hands.pool.is_still());
    assert_eq!(hands.check_out(2, HOME), CheckOut::Wait);
    let quiet = hands.pass(Duration::from_secs(60));
    assert_eq!((connects(&quiet), refusals(&quiet)), (vec![], vec![]));
    hands.pool.resume(hands.now);
    let opened = connects(&hands.orders());
    assert_eq!(opened.len(), 1);
    assert_eq!(hands.pool.connected(opened[0], hands.now), Released::Serve(ClientId(1)));
    let refused = refusals(&hands.pass(Duration::from_millis(4_750)));
    assert_eq!(refused, [], "its wait began when the pause ended");
    assert_eq!(refusals(&hands.pass(Duration::from_millis(250))), [(2, Refusal::WaitOver)]);
}

#[test]
fn a_pause_and_a_reconnect_wait_for_as_long_as_work_takes() {
    let mut hands = hands(2);
    hands.attach(0..2);
    let (paused, again) = (hands.lease(0, HOME), hands.lease(1, HOME));
    hands.pool.reconnect(hands.now);
    hands.pool.pause(hands.now);
    assert_eq!(closes(&hands.pass(Duration::from_mins(5))), []);
    assert_eq!(hands.check_in(paused), Released::Closed);
    hands.pool.reset(DRAIN, hands.now);
    let forced = closes(&hands.pass(Duration::from_secs(3)));
    assert!(forced.contains(&(again, CloseReason::ResetForced)), "a reset is more urgent: {forced:?}");
}

#[test]
fn a_disabled_pool_refuses_and_lets_what_is_at_work_end() {
    let mut hands = hands(1);
    hands.attach(0..2);
    let busy = hands.lease(0, HOME);
    hands.check_out(1, HOME);
    hands.pool.disable(hands.now);
    assert_eq!(refusals(&hands.orders()), [(1, Refusal::Disabled)]);
    assert_eq!(hands.check_out(1, HOME), CheckOut::Refused(Refusal::Disabled));
    assert_eq!(hands.pool.attach(ClientId(5), hands.now), Err(Refusal::Disabled));
    assert_eq!(hands.check_in(busy), Released::Idle);
    hands.pool.resume(hands.now);
    assert_eq!(hands.check_out(1, HOME), CheckOut::Lease(busy));
}

#[test]
fn shutting_down_waits_for_work_up_to_the_deadline() {
    let mut hands = hands(3);
    hands.attach(0..4);
    let (quick, slow) = (hands.lease(0, HOME), hands.lease(1, HOME));
    hands.pool.shut_down(hands.now + Duration::from_secs(5), hands.now);
    let gone = |client, farewell| Order::Dismiss { client: ClientId(client), farewell };
    assert_eq!(hands.orders(), [gone(2, Farewell::Shutdown), gone(3, Farewell::Shutdown)]);
    assert_eq!(hands.check_in(quick), Released::Closed);
    let orders = hands.tick();
    assert_eq!(
        orders,
        [Order::Close { connection: quick, reason: CloseReason::Shutdown }, gone(0, Farewell::Shutdown),]
    );
    let last = hands.pass(Duration::from_secs(5));
    assert_eq!(closes(&last), [(slow, CloseReason::Shutdown)]);
    (0..4).for_each(|client| {
        hands.pool.detach(ClientId(client), Farewell::Shutdown, hands.now);
    });
    assert!(hands.pool.is_over());
    assert_eq!(hands.pool.counters().farewells(Farewell::Shutdown), 4, "each is counted once");
}

#[test]
fn a_kill_ends_everything_at_once_and_pauses() {
    let mut hands = hands(1);
    hands.attach(0..2);
    let busy = hands.lease(0, HOME);
    hands.check_out(1, HOME);
    hands.pool.kill(hands.now);
    let orders = hands.orders();
    assert_eq!(closes(&orders), [(busy, CloseReason::Killed)]);
    let dismissed = orders.iter().filter(|order| matches!(order, Order::Dismiss { .. })).count();
    assert_eq!(dismissed, 2);
}

#[test]
fn lower_limits_close_what_does_not_fit_and_nothing_else() {
    let mut hands = hands(4);
    hands.attach(0..4);
    let all = hands.idle(0..4, HOME);
    let (third, second) = (hands.lease(0, HOME), hands.lease(1, HOME));
    hands.pool.adjust(&Limits { max: 3, ..Limits::default() }, hands.now);
    assert_eq!(closes(&hands.orders()), [(all[0], CloseReason::Shrunk)]);
    hands.pool.adjust(&Limits { max: 1, ..Limits::default() }, hands.now);
    assert_eq!(closes(&hands.orders()), [(all[1], CloseReason::Shrunk)]);
    assert_eq!(hands.check_in(third), Released::Closed);
    assert_eq!(hands.check_in(second), Released::Idle, "the last one fits");
}

#[test]
fn higher_limits_serve_those_who_wait_at_once() {
    let mut hands = hands(1);
    hands.attach(0..2);
    hands.lease(0, HOME);
    hands.check_out(1, HOME);
    assert_eq!(connects(&hands.orders()), []);
    hands.pool.adjust(&Limits { max: 2, ..Limits::default() }, hands.now);
    assert_eq!(connects(&hands.orders()).len(), 1);
}
