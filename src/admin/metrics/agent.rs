//! The agent itself: what Prometheus expects of every process, and its own.

use std::fmt;

use prometheus_client::registry::Unit;

use crate::admin::metrics::page::{Family, Page};
use crate::agent::status::AgentStatus;

/// Writes it.
pub(super) fn write(page: &mut Page<'_>, agent: &AgentStatus) -> fmt::Result {
    let one = |value: f64| [(Vec::new(), value)];
    let some = |value: Option<u64>| value.map(|value| (Vec::new(), value as f64));
    page.gauges(
        Family::plain("fdguard_build_info", "The version that runs, always 1"),
        [(vec![("version", agent.version.as_str())], 1.0)],
    )?;
    page.gauges(
        Family::of("process_start_time", "When the agent started, since the epoch", &Unit::Seconds),
        one(agent.since.as_millis() as f64 / 1e3),
    )?;
    page.counters(
        Family::of("process_cpu", "CPU that the agent has used", &Unit::Seconds),
        one(agent.cpu.as_secs_f64()),
    )?;
    page.gauges(
        Family::of("process_resident_memory", "Resident memory of the agent", &Unit::Bytes),
        some(agent.rss),
    )?;
    page.gauges(Family::plain("process_open_fds", "Open descriptors of the agent"), some(agent.descriptors))?;
    page.counters(Family::plain("fdguard_ticks", "Fast ticks of the agent"), one(agent.ticks as f64))?;
    page.gauges(
        Family::of("fdguard_tick_lateness_max", "The latest fast tick of the last minute", &Unit::Seconds),
        one(agent.lateness_max.as_secs_f64()),
    )?;
    let flag = |is: bool| one(f64::from(u8::from(is)));
    page.gauges(
        Family::plain("fdguard_dry_run", "1 where the agent only tells what it would do"),
        flag(agent.dry_run),
    )?;
    page.gauges(
        Family::plain("fdguard_history_lost", "1 where the history can't be written"),
        flag(agent.history_lost.is_some()),
    )
}
