//! The actuator as a whole, on real processes.

mod ending;
mod hooks;
mod lanes;
pub(super) mod support;
