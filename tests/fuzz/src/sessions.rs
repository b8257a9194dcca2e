//! How sessions begin.

use std::num::NonZeroU32;

use fdguard::wire::postgres::options;
use fdguard::wire::postgres::scram::{Binding, Exchange, Hello, Keys, Mechanism, Offer, Verifier};
use fdguard::wire::postgres::startup::{First, first, write_cancel, write_startup};

pub(crate) const STARTUPS: &[&[u8]] = &[
    b"\0\0\0\x28\0\x03\0\0user\0bot\0options\0-c a=b\\ c\0\0",
    b"\0\0\0\x1c\0\x03\0\x02user\0b\0_pq_.x\0y\0\0",
    b"\0\0\0\x08\x04\xd2\x16\x2f",
    b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x4dkey!",
    b"\x16\x03\x01",
];

pub(crate) const SCRAMS: &[&[u8]] = &[
    b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    b"p=tls-server-end-point,,n=,r=x",
    b"r=bm9uY2U=d,s=c2FsdA==,i=4",
    b"c=biws,r=xbm9uY2U=,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    b"SCRAM-SHA-256$4:c2FsdA==$dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=:6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
];

/// Any first packet is read or refused, and one that is read can be written again.
pub fn startup(data: &[u8]) {
    let Ok(Some((opened, len))) = first(data) else { return };
    assert!(len <= data.len());
    let mut again = Vec::new();
    match opened {
        First::Startup(wanted) => {
            assert!(!wanted.user.is_empty() && !wanted.database().is_empty());
            assert!(wanted.settings().count() + wanted.protocol_options().count() < wanted.parameters().count());
            if let Some(text) = wanted.get(b"options") {
                let _settings = options::settings(text);
            }
            write_startup(&mut again, wanted.version, wanted.parameters());
        }
        First::Cancel { pid, key } => write_cancel(&mut again, pid, key),
        First::Ssl | First::GssEnc | First::DirectTls => return,
    }
    assert_eq!(again, &data[..len]);
}

/// No bytes log in, and none make a client believe a server.
pub fn scram(data: &[u8]) {
    let iterations = NonZeroU32::MIN;
    for (offer, mechanism) in [
        (Offer::Unbound, Mechanism::Sha256),
        (Offer::EndPoint(vec![7; 32]), Mechanism::Sha256),
        (Offer::EndPoint(vec![7; 32]), Mechanism::Sha256Plus),
    ] {
        let verifier = Verifier::from_password(b"pencil", b"salt", iterations);
        let opened = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if let Ok((_, exchange)) = Exchange::begin(verifier, &offer, mechanism, b"nonce", opened) {
            let last = data.get(opened.len() + 1..).unwrap_or_default();
            assert!(exchange.finish(last).is_err());
        }
    }
    if let Ok(challenge) = Hello::new(Binding::None, b"nonce").challenged(data) {
        assert!(challenge.iterations().get() >= 1 && !challenge.salt().is_empty());
        let keys = Keys::new([1; 32], [2; 32]);
        assert!(challenge.answer(&keys).1.confirm(data).is_err());
    }
    if let Ok(challenge) = Hello::new(Binding::None, b"nonce").challenged(b"r=bm9uY2U=d,s=c2FsdA==,i=4") {
        let keys = Keys::derive(b"pencil", challenge.salt(), challenge.iterations());
        assert!(challenge.answer(&keys).1.confirm(data).is_err());
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(verifier) = Verifier::parse(text)
    {
        assert!(Verifier::parse(&verifier.reveal()).is_ok_and(|again| again == verifier));
    }
}
