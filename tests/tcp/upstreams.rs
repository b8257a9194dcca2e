//! Servers that are not there, go away and come back.

use crate::support::guard::{Guard, free_address};
use crate::support::server::{Server, echo};
use crate::support::{Ending, ending, is_served, wait_for};

#[test]
fn a_server_that_is_down_is_found_again() {
    let address = free_address();
    let breaker = "breaker = { failures = 3, window = \"30s\", open = \"200ms\" }";
    let guard = Guard::start(&[address], &format!("pool = {{ wait = \"300ms\" }}\n{breaker}"));
    for _ in 0..4 {
        assert_eq!(ending(&mut guard.client()), Ending::InOrder);
    }
    guard.wait_for_pool("the breaker has opened", |pool| pool.breaker != "closed");
    let first = Server::at(address, echo);
    wait_for("it is served", || is_served(&mut guard.client()).then_some(()));
    drop(first);
    wait_for("it is gone", || (!is_served(&mut guard.client())).then_some(()));
    let _second = Server::at(address, echo);
    wait_for("it is served once more", || is_served(&mut guard.client()).then_some(()));
    guard.wait_for_pool("the breaker has closed", |pool| pool.breaker == "closed");
}

#[test]
fn the_second_is_taken_where_the_first_fails() {
    let (first, second) = (Server::echo(), Server::echo());
    let guard = Guard::start(&[first.address, second.address], "balance = \"failover\"");
    let mut old = guard.client();
    assert!(is_served(&mut old));
    assert_eq!((first.accepted(), second.accepted()), (1, 0));
    drop(first);
    assert_eq!(ending(&mut old), Ending::InOrder);
    wait_for("the second serves", || is_served(&mut guard.client()).then_some(()));
    assert!(second.accepted() > 0);
}

#[test]
fn sessions_go_where_there_are_fewest() {
    let (first, second) = (Server::echo(), Server::echo());
    let guard = Guard::start(&[first.address, second.address], "pool = { max = 20 }");
    let mut clients: Vec<_> = (0..10).map(|_| guard.client()).collect();
    clients.iter_mut().for_each(|client| assert!(is_served(client)));
    assert_eq!((first.accepted(), second.accepted()), (5, 5));
}
