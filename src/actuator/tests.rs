//! The actuator as a whole, on real processes.

mod ending;
mod freezing;
mod hooks;
mod lanes;
mod limits;
mod pausing;
mod sockets;
pub(super) mod support;
