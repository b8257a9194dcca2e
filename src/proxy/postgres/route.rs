//! How a server is talked to.

use std::cell::Cell;

use crate::proxy::place::Place;
use crate::proxy::postgres::tls::Connector;
use crate::wire::postgres::startup::Version;

/// A server, and how it is talked to.
pub(super) struct Route {
    pub(super) place: Place,
    /// TLS, where there is to be.
    pub(super) tls: Option<Connector>,
    /// The version to ask for: the newest, until the server turns out not to know even how to say no to it.
    pub(super) version: Cell<Version>,
}
