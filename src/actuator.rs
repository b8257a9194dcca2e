//! Carries out what was decided; decides nothing.

mod capture;
mod endpoint;
mod excerpt;
mod notify;
mod redact;
mod web;

pub use endpoint::{Endpoint, EndpointError};
pub use notify::{Backoff, JOURNAL, Notice, Receiver, Way};
pub use redact::Redactor;
