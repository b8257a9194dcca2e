use proptest::prelude::*;

use super::*;

// RFC 7677, section 3.
const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const SERVER_FIRST: &str =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

/// The password `foo`, by another implementation: that of Python's hashlib.
const STORED: &str = "SCRAM-SHA-256$4096:VLK4RMaQLCvNtQ==$Pe0jdveq+pOxvb1xvMGLfW7lDtAYApzFg9FS7z/H1DA=:pt0238lMGBlWpq6V8F4BsYZPCiKiZX0d5LqE0qJNxDg=";

fn few() -> NonZeroU32 {
    NonZeroU32::new(3).unwrap()
}

fn verifier(password: &str) -> Verifier {
    Verifier::from_password(password.as_bytes(), b"salt of sixteen.", few())
}

/// Client and server talk to the end; the keys that the server learnt.
fn talk(
    password: &str,
    verifier: Verifier,
    (binding, offer): (Binding, &Offer),
) -> Result<(Keys, NonZeroU32), ScramError> {
    let hello = Hello::new(binding, b"client nonce, 18 bytes");
    let mechanism = Mechanism::of(hello.mechanism().as_bytes()).unwrap();
    let (first, exchange) =
        Exchange::begin(verifier, offer, mechanism, b"server nonce, 18 bytes", hello.first().as_bytes())?;
    let challenge = hello.challenged(first.as_bytes())?;
    let iterations = challenge.iterations();
    let keys = Keys::derive(password.as_bytes(), challenge.salt(), iterations);
    let (last, expectation) = challenge.answer(&keys);
    let (confirmed, learnt) = exchange.finish(last.as_bytes())?;
    expectation.confirm(confirmed.as_bytes())?;
    assert!(learnt == keys);
    Ok((learnt, iterations))
}

#[test]
fn the_example_of_rfc_7677_as_client() {
    let hello = Hello::example("user", "rOprNGfwEbeRWgbNEkqO");
    assert_eq!(hello.first(), CLIENT_FIRST);
    let challenge = hello.challenged(SERVER_FIRST.as_bytes()).unwrap();
    let keys = Keys::derive(b"pencil", challenge.salt(), challenge.iterations());
    let (last, expectation) = challenge.answer(&keys);
    assert_eq!(last, CLIENT_FINAL);
    assert_eq!(expectation.confirm(SERVER_FINAL.as_bytes()), Ok(()));
}

#[test]
fn the_example_of_rfc_7677_as_server() {
    let salt = attributes::decode("W22ZaJ0SNY7soEsUEjb6gQ==", "salt").unwrap();
    let verifier = Verifier::from_password(b"pencil", &salt, NonZeroU32::new(4096).unwrap());
    let (first, exchange) = Exchange::begin_with(
        verifier,
        &Offer::Unbound,
        Mechanism::Sha256,
        SERVER_NONCE,
        CLIENT_FIRST.as_bytes(),
    )
    .unwrap();
    assert_eq!(first, SERVER_FIRST);
    let (last, keys) = exchange.finish(CLIENT_FINAL.as_bytes()).unwrap();
    assert_eq!(last, SERVER_FINAL);
    assert!(keys == Keys::derive(b"pencil", &salt, NonZeroU32::new(4096).unwrap()));
}

#[test]
fn a_stored_secret_verifies_its_password() {
    let stored = Verifier::parse(STORED).unwrap();
    assert_eq!(stored.reveal(), STORED);
    assert!(stored.verifies(b"foo") && !stored.verifies(b"bar"));
    for broken in [
        "",
        "SCRAM-SHA-256$4096:VLK4RMaQLCvNtQ==$Pe0jdveq+pOxvb1xvMGLfW7lDtAYApzFg9FS7z/H1DA=",
        "SCRAM-SHA-256$0:VLK4RMaQLCvNtQ==$Pe0jdveq+pOxvb1xvMGLfW7lDtAYApzFg9FS7z/H1DA=:pt0238lMGBlWpq6V8F4BsYZPCiKiZX0d5LqE0qJNxDg=",
        "SCRAM-SHA-256$4096:$Pe0jdveq+pOxvb1xvMGLfW7lDtAYApzFg9FS7z/H1DA=:pt0238lMGBlWpq6V8F4BsYZPCiKiZX0d5LqE0qJNxDg=",
        "SCRAM-SHA-256$4096:VLK4RMaQLCvNtQ==$6Ytl:pt0238lMGBlWpq6V8F4BsYZPCiKiZX0d5LqE0qJNxDg=",
    ] {
        assert!(Verifier::parse(broken).is_err(), "{broken}");
    }
}

#[test]
fn channel_binding_is_what_both_say_or_nothing() {
    let offered = Offer::EndPoint(vec![7; 32]);
    let bound = |hash| Binding::EndPoint(vec![hash; 32]);
    let outcome = |binding, offer| talk("pw", verifier("pw"), (binding, offer)).err();
    assert_eq!(outcome(Binding::None, &Offer::Unbound), None);
    assert_eq!(outcome(Binding::Unoffered, &Offer::Unbound), None);
    assert_eq!(outcome(Binding::None, &offered), None);
    assert_eq!(outcome(bound(7), &offered), None);
    let refused = [
        (outcome(Binding::Unoffered, &offered), "the client believes it was not offered, but it was"),
        (outcome(bound(8), &offered), "the client is bound to something else"),
        (outcome(bound(7), &Offer::Unbound), "the client chose what was not offered"),
    ];
    for (outcome, reason) in refused {
        assert_eq!(outcome, Some(ScramError::Binding(reason)));
    }
    assert_eq!(offered.mechanisms(), ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]);
}

#[test]
fn a_flag_must_fit_the_mechanism() {
    let begin = |mechanism, first: &str| {
        let offer = Offer::EndPoint(vec![7; 32]);
        Exchange::begin(verifier("pw"), &offer, mechanism, b"nonce", first.as_bytes()).err().unwrap()
    };
    let plus = Mechanism::Sha256Plus;
    let plain = Mechanism::Sha256;
    assert!(matches!(begin(plus, "n,,n=,r=x"), ScramError::Binding(_)));
    assert!(matches!(begin(plain, "p=tls-server-end-point,,n=,r=x"), ScramError::Binding(_)));
    assert!(matches!(begin(plus, "p=tls-unique,,n=,r=x"), ScramError::Binding(_)));
    assert_eq!(begin(plain, "n,a=root,n=,r=x"), ScramError::Unsupported("authorization identity"));
    assert_eq!(begin(plain, "n,,m=x,n=,r=x"), ScramError::Unsupported("mandatory extension"));
    assert_eq!(begin(plain, "n,,n="), ScramError::Malformed("nonce"));
    assert_eq!(begin(plain, "n,,n=,r="), ScramError::Malformed("nonce"));
    assert_eq!(begin(plain, "n,,n=,r=x\ny"), ScramError::Malformed("nonce"));
    assert_eq!(begin(plain, "n,x,n=,r=x"), ScramError::Malformed("header"));
    assert_eq!(begin(plain, &format!("n,,n=,r={}", "x".repeat(MESSAGE_MAX))), ScramError::TooLong);
    assert_eq!(Mechanism::of(b"SCRAM-SHA-1"), None);
}

#[test]
fn wrong_passwords_and_absent_users_look_the_same() {
    let offer = Offer::Unbound;
    assert_eq!(talk("no", verifier("pw"), (Binding::None, &offer)).err(), Some(ScramError::Proof));
    let mock = |user: &[u8]| Verifier::mock(user, &[9; KEY_LEN], few());
    assert_eq!(talk("pw", mock(b"nobody"), (Binding::None, &offer)).err(), Some(ScramError::Proof));
    assert!(mock(b"nobody").salt == mock(b"nobody").salt && mock(b"nobody").salt != mock(b"other").salt);
    assert_eq!(mock(b"nobody").salt.len(), verifier("pw").salt.len());
}

#[test]
fn learnt_keys_log_in_where_the_verifier_is_the_same() {
    let (keys, iterations) = talk("pw", verifier("pw"), (Binding::None, &Offer::Unbound)).unwrap();
    assert_eq!(iterations, few());
    let hello = Hello::new(Binding::None, b"another");
    let (first, exchange) = Exchange::begin(
        verifier("pw"),
        &Offer::Unbound,
        Mechanism::Sha256,
        b"one more",
        hello.first().as_bytes(),
    )
    .unwrap();
    let (last, expectation) = hello.challenged(first.as_bytes()).unwrap().answer(&keys);
    let (confirmed, _) = exchange.finish(last.as_bytes()).unwrap();
    assert_eq!(expectation.confirm(confirmed.as_bytes()), Ok(()));
}

#[test]
fn a_client_trusts_no_server_that_can_not_show_it() {
    let challenged = |message: &str| {
        Hello::example("", "abc").challenged(message.as_bytes()).map(|challenge| challenge.iterations())
    };
    assert_eq!(challenged("r=abcd,s=c2FsdA==,i=5").map(NonZeroU32::get), Ok(5));
    assert_eq!(challenged("r=abcd,s=c2FsdA==,i=5,x=1").map(NonZeroU32::get), Ok(5));
    assert_eq!(challenged("r=abc,s=c2FsdA==,i=5"), Err(ScramError::Nonce));
    assert_eq!(challenged("r=xyz1,s=c2FsdA==,i=5"), Err(ScramError::Nonce));
    assert_eq!(challenged("r=abcd,s=c2FsdA==,i=0"), Err(ScramError::Iterations(0)));
    assert_eq!(challenged("r=abcd,s=c2FsdA==,i=1000001"), Err(ScramError::Iterations(1_000_001)));
    assert_eq!(challenged("r=abcd,s=c2FsdA==,i=+5"), Err(ScramError::Malformed("iterations")));
    assert_eq!(challenged("r=abcd,s=,i=5"), Err(ScramError::Malformed("salt")));
    assert_eq!(challenged("r=abcd,s=c2FsdA,i=5"), Err(ScramError::Malformed("salt")));
    assert_eq!(challenged("m=x,r=abcd,s=c2FsdA==,i=5"), Err(ScramError::Unsupported("mandatory extension")));
    let answer = || {
        let challenge = Hello::example("", "abc").challenged(b"r=abcd,s=c2FsdA==,i=5").unwrap();
        challenge.answer(&Keys::new([1; KEY_LEN], [2; KEY_LEN])).1
    };
    assert_eq!(answer().confirm(SERVER_FINAL.as_bytes()), Err(ScramError::Signature));
    assert_eq!(answer().confirm(b"e=invalid-proof"), Err(ScramError::Refused));
    assert_eq!(answer().confirm(b"v=AAAA"), Err(ScramError::Malformed("signature")));
}

#[test]
fn passwords_are_prepared_or_taken_as_they_are() {
    // RFC 4013: soft hyphen goes, a Roman numeral is spelled out, a control character is refused.
    assert_eq!(&*prepared("I\u{ad}X".as_bytes()), b"IX");
    assert_eq!(&*prepared("\u{2168}".as_bytes()), b"IX");
    assert_eq!(&*prepared(b"\x07x"), b"\x07x");
    assert_eq!(&*prepared(b"\xff\xfe"), b"\xff\xfe");
}

proptest! {
    #[test]
    fn the_right_password_passes_and_no_other(one in "\\PC{1,12}", two in "\\PC{1,12}") {
        let outcome = talk(&one, verifier(&two), (Binding::None, &Offer::Unbound));
        let same = prepared(one.as_bytes()) == prepared(two.as_bytes());
        prop_assert_eq!(outcome.is_ok(), same);
        prop_assert!(talk(&one, verifier(&one), (Binding::None, &Offer::Unbound)).is_ok());
    }

    #[test]
    fn a_changed_message_never_passes(at in 0_usize..200, flip in 1_u8..=255) {
        let hello = Hello::new(Binding::None, b"client nonce, 18 bytes");
        let offer = Offer::Unbound;
        let first = hello.first();
        let (challenge, exchange) = Exchange::begin(
            verifier("pw"), &offer, Mechanism::Sha256, b"server nonce, 18 bytes", first.as_bytes(),
        ).unwrap();
        let challenge = hello.challenged(challenge.as_bytes()).unwrap();
        let keys = Keys::derive(b"pw", challenge.salt(), few());
        let mut last = challenge.answer(&keys).0.into_bytes();
        let at = at % last.len();
        last[at] ^= flip;
        prop_assert!(exchange.finish(&last).is_err());
    }

    #[test]
    fn any_bytes_are_taken_or_refused(message in prop::collection::vec(any::<u8>(), 0..80), text in "[nyp=,arsicvem0-9A-Za-z]{0,60}") {
        for message in [&message[..], text.as_bytes()] {
            let offer = Offer::Unbound;
            let begun = Exchange::begin(verifier("pw"), &offer, Mechanism::Sha256, b"n", message);
            if let Ok((first, exchange)) = begun {
                prop_assert!(first.len() < MESSAGE_MAX * 2);
                prop_assert!(exchange.finish(message).is_err());
            }
            let _challenge = Hello::new(Binding::None, b"n").challenged(message).is_ok();
            let _verifier = std::str::from_utf8(message).map(|text| Verifier::parse(text).is_ok());
        }
    }
}
