//! The only home of unsafe, nix, procfs and sysinfo: what the kernel gives and takes, as safe functions.

pub mod clock;
mod deadline;
pub mod group;
pub mod pidfd;
pub mod wake;
