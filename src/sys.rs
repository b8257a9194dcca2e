//! What the kernel gives, and what may be done to a process through it: the only home of unsafe, nix, procfs and sysinfo.
//!
//! Everything here is plain values in, plain values out, with named errors; nothing here decides. The acting side never
//! signals by number: a process is held by its [`pidfd::PidFd`].

pub mod ability;
pub mod adopted;
pub mod books;
pub mod cgroup;
pub mod children;
pub mod clock;
pub mod command;
mod deadline;
pub mod descriptors;
pub mod destroy;
pub mod epoll_sets;
pub mod find;
pub mod freezer;
pub mod group;
pub mod handed;
pub mod host;
pub mod inotify;
pub mod io;
pub mod keeper;
pub mod limits;
pub mod net_text;
pub mod notify;
pub mod peer;
pub mod pidfd;
pub mod polled;
pub mod pressure;
pub mod proc_root;
pub mod program;
pub mod ptrace;
pub mod read_error;
pub mod secrets;
pub mod sock_diag;
pub mod socket_file;
pub mod socket_look;
pub mod socket_protocol;
pub mod sockstat;
pub mod spawn;
pub mod stat;
pub mod tcp;
pub mod tcp_turnover;
pub mod terminal;
pub mod user;
#[cfg(test)]
pub(crate) mod victim;
pub mod wake;
