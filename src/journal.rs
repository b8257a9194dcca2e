//! The history: what was seen, decided and done, kept on disk within bounds, and told to journald.
//!
//! ```text
//!  control loop ── Recorder ──► queue (bounded) ──► thread "fdg-journal" ──► Store (SQLite, PostgreSQL) ──► Reader ──► CLI, replay
//!                                    └ full: counted, told as an event
//! ```
//!
//! Whatever happens to the disk, the control loop never waits and never stops: a store that fails is closed,
//! opened again after a while, moved aside where it is corrupt, and what was lost meanwhile is counted and told.

pub mod block;
pub mod facts;
pub mod hands;
pub mod log;
pub mod place;
pub mod query;
pub mod recorder;
pub mod retention;
pub mod store;
