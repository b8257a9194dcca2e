//! Local proxies: a listener, a pool behind it, and a protocol between them.

mod bounds;
pub mod command;
pub mod console;
mod ear;
mod guests;
mod http;
mod links;
mod obey;
mod parted;
mod place;
mod porch;
mod post;
pub mod postgres;
mod proxies;
mod reach;
mod running;
mod start;
mod tcp;
mod tls;
mod told;
pub mod transport;
pub mod view;

pub use bounds::{differ_in_limits_alone, limits};
pub use command::{By, Command, Done, StreamWork};
pub use guests::{GuestError, Residents};
pub use proxies::{COMMANDS_MAX, Proxies, Unasked, VIEWS_MAX};
pub use running::Running;
pub use start::{StartError, Surroundings, start};
pub use tls::TlsError;
