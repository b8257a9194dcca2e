//! What a server sends: views of the fields that a pooler needs, in place, and the same messages built, for
//! what the proxy answers itself.

mod auth;
mod rows;
mod write;

pub use auth::{Authentication, Mechanisms};
pub use rows::{Column, DataRow, RowDescription, Type, write_data_row, write_row_description};
pub use write::*;

use super::fields::{BodyError, Fields};
use super::startup::{CANCEL_KEY_MAX, Version};

/// The kinds of messages that a server sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// What the login wants next.
    Authentication,
    /// The key for cancel requests.
    BackendKeyData,
    /// A portal was made.
    BindComplete,
    /// A statement or a portal was closed.
    CloseComplete,
    /// A statement is done.
    CommandComplete,
    /// COPY, both ways: replication.
    CopyBothResponse,
    /// Bytes of a COPY.
    CopyData,
    /// The end of a COPY to the client.
    CopyDone,
    /// COPY from the client begins.
    CopyInResponse,
    /// COPY to the client begins.
    CopyOutResponse,
    /// A row.
    DataRow,
    /// The text was empty.
    EmptyQueryResponse,
    /// An error.
    ErrorResponse,
    /// The result of a FunctionCall.
    FunctionCallResponse,
    /// Not the version or the options that were asked for.
    NegotiateProtocolVersion,
    /// No rows will come.
    NoData,
    /// A notice.
    NoticeResponse,
    /// What somebody sent to a channel.
    NotificationResponse,
    /// The parameters of a statement.
    ParameterDescription,
    /// A setting's value now.
    ParameterStatus,
    /// A statement was prepared.
    ParseComplete,
    /// The portal has more rows.
    PortalSuspended,
    /// The batch is done.
    ReadyForQuery,
    /// The columns of the rows to come.
    RowDescription,
}

impl Kind {
    /// The kind with this tag.
    #[inline]
    pub fn of(tag: u8) -> Option<Self> {
        match tag {
            b'R' => Some(Self::Authentication),
            b'K' => Some(Self::BackendKeyData),
            b'2' => Some(Self::BindComplete),
            b'3' => Some(Self::CloseComplete),
            b'C' => Some(Self::CommandComplete),
            b'W' => Some(Self::CopyBothResponse),
            b'd' => Some(Self::CopyData),
            b'c' => Some(Self::CopyDone),
            b'G' => Some(Self::CopyInResponse),
            b'H' => Some(Self::CopyOutResponse),
            b'D' => Some(Self::DataRow),
            b'I' => Some(Self::EmptyQueryResponse),
            b'E' => Some(Self::ErrorResponse),
            b'V' => Some(Self::FunctionCallResponse),
            b'v' => Some(Self::NegotiateProtocolVersion),
            b'n' => Some(Self::NoData),
            b'N' => Some(Self::NoticeResponse),
            b'A' => Some(Self::NotificationResponse),
            b't' => Some(Self::ParameterDescription),
            b'S' => Some(Self::ParameterStatus),
            b'1' => Some(Self::ParseComplete),
            b's' => Some(Self::PortalSuspended),
            b'Z' => Some(Self::ReadyForQuery),
            b'T' => Some(Self::RowDescription),
            _ => None,
        }
    }

    /// Its tag.
    #[inline]
    pub fn tag(self) -> u8 {
        match self {
            Self::Authentication => b'R',
            Self::BackendKeyData => b'K',
            Self::BindComplete => b'2',
            Self::CloseComplete => b'3',
            Self::CommandComplete => b'C',
            Self::CopyBothResponse => b'W',
            Self::CopyData => b'd',
            Self::CopyDone => b'c',
            Self::CopyInResponse => b'G',
            Self::CopyOutResponse => b'H',
            Self::DataRow => b'D',
            Self::EmptyQueryResponse => b'I',
            Self::ErrorResponse => b'E',
            Self::FunctionCallResponse => b'V',
            Self::NegotiateProtocolVersion => b'v',
            Self::NoData => b'n',
            Self::NoticeResponse => b'N',
            Self::NotificationResponse => b'A',
            Self::ParameterDescription => b't',
            Self::ParameterStatus => b'S',
            Self::ParseComplete => b'1',
            Self::PortalSuspended => b's',
            Self::ReadyForQuery => b'Z',
            Self::RowDescription => b'T',
        }
    }
}

/// Where a session stands between batches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transaction {
    /// In none.
    Idle,
    /// In one.
    Open,
    /// In one that failed: only its end is taken.
    Failed,
}

impl Transaction {
    /// As sent.
    #[inline]
    pub fn byte(self) -> u8 {
        match self {
            Self::Idle => b'I',
            Self::Open => b'T',
            Self::Failed => b'E',
        }
    }
}

/// The body of a ReadyForQuery.
#[inline]
pub fn ready_for_query(body: &[u8]) -> Result<Transaction, BodyError> {
    let mut fields = Fields::new(body);
    let byte = fields.byte("transaction status")?;
    fields.end()?;
    match byte {
        b'I' => Ok(Transaction::Idle),
        b'T' => Ok(Transaction::Open),
        b'E' => Ok(Transaction::Failed),
        _ => Err(BodyError::Value("transaction status")),
    }
}

/// The tag of a CommandComplete, e.g. `INSERT 0 1`.
pub fn command_complete(body: &[u8]) -> Result<&[u8], BodyError> {
    let mut fields = Fields::new(body);
    let tag = fields.string("command tag")?;
    fields.end()?;
    Ok(tag.bytes)
}

/// How many rows a command tag tells of: its last word, where that is a number.
pub fn rows_affected(tag: &[u8]) -> Option<u64> {
    let word = tag.rsplit(|byte| *byte == b' ').next()?;
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// A setting's name and value.
pub fn parameter_status(body: &[u8]) -> Result<(&[u8], &[u8]), BodyError> {
    let mut fields = Fields::new(body);
    let name = fields.string("parameter name")?;
    let value = fields.string("parameter value")?;
    fields.end()?;
    Ok((name.bytes, value.bytes))
}

/// The process and the key for cancel requests.
pub fn backend_key_data(body: &[u8]) -> Result<(u32, &[u8]), BodyError> {
    let mut fields = Fields::new(body);
    let pid = fields.u32("process")?;
    let key = fields.rest();
    let fits = (1..=CANCEL_KEY_MAX).contains(&key.len());
    if fits { Ok((pid, key)) } else { Err(BodyError::Value("cancel key")) }
}

/// What a server grants instead of what was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Negotiated<'b> {
    /// The version it will speak.
    pub version: Version,
    options: &'b [u8],
}

impl<'b> Negotiated<'b> {
    /// The whole body of a NegotiateProtocolVersion.
    pub fn parse(body: &'b [u8]) -> Result<Self, BodyError> {
        let mut fields = Fields::new(body);
        let version = Version::from_code(fields.u32("version")?);
        let count = fields.u32("number of options")?;
        let options = fields.rest();
        for _ in 0..count {
            fields.string("option")?;
        }
        fields.end()?;
        Ok(Self { version, options })
    }

    /// The options that it does not know.
    pub fn options(&self) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        let mut fields = Fields::new(self.options);
        std::iter::from_fn(move || fields.string("option").ok().map(|option| option.bytes))
    }
}

/// An error or a notice, in place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reported<'b>(&'b [u8]);

impl<'b> Reported<'b> {
    /// The whole body of an ErrorResponse or a NoticeResponse.
    pub fn parse(body: &'b [u8]) -> Result<Self, BodyError> {
        let mut fields = Fields::new(body);
        while fields.byte("kind of field")? != 0 {
            fields.string("field")?;
        }
        fields.end()?;
        Ok(Self(body))
    }

    /// All fields, by their kind.
    pub fn fields(&self) -> impl Iterator<Item = (u8, &'b [u8])> + use<'b> {
        let mut fields = Fields::new(self.0);
        std::iter::from_fn(move || {
            let kind = fields.byte("kind of field").ok().filter(|kind| *kind != 0)?;
            fields.string("field").ok().map(|text| (kind, text.bytes))
        })
    }

    /// The field of a kind.
    pub fn get(&self, kind: u8) -> Option<&'b [u8]> {
        self.fields().find(|(own, _)| *own == kind).map(|(_, text)| text)
    }

    /// Its severity, never translated; before PostgreSQL 9.6 translated.
    pub fn severity(&self) -> Option<&'b [u8]> {
        self.get(b'V').or_else(|| self.get(b'S'))
    }

    /// Its five characters.
    pub fn code(&self) -> Option<&'b [u8]> {
        self.get(b'C')
    }

    /// What happened.
    pub fn message(&self) -> Option<&'b [u8]> {
        self.get(b'M')
    }

    /// More facts.
    pub fn detail(&self) -> Option<&'b [u8]> {
        self.get(b'D')
    }

    /// What to do.
    pub fn hint(&self) -> Option<&'b [u8]> {
        self.get(b'H')
    }

    /// Whether the session ends with it.
    pub fn ends_session(&self) -> bool {
        matches!(self.severity(), Some(b"FATAL" | b"PANIC"))
    }
}

#[cfg(test)]
mod tests;
