//! Closing descriptors inside another process: break-glass, off unless the agent's file allows it.
//!
//! ```text
//!  survey ─► seize and interrupt every thread, until a pass finds no new one ─► all stand still
//!    │          │ refused: traced already, job-stopped, vfork, uninterruptible, worker of the kernel
//!    ▼          ▼
//!  refused:   check each descriptor: still the same socket? used by a sleeping call? the caller's verdict?
//!  mid-          │
//!  transfer      ▼
//!             borrow one thread: save registers and signal mask, block signals,
//!             close, close, ... through a call instruction in the target's vdso
//!                │
//!                ▼
//!             put everything back inside the kernel's signal code ─► detach all
//! ```
//!
//! **What the target notices**: a pause. Calls that were interrupted start again with their remaining time (sleeps,
//! polls, timed futexes) or, for the few that answer EINTR on a stop (`epoll_wait`, `semop`, sockets with a timeout),
//! with their full time. Real signals are delivered as if nothing had been there.
//!
//! **What is left of danger**: the number is free afterwards, and a stale object in the target may close it again when it
//! already names a new connection. Hence all threads are stopped, and the caller's verdict comes inside the stop.
//! Loops that keep books by number ([`crate::sys::books`]) are for the caller to refuse.
//!
//! **When the agent dies in the middle**: the kernel detaches everything and the target goes on, intact, except while a
//! thread is borrowed: killed in that window (tens of microseconds for each close) the borrowed thread would go on
//! with foreign registers. No interface closes this window; nothing but closing happens inside it.
//!
//! The whole operation runs on a thread of its own, because ptrace belongs to threads: whatever happens to it, its
//! end makes the kernel release every thread of the target, also those that could not be stopped.
#![cfg_attr(
    not(any(target_arch = "x86_64", target_arch = "aarch64")),
    allow(
        dead_code,
        reason = "without code for the processor everything is refused before any of this is used"
    )
)]

mod arch;
mod calls;
mod descriptor;
mod gadget;
mod hold;
mod inject;
mod raw;
pub mod reap;
mod tasks;
