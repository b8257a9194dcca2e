//! The errors that are said to a client, with the codes that its driver understands.

use super::fields::{message, put_string};

/// Whose doing an error is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The client broke a rule.
    Client,
    /// The database or the way to it.
    Upstream,
    /// A limit or state of the proxy.
    Agent,
    /// A setting that a person must correct.
    Operator,
}

/// How grave an error is to the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// This statement failed.
    Error,
    /// The session ends.
    Fatal,
    /// Worth knowing, nothing failed.
    Warning,
    /// Said in passing.
    Notice,
}

impl Severity {
    /// As sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Warning => "WARNING",
            Self::Notice => "NOTICE",
        }
    }
}

/// What is said, by the names of PostgreSQL's appendix A.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SqlState {
    /// 00000: for notices.
    Success,
    /// 01000: a warning.
    Warning,
    /// 08P01: bytes that are not the protocol.
    ProtocolViolation,
    /// 08004: this client is not let in.
    ConnectionRejected,
    /// 08001: the database can't be reached.
    CannotConnect,
    /// 08006: the connection to the database broke.
    ConnectionFailure,
    /// 0A000: the proxy does not do this, e.g. LISTEN in transaction mode.
    FeatureNotSupported,
    /// 22023: a parameter with an impossible value.
    InvalidParameter,
    /// 25P03: idle in a transaction for too long.
    IdleInTransaction,
    /// 26000: no statement has this name.
    InvalidStatementName,
    /// 28000: no such user, or not allowed here.
    InvalidAuthorization,
    /// 28P01: wrong password.
    InvalidPassword,
    /// 34000: no portal has this name.
    InvalidCursorName,
    /// 3D000: no such database.
    NoSuchDatabase,
    /// 42501: not allowed to do this.
    InsufficientPrivilege,
    /// 42601: not understood.
    Syntax,
    /// 42704: no such object, for the console.
    UndefinedObject,
    /// 42P05: the statement's name is taken.
    DuplicateStatement,
    /// 53300: no connection is free, or too many clients.
    TooManyConnections,
    /// 53400: a configured limit was hit.
    LimitExceeded,
    /// 54000: a message or a name over its bound.
    ProgramLimitExceeded,
    /// 55000: not in this state.
    ObjectState,
    /// 57014: cancelled, or over its time.
    QueryCanceled,
    /// 57P01: closed by an administrator, or the server behind it ended.
    AdminShutdown,
    /// 57P03: not ready yet, or draining.
    CannotConnectNow,
    /// 57P05: idle for too long.
    IdleSession,
    /// XX000: a bug.
    Internal,
}

impl SqlState {
    /// The five characters.
    pub fn code(self) -> &'static str {
        match self {
            Self::Success => "00000",
            Self::Warning => "01000",
            Self::ProtocolViolation => "08P01",
            Self::ConnectionRejected => "08004",
            Self::CannotConnect => "08001",
            Self::ConnectionFailure => "08006",
            Self::FeatureNotSupported => "0A000",
            Self::InvalidParameter => "22023",
            Self::IdleInTransaction => "25P03",
            Self::InvalidStatementName => "26000",
            Self::InvalidAuthorization => "28000",
            Self::InvalidPassword => "28P01",
            Self::InvalidCursorName => "34000",
            Self::NoSuchDatabase => "3D000",
            Self::InsufficientPrivilege => "42501",
            Self::Syntax => "42601",
            Self::UndefinedObject => "42704",
            Self::DuplicateStatement => "42P05",
            Self::TooManyConnections => "53300",
            Self::LimitExceeded => "53400",
            Self::ProgramLimitExceeded => "54000",
            Self::ObjectState => "55000",
            Self::QueryCanceled => "57014",
            Self::AdminShutdown => "57P01",
            Self::CannotConnectNow => "57P03",
            Self::IdleSession => "57P05",
            Self::Internal => "XX000",
        }
    }

    /// How it is said where the caller knows no better. Before a session stands everything is fatal:
    /// [`Report::fatal`].
    pub fn severity(self) -> Severity {
        match self {
            Self::Success => Severity::Notice,
            Self::Warning => Severity::Warning,
            Self::ProtocolViolation
            | Self::ConnectionRejected
            | Self::CannotConnect
            | Self::ConnectionFailure
            | Self::IdleInTransaction
            | Self::InvalidAuthorization
            | Self::InvalidPassword
            | Self::NoSuchDatabase
            | Self::TooManyConnections
            | Self::AdminShutdown
            | Self::CannotConnectNow
            | Self::IdleSession
            | Self::Internal => Severity::Fatal,
            Self::FeatureNotSupported
            | Self::InvalidParameter
            | Self::InvalidStatementName
            | Self::InvalidCursorName
            | Self::InsufficientPrivilege
            | Self::Syntax
            | Self::UndefinedObject
            | Self::DuplicateStatement
            | Self::LimitExceeded
            | Self::ProgramLimitExceeded
            | Self::ObjectState
            | Self::QueryCanceled => Severity::Error,
        }
    }

    /// Whose doing it is.
    pub fn fault(self) -> Fault {
        match self {
            Self::Success | Self::Warning | Self::Internal => Fault::Agent,
            Self::ProtocolViolation
            | Self::ConnectionRejected
            | Self::FeatureNotSupported
            | Self::InvalidParameter
            | Self::IdleInTransaction
            | Self::InvalidStatementName
            | Self::InvalidAuthorization
            | Self::InvalidPassword
            | Self::InvalidCursorName
            | Self::InsufficientPrivilege
            | Self::Syntax
            | Self::UndefinedObject
            | Self::DuplicateStatement
            | Self::ProgramLimitExceeded
            | Self::ObjectState
            | Self::IdleSession => Fault::Client,
            Self::CannotConnect | Self::ConnectionFailure | Self::AdminShutdown => Fault::Upstream,
            Self::TooManyConnections | Self::LimitExceeded | Self::QueryCanceled | Self::CannotConnectNow => {
                Fault::Agent
            }
            Self::NoSuchDatabase => Fault::Operator,
        }
    }

    /// Whether the same thing may succeed later without a change.
    pub fn retryable(self) -> bool {
        match self {
            Self::CannotConnect
            | Self::ConnectionFailure
            | Self::IdleInTransaction
            | Self::TooManyConnections
            | Self::LimitExceeded
            | Self::QueryCanceled
            | Self::AdminShutdown
            | Self::CannotConnectNow
            | Self::IdleSession => true,
            Self::Success
            | Self::Warning
            | Self::ProtocolViolation
            | Self::ConnectionRejected
            | Self::FeatureNotSupported
            | Self::InvalidParameter
            | Self::InvalidStatementName
            | Self::InvalidAuthorization
            | Self::InvalidPassword
            | Self::InvalidCursorName
            | Self::NoSuchDatabase
            | Self::InsufficientPrivilege
            | Self::Syntax
            | Self::UndefinedObject
            | Self::DuplicateStatement
            | Self::ProgramLimitExceeded
            | Self::ObjectState
            | Self::Internal => false,
        }
    }
}

/// An error or a notice that is ready to be said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report<'t> {
    /// Its code.
    pub state: SqlState,
    /// How grave.
    pub severity: Severity,
    /// What happened, in a sentence without a full stop.
    pub message: &'t str,
    /// More facts.
    pub detail: Option<&'t str>,
    /// What to do.
    pub hint: Option<&'t str>,
}

impl<'t> Report<'t> {
    /// With the usual severity of its code.
    pub fn new(state: SqlState, message: &'t str) -> Self {
        Self { state, severity: state.severity(), message, detail: None, hint: None }
    }

    /// As the session's end.
    #[must_use]
    pub fn fatal(self) -> Self {
        Self { severity: Severity::Fatal, ..self }
    }

    /// With what to do about it.
    #[must_use]
    pub fn hint(self, hint: &'t str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// With more facts.
    #[must_use]
    pub fn detail(self, detail: &'t str) -> Self {
        Self { detail: Some(detail), ..self }
    }
}

/// Appends an ErrorResponse.
pub fn error_response(out: &mut Vec<u8>, report: &Report<'_>) {
    fields_of(out, b'E', report);
}

/// Appends a NoticeResponse.
pub fn notice_response(out: &mut Vec<u8>, report: &Report<'_>) {
    fields_of(out, b'N', report);
}

fn fields_of(out: &mut Vec<u8>, tag: u8, report: &Report<'_>) {
    let severity = report.severity.as_str();
    let fields = [
        (b'S', Some(severity)),
        (b'V', Some(severity)),
        (b'C', Some(report.state.code())),
        (b'M', Some(report.message)),
        (b'D', report.detail),
        (b'H', report.hint),
    ];
    message(out, tag, |out| {
        for (kind, text) in fields {
            if let Some(text) = text {
                out.push(kind);
                put_string(out, text.as_bytes());
            }
        }
        out.push(0);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_written_as_the_server_writes_it() {
        let mut out = Vec::new();
        let report = Report::new(SqlState::TooManyConnections, "no more connections").hint("wait");
        error_response(&mut out, &report);
        assert_eq!(out, b"E\0\0\0\x35SFATAL\0VFATAL\0C53300\0Mno more connections\0Hwait\0\0");
    }

    #[test]
    fn a_notice_keeps_its_severity() {
        let mut out = Vec::new();
        notice_response(&mut out, &Report::new(SqlState::Warning, "w").detail("d"));
        assert_eq!(out, b"N\0\0\0\x24SWARNING\0VWARNING\0C01000\0Mw\0Dd\0\0");
        assert_eq!(Report::new(SqlState::Syntax, "s").fatal().severity, Severity::Fatal);
    }
}
