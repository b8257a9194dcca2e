//! The ladder semantics, one sentence of the design each.

mod actions;
mod ends;
mod gates;
mod ladders;
mod memory;
mod properties;
mod shipped;
mod standing;
mod world;
