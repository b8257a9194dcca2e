//! Robustness: what the agent does when the ground moves. Numbers reused, guards killed, disks full, tables huge,
//! namespaces foreign, privileges missing.

mod agent;
mod control;
mod exec;
mod history;
mod identity;
mod killed;
mod manager;
mod network;
mod restart;
mod room;
mod target;
