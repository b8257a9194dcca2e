//! Files of operators as golden texts: broken ones with the diagnostics they get, good ones with what they
//! resolve to. `UPDATE_GOLDEN=1` writes the texts anew.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod agent;
mod golden;
mod pages;
mod policy;
mod replay;
mod scenarios;
mod slopes;
mod words;
