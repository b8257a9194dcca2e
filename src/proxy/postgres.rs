//! Pools of PostgreSQL connections.

mod assembly;
mod bounds;
mod connect;
mod console;
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
mod running;
mod secrets;
mod settle;
pub mod side;
mod socket;
mod start;
mod statements;
mod tls;
mod worker;

pub use bounds::{differ_in_limits_alone, limits};
pub use guests::{GuestError, Residents};
pub use login::users::UsersError;
pub use running::Running;
pub use secrets::SecretError;
pub use start::{StartError, Surroundings, start};
pub use tls::TlsError;
