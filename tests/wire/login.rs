//! Logins, by every method.

use std::io::Read as _;
use std::net::TcpStream;
use std::num::NonZeroU32;

use fdguard::wire::postgres::md5::Md5Secret;
use fdguard::wire::postgres::scram::{Binding, Exchange, Hello, Keys, Mechanism, Offer, Verifier};
use fdguard::wire::postgres::startup::{Version, write_cancel, write_ssl_request};

use crate::client::{Login, SILENCE_MAX, Session, dial, dial_with, password};
use crate::server::{PASSWORD, server};

fn refused(user: &str, login: &Login) -> String {
    dial(server().address, user).log_in(user, login).unwrap_err()
}

#[test]
fn a_password_serves_every_method() {
    for user in ["trusting", "scram", "md5", "clear"] {
        let mut session = Session::open(server().address, user, &password(PASSWORD));
        assert_eq!(session.value("select current_user"), user);
        assert!(session.parameters.iter().any(|(name, value)| name == "client_encoding" && value == "UTF8"));
        assert_eq!(session.key.map(|(_, key)| key.len()), Some(4));
    }
}

#[test]
fn a_wrong_password_serves_none() {
    for user in ["scram", "md5", "clear"] {
        assert_eq!(refused(user, &password("pen")), "28P01");
    }
    assert_eq!(refused("nobody", &password("pen")), "28000");
}

#[test]
fn stored_secrets_are_the_servers_own() {
    let mut root = Session::open(server().address, "postgres", &Login::None);
    let mut stored =
        |user: &str| root.value(&format!("select rolpassword from pg_authid where rolname = '{user}'"));
    let verifier = Verifier::parse(&stored("scram")).unwrap();
    assert!(verifier.verifies(PASSWORD.as_bytes()) && !verifier.verifies(b"pen"));
    assert_eq!(verifier.reveal(), stored("scram"));
    let hash = Md5Secret::parse(&stored("md5")).unwrap();
    assert!(hash == Md5Secret::from_password(PASSWORD.as_bytes(), b"md5"));
    Session::open(server().address, "md5", &Login::Md5(hash));
}

#[test]
fn keys_that_a_client_showed_us_open_the_server() {
    let mut root = Session::open(server().address, "postgres", &Login::None);
    let stored = root.value("select rolpassword from pg_authid where rolname = 'scram'");
    // The client logs in to us, who have only the verifier ...
    let hello = Hello::new(Binding::None, b"the client's nonce");
    let (first, exchange) = Exchange::begin(
        Verifier::parse(&stored).unwrap(),
        &Offer::Unbound,
        Mechanism::Sha256,
        b"our nonce",
        hello.first().as_bytes(),
    )
    .unwrap();
    let challenge = hello.challenged(first.as_bytes()).unwrap();
    let keys = Keys::derive(PASSWORD.as_bytes(), challenge.salt(), challenge.iterations());
    let (_, learnt) = exchange.finish(challenge.answer(&keys).0.as_bytes()).unwrap();
    // ... and we to the server, with what it showed.
    let mut session = Session::open(server().address, "scram", &Login::Keys(learnt));
    assert_eq!(session.value("select current_user"), "scram");
}

#[test]
fn a_verifier_of_our_making_is_good_to_the_server() {
    let mut root = Session::open(server().address, "postgres", &Login::None);
    let iterations = NonZeroU32::new(5_000).unwrap();
    let verifier = Verifier::from_password("our öwn".as_bytes(), b"salt of sixteen.", iterations);
    root.run(&format!("alter role handmade password '{}'", verifier.reveal()));
    let mut session = Session::open(server().address, "handmade", &password("our öwn"));
    assert_eq!(session.value("select current_user"), "handmade");
    assert_eq!(refused("handmade", &password("pen")), "28P01");
}

#[test]
fn newer_wishes_are_negotiated_down() {
    let parameters: [(&[u8], &[u8]); 3] =
        [(b"user", b"trusting"), (b"database", b"postgres"), (b"_pq_.x", b"1")];
    let mut session = dial_with(server().address, Version::V3_2, &parameters);
    session.log_in("trusting", &Login::None).unwrap();
    let (version, options) = session.negotiated.take().unwrap();
    assert!(version <= Version::V3_2);
    assert_eq!(options, ["_pq_.x"]);
}

#[test]
fn tls_is_asked_for_in_eight_bytes() {
    let mut stream = TcpStream::connect(server().address).unwrap();
    stream.set_read_timeout(Some(SILENCE_MAX)).unwrap();
    let mut out = Vec::new();
    write_ssl_request(&mut out);
    std::io::Write::write_all(&mut stream, &out).unwrap();
    let mut answer = [0];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"N");
}

#[test]
fn a_cancel_request_ends_a_query() {
    let mut sleeper = Session::open(server().address, "postgres", &Login::None);
    let (pid, key) = sleeper.key.clone().unwrap();
    let mut watcher = Session::open(server().address, "postgres", &Login::None);
    let sleeping = std::thread::spawn(move || sleeper.query("select pg_sleep(60)").0);
    // A cancel before the query has begun is lost: wait until it sleeps.
    let asleep =
        format!("select count(*) from pg_stat_activity where pid = {pid} and wait_event = 'PgSleep'");
    while watcher.value(&asleep) == "0" {
        assert!(!sleeping.is_finished());
    }
    let mut stream = TcpStream::connect(server().address).unwrap();
    let mut out = Vec::new();
    write_cancel(&mut out, pid, &key);
    std::io::Write::write_all(&mut stream, &out).unwrap();
    assert_eq!(sleeping.join().unwrap().error.as_deref(), Some("57014"));
}
