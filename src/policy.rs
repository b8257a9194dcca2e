//! The policy: what an operator wrote about when to act, compiled and stepped.
//!
//! Pure and deterministic: it does no I/O, reads no clock and draws no random number, so that the same
//! observations give the same evaluations in the live agent, in a test and in a replay.

mod ast;
pub mod compile;
pub mod condition;
mod node;
mod parse;
mod report;
mod resolve;
mod session;
mod signals;
mod token;
pub mod tree;
pub mod truth;
mod types;
pub mod vocabulary;
mod window;
pub mod windows;
pub mod world;
