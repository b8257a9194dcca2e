//! Frames at any split, and the messages in them.

use fdguard::wire::postgres::backend::{
    self, Authentication, DataRow, Negotiated, Reported, RowDescription, write_data_row,
};
use fdguard::wire::postgres::fields::Span;
use fdguard::wire::postgres::frame::{FrameError, HEADER_LEN, Header, MESSAGE_MAX, Part, Scanner};
use fdguard::wire::postgres::frontend::{
    self, Bind, Execute, Named, Parse, SaslInitial, write_parse, write_renamed,
};

/// A bound that inputs of some hundred bytes reach.
const LENGTH_MAX: u32 = 300;

pub(crate) const FRAMES: &[&[u8]] = &[
    b"\x05\x01Q\0\0\0\x0dselect 1\0S\0\0\0\x04",
    b"\x03\x02T\0\0\0\x1b\0\x01a\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0Z\0\0\0\x05I",
    b"\x01\x01D\xff\xff\xff\xff",
    b"\x09\x04D\0\0\0\x03S\0\0\0\x04",
];

pub(crate) const MESSAGES: &[&[u8]] = &[
    b"Ps\0select $1\0\0\x01\0\0\0\x17",
    b"B\0s\0\0\x01\0\x01\0\x02\0\0\0\x01x\xff\xff\xff\xff\0\x01\0\x01",
    b"DSs\0",
    b"E\0\0\0\0\x05",
    b"pSCRAM-SHA-256\0\0\0\0\x08n,,n=,r=",
    b"ESERROR\0VERROR\0C22012\0Mdivision by zero\0\0",
    b"T\0\x01a\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0",
    b"D\0\x02\0\0\0\x01x\xff\xff\xff\xff",
    b"R\0\0\0\x0aSCRAM-SHA-256\0\0",
    b"v\0\x03\0\x02\0\0\0\x01_pq_.x\0",
    b"K\0\0\0\x01key!",
];

/// Any split of a stream gives the same messages, and nothing is held but a cut header.
pub fn frame(data: &[u8]) {
    let Some((&[first, then], stream)) = data.split_first_chunk() else { return };
    let whole = gathered(stream, stream.len(), stream.len());
    let split = gathered(stream, usize::from(first), usize::from(then));
    assert_eq!(whole, split);
}

/// The messages of a stream that comes in chunks of two sizes by turns.
fn gathered(stream: &[u8], first: usize, then: usize) -> Result<Vec<Vec<u8>>, FrameError> {
    let mut scanner = Scanner::new(LENGTH_MAX);
    let (mut messages, mut open) = (Vec::new(), Vec::new());
    let (mut rest, mut sizes) = (stream, [first, then].into_iter().cycle());
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(1).clamp(1, rest.len());
        let (chunk, behind) = rest.split_at(size);
        rest = behind;
        for piece in scanner.feed(chunk) {
            let piece = piece?;
            match piece.part {
                Part::Begins { carried } => open = piece.header.bytes()[..carried].to_vec(),
                Part::Continues => {}
            }
            open.extend_from_slice(&chunk[piece.range.clone()]);
            assert!(open.len() <= LENGTH_MAX as usize + 1);
            if piece.ends() {
                messages.push(std::mem::take(&mut open));
            }
        }
        assert!(scanner.undecided().len() < HEADER_LEN);
    }
    Ok(messages)
}

/// Any body is viewed or refused; a view holds no more than the body; what is written again is the same.
pub fn message(data: &[u8]) {
    let Some((tag, body)) = data.split_first() else { return };
    if let Some(kind) = frontend::Kind::of(*tag) {
        of_client(kind, body);
    }
    if let Some(kind) = backend::Kind::of(*tag) {
        of_server(kind, body);
    }
}

fn of_client(kind: frontend::Kind, body: &[u8]) {
    use frontend::Kind;
    match kind {
        Kind::Parse => {
            let Ok(parse) = Parse::parse(body) else { return };
            let mut again = Vec::new();
            let types: Vec<u32> = parse.types().collect();
            write_parse(&mut again, parse.name.bytes, parse.query.bytes, &types);
            assert_eq!(&again[HEADER_LEN..], body);
            assert_eq!(Parse::names(body), Some(parse.name));
            rename(*b"P", body, parse.name);
        }
        Kind::Bind => {
            let Ok(bind) = Bind::parse(body) else { return };
            let held: usize = bind.values().flatten().map(<[u8]>::len).sum();
            assert!(held <= body.len() && bind.formats().len() + bind.result_formats().len() <= body.len());
            assert_eq!(Bind::names(body), Some((bind.portal, bind.statement)));
            rename(*b"B", body, bind.statement);
        }
        Kind::Describe | Kind::Close => {
            if let Ok(named) = Named::parse(body) {
                rename([kind.tag()], body, named.name);
            }
        }
        Kind::Execute => {
            let _viewed = Execute::parse(body);
        }
        Kind::Password => {
            let _viewed = (SaslInitial::parse(body), frontend::password(body));
        }
        Kind::FunctionCall => {
            let _viewed = frontend::function_call(body);
        }
        Kind::Query => {
            let _viewed = frontend::query(body);
        }
        Kind::CopyFail => {
            let _viewed = frontend::copy_fail(body);
        }
        Kind::CopyData | Kind::CopyDone | Kind::Flush | Kind::Sync | Kind::Terminate => {}
    }
}

/// There and back is the same message.
fn rename([tag]: [u8; 1], body: &[u8], old: Span<'_>) {
    let header = Header { tag, len: u32::try_from(body.len()).unwrap_or(0) + 4 };
    let mut renamed = Vec::new();
    let rest = write_renamed(&mut renamed, header, body, old, b"another name");
    renamed.extend_from_slice(&body[rest..]);
    let header = Header::parse(&renamed, MESSAGE_MAX).ok().flatten().expect("what was written is a message");
    assert_eq!(header.message_len(), renamed.len() as u64);
    let new = Span { bytes: b"another name", at: old.at };
    let mut back = Vec::new();
    let rest = write_renamed(&mut back, header, &renamed[HEADER_LEN..], new, old.bytes);
    back.extend_from_slice(&renamed[HEADER_LEN + rest..]);
    assert_eq!(&back[HEADER_LEN..], body);
}

fn of_server(kind: backend::Kind, body: &[u8]) {
    use backend::Kind;
    match kind {
        Kind::Authentication => {
            if let Ok(Authentication::Sasl(mechanisms)) = Authentication::parse(body) {
                assert!(mechanisms.iter().count() <= body.len());
            }
        }
        Kind::BackendKeyData => {
            let _viewed = backend::backend_key_data(body);
        }
        Kind::CommandComplete => {
            let _viewed = backend::command_complete(body).map(backend::rows_affected);
        }
        Kind::ErrorResponse | Kind::NoticeResponse => {
            if let Ok(reported) = Reported::parse(body) {
                assert!(reported.fields().map(|(_, text)| text.len() + 2).sum::<usize>() < body.len());
            }
        }
        Kind::NegotiateProtocolVersion => {
            if let Ok(negotiated) = Negotiated::parse(body) {
                assert!(negotiated.options().count() <= body.len());
            }
        }
        Kind::ParameterStatus => {
            let _viewed = backend::parameter_status(body);
        }
        Kind::ReadyForQuery => {
            let _viewed = backend::ready_for_query(body);
        }
        Kind::RowDescription => {
            if let Ok(rows) = RowDescription::parse(body) {
                assert!(rows.columns().count() <= body.len() / 19);
            }
        }
        Kind::DataRow => {
            let Ok(row) = DataRow::parse(body) else { return };
            let values: Vec<_> = row.values().collect();
            let mut again = Vec::new();
            write_data_row(&mut again, &values);
            assert_eq!(&again[HEADER_LEN..], body);
        }
        Kind::BindComplete
        | Kind::CloseComplete
        | Kind::CopyBothResponse
        | Kind::CopyData
        | Kind::CopyDone
        | Kind::CopyInResponse
        | Kind::CopyOutResponse
        | Kind::EmptyQueryResponse
        | Kind::FunctionCallResponse
        | Kind::NoData
        | Kind::NotificationResponse
        | Kind::ParameterDescription
        | Kind::ParseComplete
        | Kind::PortalSuspended => {}
    }
}
