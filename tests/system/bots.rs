//! Real bots on real libraries, leaking as their users report: unguarded they die, guarded they trade on.
//!
//! Each is run twice, side by side: unguarded, to learn when it dies of EMFILE, and under an agent with a policy
//! written for it (`tests/system/policies`). What counts is what the bot says of itself: its own count of
//! descriptors tells whether an outcome was told rightly.

pub(crate) mod bot;
mod course;
mod forking;
mod healed;
mod healthy;
mod honesty;
mod ladder;
mod paused;
mod policies;
mod pooled;
mod restarted;
pub(crate) mod servers;
mod tape;
mod threaded;
