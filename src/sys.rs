//! The only home of unsafe, nix, procfs and sysinfo: what the kernel gives and takes, as safe functions.

pub mod adopted;
pub mod clock;
mod deadline;
pub mod descriptors;
pub mod group;
pub mod limits;
pub mod pidfd;
pub mod proc_root;
pub mod read_error;
pub mod sock_diag;
pub mod socket_protocol;
pub mod stat;
#[cfg(test)]
mod victim;
pub mod wake;
