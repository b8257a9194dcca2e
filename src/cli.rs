//! Operators at a terminal.
pub mod args;
pub mod exit;
pub mod policy;
pub mod print;
pub mod render;
