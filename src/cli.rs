//! Operators at a terminal.
pub mod render;
