//! The policy: what an operator wrote about when to act, compiled and stepped.
//!
//! Pure and deterministic: it does no I/O, reads no clock and draws no random number, so that the same
//! observations give the same evaluations in the live agent, in a test and in a replay.

pub mod condition;
pub mod truth;
pub mod windows;
pub mod world;
