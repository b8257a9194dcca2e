//! The `fdguard` command.
fn main() {}
