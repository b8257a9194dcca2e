//! The eyes: what one process looks like now.
//!
//! A fast look costs microseconds and runs in the control loop ([`eye`]); a full scan costs a millisecond or
//! more and runs on a thread of its own ([`scanner`]); both end in one [`crate::model::observation::Observation`].

pub mod eye;
mod host;
pub mod joined;
mod load;
pub mod pace;
pub mod pools;
mod precision;
pub mod remotes;
pub mod scan;
pub mod scanner;
pub mod survey;
mod tables;
pub mod truth;
pub mod view;
mod watching;
