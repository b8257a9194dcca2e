//! Why a command is not carried out.

use crate::wire::postgres::sqlstate::{Report, SqlState, error_response};

/// What is told of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Fault {
    pub(super) state: SqlState,
    pub(super) text: String,
    pub(super) hint: Option<String>,
}

impl Fault {
    /// With the code that PgBouncer gives to everything that its console refuses.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { state: SqlState::ProtocolViolation, text: text.into(), hint: None }
    }

    /// With what to do about it.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Appends it as an ErrorResponse that ends no session.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let severity = crate::wire::postgres::sqlstate::Severity::Error;
        let report = Report { severity, hint: self.hint.as_deref(), ..Report::new(self.state, &self.text) };
        error_response(out, &report);
    }
}
