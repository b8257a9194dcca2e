//! The words of the domain: units, names, readings, observations, actions, decisions, events.
//!
//! Everything here is a plain value. No I/O, no clock, no randomness: time is handed in, so that the live
//! agent, a policy test and a replay run the same code on the same values.

pub mod action;
pub mod aged;
pub mod ages;
pub mod asker;
pub mod chain;
pub mod clock;
pub mod column;
pub mod deadline;
pub mod decision;
pub mod destination;
pub mod diagnostic;
pub mod event;
pub mod jitter;
pub mod kind;
pub mod name;
pub mod observation;
pub mod process;
pub mod reading;
pub mod select_use;
pub mod sentence;
pub mod signal;
pub mod trading;
pub mod trend;
pub mod units;
