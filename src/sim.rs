//! Policies tried before they are trusted: on scenarios that somebody wrote, and on what was recorded.
//!
//! ```text
//!  NAME.test.toml ─► script ─► world ─► Observation ─┐                     ┌─► check (what was expected)
//!                                ▲ effects           ├─► policy::engine ─► course ─► transcript
//!  recording ──────────────────► replay ─► Observation ┘                     └─► lead, sweep, difference
//! ```
//!
//! The engine is the one that runs live. Pure: time is virtual, noise is seeded, and the same input gives the
//! same bytes.

pub mod check;
pub mod course;
pub mod difference;
pub mod means;
pub mod mutation;
pub mod replay;
pub mod run;
pub mod script;
pub mod sweep;
pub mod transcript;
mod world;
