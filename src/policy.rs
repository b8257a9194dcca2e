//! The policy: what an operator wrote about when to act, compiled and stepped.
//!
//! Pure and deterministic: it does no I/O, reads no clock and draws no random number, so that the same
//! observations give the same evaluations in the live agent, in a test and in a replay.

mod ast;
pub mod budget;
pub mod compile;
pub mod condition;
pub mod definition;
mod dials;
pub mod engine;
pub mod expectation;
pub mod explain;
mod holds;
pub mod ladder;
pub mod leave;
pub mod lint;
mod load;
pub mod means;
pub mod memory;
mod mutants;
mod node;
mod outline;
pub mod pace;
mod parse;
mod report;
mod resolve;
mod run;
pub mod schema;
mod session;
mod shadow;
mod signals;
mod spelling;
pub mod sustain;
mod tiers;
mod token;
pub mod tree;
pub mod truth;
mod types;
mod upkeep;
pub mod vocabulary;
mod window;
pub mod windows;
pub mod world;

pub use compile::signal_key;
pub use dials::{Dial, dials};
pub use lint::lint;
pub use load::{SCHEMA, load};
pub use mutants::{Mutant, mutants};
pub use schema::schema;
