//! What every system test needs: an agent of its own, its events, and waiting with a deadline.

pub(crate) mod wait;
