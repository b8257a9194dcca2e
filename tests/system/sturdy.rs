//! Robustness: what the agent does when the ground moves. Numbers reused, guards killed, disks full, tables huge,
//! namespaces foreign, privileges missing.
#![allow(
    clippy::disallowed_methods,
    clippy::format_collect,
    reason = "tests wait by the machine's own clock, and write files of some lines"
)]

mod agent;
mod apart;
mod control;
mod crowd;
mod ending;
mod exec;
mod fleet;
mod history;
mod identity;
mod killed;
mod lives;
mod manager;
mod metrics;
mod network;
mod pages;
mod readme;
mod restart;
mod room;
mod soak;
mod target;
