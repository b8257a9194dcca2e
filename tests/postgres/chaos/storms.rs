//! The upsets, one by one and all together.

use std::time::Duration;

use super::leavers::leave;
use super::scene::{Scene, Upset};
use super::upsets;
use crate::support::proxy::Proxy;
use crate::support::relay::Relay;
use crate::support::server::{Server, server};

/// A pool that is smaller than the number of tellers, and a breaker that forgets between two upsets, which never stop: else
/// it would leave the server alone for ever longer.
const KEYS: &str = "pool = { max = 3, connects = 3 }\nbreaker = { open = \"200ms\", window = \"500ms\" }";
/// How long one upset goes on.
const SPAN: Duration = Duration::from_secs(4);
/// Says how many seconds all together go on.
const SOAK: &str = "FDGUARD_SOAK_SECONDS";

fn play(proxy: &Proxy, server: &Server, upsets: &[Upset<'_>]) {
    Scene::new(proxy, server).play(SPAN, upsets);
}

#[test]
fn server_processes_are_ended() {
    let proxy = Proxy::with(KEYS);
    play(&proxy, server(), &[&upsets::terminate]);
}

#[test]
fn the_server_crashes_and_comes_back() {
    let own = Server::start(&[]);
    play(&Proxy::to(&own, KEYS), &own, &[&upsets::crash]);
}

#[test]
fn the_server_hangs() {
    let own = Server::start(&[]);
    play(&Proxy::to(&own, KEYS), &own, &[&upsets::freeze]);
}

#[test]
fn clients_go_away_in_the_middle() {
    let proxy = Proxy::with(KEYS);
    play(&proxy, server(), &[&leave, &leave]);
}

#[test]
fn the_pool_is_reset_all_the_time() {
    let proxy = Proxy::with(KEYS);
    play(&proxy, server(), &[&upsets::reset]);
}

#[test]
fn limits_are_changed_each_second() {
    let proxy = Proxy::with(KEYS);
    play(&proxy, server(), &[&upsets::reload, &upsets::reset_gently]);
}

#[test]
fn one_of_two_upstreams_is_lost() {
    let ways = [Relay::to(server().address), Relay::to(server().address)];
    let proxy = over(server(), &ways);
    play(&proxy, server(), &[&|scene| upsets::fail_over(&ways, scene)]);
}

#[test]
fn everything_at_once() {
    let seconds = std::env::var(SOAK).map_or(6, |seconds| seconds.parse().expect("a number of seconds"));
    let own = Server::start(&[]);
    let ways = [Relay::to(own.address), Relay::to(own.address)];
    let proxy = over(&own, &ways);
    let fail_over = |scene: &Scene<'_>| upsets::fail_over(&ways, scene);
    let upsets: [Upset<'_>; 7] = [
        &upsets::terminate,
        &upsets::crash,
        &upsets::freeze,
        &upsets::reset,
        &upsets::reload,
        &leave,
        &fail_over,
    ];
    Scene::new(&proxy, &own).play(Duration::from_secs(seconds), &upsets);
}

/// A proxy that reaches the server in these ways.
fn over(server: &Server, ways: &[Relay; 2]) -> Proxy {
    let upstreams = format!("[\"{}\", \"{}\"]", ways[0].address, ways[1].address);
    Proxy::through(&server.database(), &upstreams, &format!("{KEYS}\nbalance = \"failover\""))
}
