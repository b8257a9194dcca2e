//! Pools of PostgreSQL connections.

mod assembly;
mod bounds;
mod connect;
mod desk;
mod inbound;
mod login;
mod names;
mod outbound;
mod place;
mod prepared;
mod running;
pub mod side;
mod socket;
mod start;
mod statements;
mod worker;

pub use bounds::{differ_in_limits_alone, limits};
pub use running::Running;
pub use start::{StartError, start};
