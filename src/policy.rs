//! The policy: what an operator wrote about when to act, compiled and stepped.
//!
//! Pure and deterministic: it does no I/O, reads no clock and draws no random number, so that the same
//! observations give the same evaluations in the live agent, in a test and in a replay.

pub mod budget;
pub mod condition;
pub mod definition;
pub mod engine;
pub mod expectation;
mod holds;
pub mod ladder;
mod load;
pub mod means;
pub mod memory;
pub mod pace;
mod run;
mod shadow;
pub mod sustain;
pub mod truth;
mod upkeep;
pub mod windows;
pub mod world;

pub use load::{SCHEMA, load};
