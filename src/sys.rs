//! What the kernel gives, and what may be done to a process through it: the only home of unsafe code.
//!
//! Everything here is plain values in, plain values out, with named errors; nothing here decides. The acting side never
//! signals by number: a process is held by its [`pidfd::PidFd`].

mod deadline;
pub mod destroy;
pub mod freezer;
pub mod inotify;
pub mod keeper;
pub mod limits;
pub mod notify;
pub mod peer;
pub mod pidfd;
pub mod ptrace;
pub mod spawn;
