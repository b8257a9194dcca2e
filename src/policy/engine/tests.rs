//! The ladder semantics, one sentence of the design each.

mod actions;
mod ends;
mod ladders;
mod memory;
mod properties;
mod shipped;
mod world;
