//! Architecture.
fn main() {}
