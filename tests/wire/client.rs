//! A client that knows nothing of the protocol but what `wire` tells it.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use fdguard::wire::postgres::backend::{
    self, Authentication, DataRow, Kind, Negotiated, Reported, Transaction, backend_key_data,
    command_complete, parameter_status, ready_for_query,
};
use fdguard::wire::postgres::frame::{MESSAGE_MAX, Part, Scanner};
use fdguard::wire::postgres::frontend as client;
use fdguard::wire::postgres::md5::Md5Secret;
use fdguard::wire::postgres::scram::{Binding, Hello, Keys};
use fdguard::wire::postgres::startup::{Version, write_startup};

/// How long the other side may be silent.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(20);

/// An odd size, so that messages and headers are cut in all places.
const CHUNK: usize = 37;

/// What a user logs in with.
pub(crate) enum Login {
    None,
    Password(String),
    Keys(Keys),
    Md5(Md5Secret),
}

pub(crate) fn password(text: &str) -> Login {
    Login::Password(text.to_owned())
}

/// What came back of one statement.
#[derive(PartialEq, Eq, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<Vec<Option<String>>>,
    pub(crate) tags: Vec<String>,
    /// The code of the error.
    pub(crate) error: Option<String>,
}

pub(crate) struct Session {
    stream: TcpStream,
    scanner: Scanner,
    partial: Vec<u8>,
    inbox: VecDeque<(Kind, Vec<u8>)>,
    pub(crate) key: Option<(u32, Vec<u8>)>,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) negotiated: Option<(Version, Vec<String>)>,
}

/// A connection that has sent its startup packet.
pub(crate) fn dial(address: SocketAddr, user: &str) -> Session {
    dial_with(address, Version::V3_0, &[(b"user", user.as_bytes()), (b"database", b"postgres")])
}

pub(crate) fn dial_with(address: SocketAddr, version: Version, parameters: &[(&[u8], &[u8])]) -> Session {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SILENCE_MAX)).unwrap();
    let mut session = Session {
        stream,
        scanner: Scanner::new(MESSAGE_MAX),
        partial: Vec::new(),
        inbox: VecDeque::new(),
        key: None,
        parameters: Vec::new(),
        negotiated: None,
    };
    session.send(|out| write_startup(out, version, parameters.iter().copied()));
    session
}

impl Session {
    /// Logs in, or says why the test fails.
    pub(crate) fn open(address: SocketAddr, user: &str, login: &Login) -> Self {
        let mut session = dial(address, user);
        session.log_in(user, login).unwrap();
        session
    }

    /// Goes through the login to the first ReadyForQuery; the code of the error otherwise.
    pub(crate) fn log_in(&mut self, user: &str, login: &Login) -> Result<(), String> {
        loop {
            let (kind, body) = self.receive();
            match kind {
                Kind::Authentication => match Authentication::parse(&body).unwrap() {
                    Authentication::Ok => {}
                    Authentication::Cleartext => {
                        let Login::Password(password) = login else { panic!("no password") };
                        self.send(|out| client::write_password(out, password.as_bytes()));
                    }
                    Authentication::Md5 { salt } => {
                        let secret = match login {
                            Login::Md5(secret) => secret.clone(),
                            Login::Password(password) => {
                                Md5Secret::from_password(password.as_bytes(), user.as_bytes())
                            }
                            Login::None | Login::Keys(_) => panic!("nothing for md5"),
                        };
                        self.send(|out| client::write_password(out, &secret.response(salt)));
                    }
                    Authentication::Sasl(mechanisms) => {
                        assert!(mechanisms.offers("SCRAM-SHA-256"));
                        self.scram(login)?;
                    }
                    other => panic!("{other:?}"),
                },
                Kind::ReadyForQuery => return Ok(()),
                Kind::ErrorResponse => return Err(code(&body)),
                _ => self.note(kind, &body),
            }
        }
    }

    fn scram(&mut self, login: &Login) -> Result<(), String> {
        let hello = Hello::new(Binding::None, b"a nonce that never changes");
        self.send(|out| {
            client::write_sasl_initial(out, hello.mechanism().as_bytes(), hello.first().as_bytes());
        });
        let body = self.sasl()?;
        let Authentication::SaslContinue(challenge) = Authentication::parse(&body).unwrap() else {
            panic!("no challenge")
        };
        let challenge = hello.challenged(challenge).unwrap();
        let keys = match login {
            Login::Password(text) => Keys::derive(text.as_bytes(), challenge.salt(), challenge.iterations()),
            Login::Keys(keys) => keys.clone(),
            Login::None | Login::Md5(_) => panic!("nothing for SCRAM"),
        };
        let (last, expectation) = challenge.answer(&keys);
        self.send(|out| client::write_sasl_response(out, last.as_bytes()));
        let body = self.sasl()?;
        let Authentication::SaslFinal(confirmed) = Authentication::parse(&body).unwrap() else {
            panic!("no confirmation")
        };
        expectation.confirm(confirmed).unwrap();
        Ok(())
    }

    fn sasl(&mut self) -> Result<Vec<u8>, String> {
        match self.receive() {
            (Kind::Authentication, body) => Ok(body),
            (Kind::ErrorResponse, body) => Err(code(&body)),
            (other, _) => panic!("{other:?}"),
        }
    }

    /// What may come at any time.
    fn note(&mut self, kind: Kind, body: &[u8]) {
        match kind {
            Kind::ParameterStatus => {
                let (name, value) = parameter_status(body).unwrap();
                self.parameters.push((text(name), text(value)));
            }
            Kind::BackendKeyData => {
                let (pid, key) = backend_key_data(body).unwrap();
                self.key = Some((pid, key.to_vec()));
            }
            Kind::NegotiateProtocolVersion => {
                let negotiated = Negotiated::parse(body).unwrap();
                self.negotiated = Some((negotiated.version, negotiated.options().map(text).collect()));
            }
            Kind::NoticeResponse => {
                assert!(Reported::parse(body).unwrap().message().is_some());
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn send(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&mut out);
        self.stream.write_all(&out).unwrap();
    }

    /// The next message. Fails where the server ends or is silent for too long.
    pub(crate) fn receive(&mut self) -> (Kind, Vec<u8>) {
        while self.inbox.is_empty() {
            let mut chunk = [0; CHUNK];
            let read = self.stream.read(&mut chunk).unwrap();
            assert!(read > 0, "the server closed the connection");
            for piece in self.scanner.feed(&chunk[..read]) {
                let piece = piece.unwrap();
                if let Part::Begins { .. } = piece.part {
                    self.partial.clear();
                }
                self.partial.extend_from_slice(&chunk[piece.body..piece.range.end]);
                if piece.ends() {
                    let kind = Kind::of(piece.header.tag).expect("a known kind");
                    self.inbox.push_back((kind, std::mem::take(&mut self.partial)));
                }
            }
        }
        self.inbox.pop_front().unwrap()
    }

    /// The next message that is no notice and no parameter.
    pub(crate) fn expect(&mut self, wanted: Kind) -> Vec<u8> {
        loop {
            let (kind, body) = self.receive();
            if kind == wanted {
                return body;
            }
            assert!(matches!(kind, Kind::NoticeResponse | Kind::ParameterStatus), "{kind:?}, not {wanted:?}");
            self.note(kind, &body);
        }
    }

    /// Runs a text as a Query, to the ReadyForQuery.
    pub(crate) fn query(&mut self, sql: &str) -> (Answer, Transaction) {
        self.send(|out| client::write_query(out, sql.as_bytes()));
        let mut answer = Answer::default();
        loop {
            let (kind, body) = self.receive();
            match kind {
                Kind::RowDescription => {
                    assert!(backend::RowDescription::parse(&body).unwrap().columns().count() > 0);
                }
                Kind::DataRow => {
                    let row = DataRow::parse(&body).unwrap();
                    answer.rows.push(row.values().map(|value| value.map(text)).collect());
                }
                Kind::CommandComplete => answer.tags.push(text(command_complete(&body).unwrap())),
                Kind::EmptyQueryResponse => {}
                Kind::ErrorResponse => answer.error = Some(code(&body)),
                Kind::ReadyForQuery => return (answer, ready_for_query(&body).unwrap()),
                _ => self.note(kind, &body),
            }
        }
    }

    /// Runs what must not fail.
    pub(crate) fn run(&mut self, sql: &str) -> Answer {
        let (answer, _) = self.query(sql);
        assert_eq!(answer.error, None, "{sql}");
        answer
    }

    /// The one value of the one row.
    pub(crate) fn value(&mut self, sql: &str) -> String {
        self.run(sql).rows[0][0].clone().unwrap()
    }
}

fn code(body: &[u8]) -> String {
    text(Reported::parse(body).unwrap().code().unwrap())
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
