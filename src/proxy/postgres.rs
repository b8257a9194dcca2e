//! Pools of PostgreSQL connections.

mod assembly;
mod connect;
mod credentials;
mod desk;
mod ear;
mod effects;
mod guests;
mod inbound;
mod lobby;
mod login;
mod names;
mod outbound;
mod piece;
mod place;
mod prepared;
mod secrets;
mod settle;
pub mod side;
mod socket;
mod start;
mod statements;
mod tls;
mod worker;

pub use guests::{GuestError, Residents};
pub use login::users::UsersError;
pub use secrets::SecretError;
pub use start::{Running, StartError, start};
pub use tls::TlsError;
