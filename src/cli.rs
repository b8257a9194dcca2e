//! Arguments, commands, rendering, exit codes: the composition root.

pub mod render;
