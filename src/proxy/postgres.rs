//! Pools of PostgreSQL connections.

mod assembly;
mod cache;
mod connect;
mod console;
mod credentials;
mod desk;
mod effects;
mod inbound;
mod lobby;
mod login;
mod names;
mod outbound;
mod piece;
mod prepared;
mod resets;
mod route;
mod settle;
pub mod side;
mod socket;
mod start;
mod statements;
mod tls;
mod worker;

pub use login::users::UsersError;
pub(in crate::proxy) use start::{begin, need};
