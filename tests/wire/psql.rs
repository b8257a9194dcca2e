//! psql as a client of our server's side: startup, SCRAM, a query answered as the console does.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::process::{Command, Output};

use fdguard::wire::postgres::backend::{
    Transaction, Type, write_auth_ok, write_auth_sasl, write_auth_sasl_continue, write_auth_sasl_final,
    write_backend_key_data, write_command_complete, write_data_row, write_parameter_status,
    write_ready_for_query, write_row_description,
};
use fdguard::wire::postgres::frame::{HEADER_LEN, Header};
use fdguard::wire::postgres::frontend::{Kind, SMALL_MAX, SaslInitial, query};
use fdguard::wire::postgres::scram::{Exchange, Mechanism, Offer, ScramError, Verifier};
use fdguard::wire::postgres::sqlstate::{Report, SqlState, error_response, notice_response};
use fdguard::wire::postgres::startup::{First, first};

use crate::client::SILENCE_MAX;

const PASSWORD: &str = "pencil \u{2168}";

/// One client's connection.
struct Peer {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Peer {
    fn more(&mut self) {
        let mut chunk = [0; 5];
        let read = self.stream.read(&mut chunk).unwrap();
        assert!(read > 0, "psql closed the connection");
        self.read.extend_from_slice(&chunk[..read]);
    }

    fn send(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&mut out);
        self.stream.write_all(&out).unwrap();
    }

    /// Answers requests to encrypt with no; the user and the database of the session.
    fn startup(&mut self) -> (String, String) {
        loop {
            let Some((opened, len)) = first(&self.read).unwrap() else {
                self.more();
                continue;
            };
            let session = match opened {
                First::Ssl | First::GssEnc => None,
                First::Startup(wanted) => {
                    let named = [wanted.user, wanted.database()];
                    Some(named.map(|name| String::from_utf8(name.to_vec()).unwrap()))
                }
                First::Cancel { .. } | First::DirectTls => panic!("{opened:?}"),
            };
            self.read.drain(..len);
            match session {
                Some([user, database]) => return (user, database),
                None => self.stream.write_all(b"N").unwrap(),
            }
        }
    }

    fn message(&mut self) -> (Kind, Vec<u8>) {
        loop {
            if let Some(header) = Header::parse(&self.read, SMALL_MAX).unwrap() {
                let len = usize::try_from(header.message_len()).unwrap();
                if self.read.len() >= len {
                    let message: Vec<u8> = self.read.drain(..len).collect();
                    return (Kind::of(header.tag).unwrap(), message[HEADER_LEN..].to_vec());
                }
            }
            self.more();
        }
    }

    fn scram(&mut self) -> Result<(), ScramError> {
        let offer = Offer::Unbound;
        self.send(|out| write_auth_sasl(out, offer.mechanisms()));
        let (_, body) = self.message();
        let initial = SaslInitial::parse(&body).unwrap();
        let iterations = NonZeroU32::new(4096).unwrap();
        let verifier = Verifier::from_password(PASSWORD.as_bytes(), b"salt of sixteen.", iterations);
        let mechanism = Mechanism::of(initial.mechanism).unwrap();
        let (challenge, exchange) =
            Exchange::begin(verifier, &offer, mechanism, b"our nonce", initial.data.unwrap())?;
        self.send(|out| write_auth_sasl_continue(out, challenge.as_bytes()));
        let (_, body) = self.message();
        let (confirmed, _) = exchange.finish(&body)?;
        self.send(|out| write_auth_sasl_final(out, confirmed.as_bytes()));
        Ok(())
    }
}

/// Serves one session: a login, then one row for each query, until the client says goodbye.
fn serve(listener: &TcpListener) {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(SILENCE_MAX)).unwrap();
    let mut peer = Peer { stream, read: Vec::new() };
    let (user, database) = peer.startup();
    if let Err(error) = peer.scram() {
        let text = error.to_string();
        peer.send(|out| error_response(out, &Report::new(SqlState::InvalidPassword, &text)));
        return;
    }
    peer.send(|out| {
        write_auth_ok(out);
        write_parameter_status(out, b"server_version", b"15.0");
        write_parameter_status(out, b"client_encoding", b"UTF8");
        write_backend_key_data(out, 1, b"key!");
        write_ready_for_query(out, Transaction::Idle);
    });
    loop {
        let (kind, body) = peer.message();
        match kind {
            Kind::Query => {
                let asked = query(&body).unwrap().to_vec();
                peer.send(|out| {
                    notice_response(out, &Report::new(SqlState::Warning, "take care").hint("or not"));
                    write_row_description(
                        out,
                        &["user", "database", "asked", "none"].map(|name| (name, Type::Text)),
                    );
                    let row = [user.as_bytes(), database.as_bytes(), &asked];
                    write_data_row(out, &[Some(row[0]), Some(row[1]), Some(row[2]), None]);
                    write_command_complete(out, "SHOW");
                    write_ready_for_query(out, Transaction::Idle);
                });
            }
            Kind::Terminate => return,
            other => panic!("{other:?}"),
        }
    }
}

fn psql(password: &str) -> Output {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = std::thread::spawn(move || serve(&listener));
    let output = Command::new("psql")
        .args(["-X", "-A", "-t", "-h", "127.0.0.1", "-p", &port.to_string(), "-U", "bot", "-d", "orders"])
        .args(["-c", "show pools"])
        .env("PGPASSWORD", password)
        .output()
        .unwrap();
    serving.join().unwrap();
    output
}

#[test]
fn psql_logs_in_and_is_answered() {
    let output = psql(PASSWORD);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "bot|orders|show pools|\n");
    assert!(told.contains("WARNING:  take care") && told.contains("HINT:  or not"), "{told}");
}

#[test]
fn psql_with_a_wrong_password_is_told_so() {
    let output = psql("pen");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("password authentication failed"));
}
