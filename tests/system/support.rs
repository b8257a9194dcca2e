//! What every system test needs: an agent of its own, its events, and waiting with a deadline.

pub(crate) mod agent;
pub(crate) mod client;
pub(crate) mod port;
pub(crate) mod wait;
