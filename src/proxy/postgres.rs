//! Pools of PostgreSQL connections.

mod assembly;
mod connect;
mod desk;
mod effects;
mod inbound;
mod login;
mod names;
mod outbound;
mod place;
mod prepared;
mod settle;
pub mod side;
mod socket;
mod start;
mod statements;
mod worker;

pub use start::{Running, StartError, start};
