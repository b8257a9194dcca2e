//! The agent: one control loop that observes, steps, acts and records, with everything that may block on
//! threads of its own.

mod child;
mod control;
pub mod feed;
mod figures;
pub mod fleet;
mod guarded;
mod herald;
pub mod mailbox;
mod own;
mod pools;
pub mod request;
pub mod seek;
pub mod settings;
mod shortage;
mod start;
pub mod status;
mod tally;
mod target;

pub use start::{Agent, Ends, Pieces, StartError};
