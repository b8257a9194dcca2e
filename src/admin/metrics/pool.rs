//! Pools: their signals and those of their streams, what happened by reason, bytes, the read cache, the word of their upstreams.

use std::fmt;

use prometheus_client::registry::Unit;

use crate::admin::metrics::page::{Family, Labels, Page};
use crate::admin::metrics::reading;
use crate::agent::status::{PoolCache, PoolStatus};
use crate::model::signal::CATALOGUE;
use crate::sampler::pools::STANDS;

/// Writes all pools. Of one that has not answered yet, or not lately, nothing is known: its signals say so themselves.
pub(super) fn write(page: &mut Page<'_>, pools: &[PoolStatus]) -> fmt::Result {
    let heard: Vec<&PoolStatus> =
        pools.iter().filter(|pool| pool.asked.is_some_and(|asked| asked <= STANDS)).collect();
    let pools = &*heard;
    for row in CATALOGUE.iter().filter(|row| row.name.starts_with("pool[].")) {
        let readings = pools.iter().filter_map(|pool| Some((labels(pool), *pool.signals.get(row.name)?)));
        reading::write(page, ("fdguard_pool_", row), readings)?;
    }
    streams(page, pools)?;
    requests(page, pools)?;
    let connecting = pools.iter().map(|pool| (labels(pool), f64::from(pool.connecting)));
    page.gauges(Family::plain("fdguard_pool_connecting", "Server connections being opened"), connecting)?;
    let running = pools.iter().map(|pool| (labels(pool), f64::from(u8::from(pool.mode == "running"))));
    page.gauges(
        Family::plain("fdguard_pool_running", "0 where the pool is paused, disabled or draining"),
        running,
    )?;
    let throttles = pools.iter().filter_map(|pool| Some((labels(pool), pool.throttle?)));
    page.gauges(Family::plain("fdguard_pool_throttle", "New clients let in per second"), throttles)?;
    let scarce = pools.iter().map(|pool| (labels(pool), f64::from(u8::from(pool.scarce))));
    let help = "1 while the process of a client has nearly no descriptors left and no more than the reserve is let in";
    page.gauges(Family::plain("fdguard_pool_scarce", help), scarce)?;
    events(page, pools)?;
    traffic(page, pools)?;
    cache(page, pools)?;
    gate(page, pools)
}

/// The streams of pools that carry WebSockets.
fn streams(page: &mut Page<'_>, pools: &[&PoolStatus]) -> fmt::Result {
    let carried: Vec<&PoolStatus> = pools.iter().filter(|pool| pool.stream.is_some()).copied().collect();
    for row in CATALOGUE.iter().filter(|row| row.name.starts_with("stream[].")) {
        let reading = |pool: &&PoolStatus| pool.signals.get(row.name).copied();
        let readings =
            carried.iter().filter_map(|pool| Some((vec![("stream", pool.name.as_str())], reading(pool)?)));
        reading::write(page, ("fdguard_stream_", row), readings)?;
    }
    Ok(())
}

/// The requests of pools that carry some.
fn requests(page: &mut Page<'_>, pools: &[&PoolStatus]) -> fmt::Result {
    for row in CATALOGUE.iter().filter(|row| row.name.starts_with("http[].")) {
        let readings = pools.iter().filter_map(|pool| Some((labels(pool), *pool.signals.get(row.name)?)));
        reading::write(page, ("fdguard_http_", row), readings)?;
    }
    Ok(())
}

fn labels(pool: &PoolStatus) -> Labels<'_> {
    vec![("pool", pool.name.as_str())]
}

fn events(page: &mut Page<'_>, pools: &[&PoolStatus]) -> fmt::Result {
    let events = pools.iter().flat_map(|pool| {
        pool.counters.iter().map(move |(what, count)| {
            let (event, reason) = what.split_once('.').unwrap_or((what, ""));
            let labels = vec![("pool", pool.name.as_str()), ("event", event), ("reason", reason)];
            (labels, *count as f64)
        })
    });
    page.counters(Family::plain("fdguard_pool_events", "What happened in the pool, by reason"), events)
}

fn traffic(page: &mut Page<'_>, pools: &[&PoolStatus]) -> fmt::Result {
    let counted = || pools.iter().filter_map(|pool| Some((pool, pool.traffic?)));
    let up = counted().map(|(pool, traffic)| (labels(pool), traffic.up as f64));
    page.counters(Family::of("fdguard_pool_sent", "Bytes from clients to servers", &Unit::Bytes), up)?;
    let down = counted().map(|(pool, traffic)| (labels(pool), traffic.down as f64));
    page.counters(Family::of("fdguard_pool_received", "Bytes from servers to clients", &Unit::Bytes), down)
}

fn cache(page: &mut Page<'_>, pools: &[&PoolStatus]) -> fmt::Result {
    type Value = fn(&PoolCache) -> u64;
    let caches = || pools.iter().filter_map(|pool| Some((labels(pool), pool.cache?)));
    let entries = Family::plain("fdguard_pool_cache_entries", "Answers that the read cache keeps");
    page.gauges(entries, caches().map(|(labels, cache)| (labels, cache.entries as f64)))?;
    let bytes = Family::of("fdguard_pool_cache_size", "What the read cache takes", &Unit::Bytes);
    page.gauges(bytes, caches().map(|(labels, cache)| (labels, cache.bytes as f64)))?;
    let counters: [(&str, &str, Value); 3] = [
        ("fdguard_pool_cache_hits", "Reads that the cache answered", |cache| cache.hits),
        ("fdguard_pool_cache_misses", "Declared reads that went to the server", |cache| cache.misses),
        ("fdguard_pool_cache_drops", "Answers dropped for a write or by hand", |cache| cache.dropped),
    ];
    for (name, help, value) in counters {
        let samples = caches().map(|(labels, cache)| (labels, value(&cache) as f64));
        page.counters(Family::plain(name, help), samples)?;
    }
    Ok(())
}

/// The order gate.
fn gate(page: &mut Page<'_>, pools: &[&PoolStatus]) -> fmt::Result {
    let gates = || pools.iter().filter_map(|pool| Some((pool, pool.trading?)));
    let help = "What the order gate lets pass: 0 everything, 1 what adds no risk, 2 of orders only cancels";
    let states = gates().map(|(pool, trading)| (labels(pool), trading.state.figure()));
    page.gauges(Family::plain("fdguard_pool_trading", help), states)?;
    let seen = gates().flat_map(|(pool, trading)| {
        let passed = [
            ("order", trading.orders),
            ("reducing", trading.reducing),
            ("cancel", trading.cancels),
            ("unread", trading.unread),
        ];
        let passed = passed.map(|(kind, count)| (kind, "passed", count)).into_iter();
        passed.chain([("order", "refused", trading.refused)]).map(move |(kind, verdict, count)| {
            (vec![("pool", pool.name.as_str()), ("kind", kind), ("verdict", verdict)], count as f64)
        })
    });
    page.counters(Family::plain("fdguard_pool_gate", "Orders and cancels that the order gate has seen"), seen)
}
