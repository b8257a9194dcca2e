//! The only home of unsafe, nix, procfs and sysinfo: what the kernel gives and takes, as safe functions.

pub mod clock;
pub mod wake;
