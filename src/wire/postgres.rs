//! The PostgreSQL frontend/backend protocol, versions 3.0 and 3.2.
//!
//! On a proxy's busy path a [`frame::Scanner`] looks at headers where they lie in the read buffer; the few
//! messages that matter there are viewed in place ([`frontend`], [`backend`]) and everything else is
//! forwarded as a range of bytes. Only what happens once a session (startup, login) owns memory.

pub mod backend;
pub mod end_point;
pub mod exchange;
pub mod fields;
pub mod frame;
pub mod frontend;
pub mod md5;
pub mod options;
pub mod scram;
pub mod secret;
pub mod settings;
pub mod sqlstate;
pub mod startup;
pub mod statement;
pub mod userlist;
