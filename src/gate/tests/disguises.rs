//! A path that some server takes for that of an order is one, however it is written.

use proptest::prelude::*;

use super::{kind, rule};
use crate::gate::matter::decoded;
use crate::gate::pattern::Case;
use crate::gate::{Kind, Path, Pattern, Rules};

const ORDER: &str = "/api/v3/order";

fn rules() -> Rules {
    Rules { orders: vec![rule("POST", ORDER)], cancels: vec![rule("POST", "/api/v3/cancel")] }
}

#[test]
fn disguises_of_an_order_are_seen_through() {
    for target in [
        "/api/v3/order",
        "/api/v3/order?x",
        "/api/v3/order#x",
        "/api/v3/order/",
        "//api/v3/order",
        "/api//v3///order",
        "/api/v3/./order",
        "/api/v3/x/../order",
        "/../api/v3/order",
        "/api/v3/%6frder",
        "/api/v3/%6Frder",
        "/api%2Fv3%2forder",
        "/api/v3/%256frder",
        "/api/v3/%25%36%66rder",
        "/api/v3/x/%2e%2e/order",
        "/api/v3/x/.%2E/order",
        "/api/v3/x%2f..%2forder",
        "/api\\v3\\order",
        "/api/v3%5Corder",
        "/api/v3/order;a=b",
        "/api/v3;x/order",
        "/api/v3/order%3Fx",
        "/api/v3/order%23",
        "/API/V3/Order",
        "/api/v3/cancel/../order",
        "/api/v3/cancel%2f..%2forder",
        // What a part that is read in two ways hides is seen only where both ways are gone.
        "/api//../v3/order",
        "/x%3F/../api/v3/order",
        "/x%23/../api/v3/order",
        "/x#/../api/v3/order",
        "/x;/../api/v3/order",
        "/api/v3/a%2fb/../order",
        "/api/v3/a\\b/../order",
        "/api/v3/a%5cb/../order",
        "/api/v3/..;/../order",
        "/api/v3/..;a/order/../../v3/order",
        "//host/api/v3/order",
        "/api/v3/order.",
        "/api/v3/order%20",
        // Nobody knows what these are.
        "/%25252525%36f",
        "/%u006frder",
        "/or%09der",
        "/order%00.txt",
        "/api%c0%afv3%c0%aforder",
        "http://host/api/v3/order",
    ] {
        assert_eq!(kind(&rules(), "POST", target, None), Kind::Order, "{target}");
    }
}

#[test]
fn data_is_not_taken_for_an_order() {
    for target in
        ["/api/v3/orders", "/api/v3", "/api/v3/order/7", "/order", "/api/v3/ticker/BTC%2FUSDT", "/a%20b", "/"]
    {
        assert_eq!(kind(&rules(), "POST", target, None), Kind::Data, "{target}");
    }
}

#[test]
fn only_what_is_surely_a_cancel_is_one() {
    // An order under a cancel's name: both rules are for the same path, so that only the cancel's would let it through.
    let rules = Rules {
        orders: vec![rule("", "/**")],
        cancels: vec![rule("", "/api/cancel"), rule("", "/orders/*"), rule("", "/open/**")],
    };
    for (target, is) in [
        ("/api/cancel", Kind::Cancel),
        ("/api/c%61ncel", Kind::Order),
        ("/api/cancel/", Kind::Order),
        ("/api/Cancel", Kind::Order),
        ("/api/cancel/../order", Kind::Order),
        ("/api/cancel/%2e%2e/order", Kind::Order),
        ("/api/cancel;/../order", Kind::Order),
        ("/api//cancel", Kind::Order),
        ("/orders/BTC-USD", Kind::Cancel),
        ("/orders/BTC%20USD", Kind::Cancel),
        ("/orders/BTC%2FUSD", Kind::Order),
        ("/orders/a%zz", Kind::Order),
        ("/open/BTC%2FUSD/7", Kind::Cancel),
        ("/open/..%2Forder", Kind::Order),
        ("/open/%2e%2e/order", Kind::Order),
    ] {
        assert_eq!(kind(&rules, "POST", target, None), is, "{target}");
    }
}

/// A way to write a letter.
fn letter(letter: u8, how: u8) -> String {
    let plain = char::from(letter);
    match how {
        0 => format!("%{letter:02x}"),
        1 => format!("%{letter:02X}"),
        2 => format!("%25{letter:02x}"),
        3 => plain.to_ascii_uppercase().to_string(),
        _ => plain.to_string(),
    }
}

/// A way to write a slash, by which servers come to the next part.
fn slash(how: u8) -> &'static str {
    match how {
        0 => "//",
        1 => "/./",
        2 => "/x/../",
        3 => "%2f",
        4 => "\\",
        5 => "/%2e/",
        6 => ";a=b/",
        7 => "/x%2f%2e./",
        8 => "//../v9/../",
        9 => "/x%3F/../",
        10 => "/x%23/../",
        11 => "/a%2fb/../",
        12 => "/a\\b/../",
        13 => "/..;/../",
        14 => "/a#/../",
        15 => "/x%253F/%2e./",
        _ => "/",
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Any mixture of disguises is seen through, and never taken for a cancel.
    #[test]
    fn no_mixture_of_disguises_dodges_the_gate(
        letters in prop::collection::vec(0u8..12, ORDER.len()),
        slashes in prop::collection::vec(0u8..24, 4),
        tail in prop::sample::select(vec!["", "/", "?a=b", ";x", "/.", "%2f", "/y/.."]),
    ) {
        let mut target = String::new();
        let mut seen = 0;
        for (place, byte) in ORDER.bytes().enumerate() {
            if byte == b'/' {
                // A target begins with a slash, or it is none.
                target.push_str(if place == 0 { "/" } else { slash(slashes[seen]) });
                seen += 1;
            } else {
                target.push_str(&letter(byte, letters[place]));
            }
        }
        target.push_str(tail);
        let rules = Rules { cancels: vec![rule("POST", "/api/*/cancel")], ..rules() };
        prop_assert_eq!(kind(&rules, "POST", &target, None), Kind::Order, "{}", target);
    }

    /// What every server takes for a pattern's, some server does.
    #[test]
    fn what_is_surely_so_may_be_so(target in "/[a/.%2;eF]{0,16}", pattern in "/[a*]{1,3}(/[a*]{1,2})?") {
        prop_assume!(!pattern.contains("**"));
        let pattern = Pattern::parse(&pattern).unwrap();
        let path = Path::of(target.as_bytes());
        prop_assert!(!path.is(&pattern) || path.may_be(&pattern));
    }
}

#[test]
fn a_slash_within_a_parameter_hides_no_order() {
    let rules = Rules { orders: vec![rule("POST", "/api/v1/*/order")], cancels: Vec::new() };
    for (target, is) in [
        ("/api/v1/BTC-USD/order", Kind::Order),
        ("/api/v1/BTC%2FUSD/order", Kind::Order),
        ("/api/v1/BTC%2FUSD/order/", Kind::Order),
        ("/api/v1/BTC%2FUSD//order", Kind::Order),
        ("/api/v1/BTC%2FUSD/%6frder", Kind::Order),
        ("/api/v1/BTC%252FUSD/%6frder", Kind::Order),
        ("/api/v1/BTC%2FUSD/order;x", Kind::Order),
        ("/api/v1/BTC%2FUSD/./order", Kind::Order),
        // What an honest client asks beside it is still told exactly.
        ("/api/v1/BTC%2FUSD/orders", Kind::Data),
        ("/api/v1/BTC%2FUSD/ticker", Kind::Data),
        ("/api/v1/BTC%2FUSD/ticker/", Kind::Data),
        ("/api/v1//orderbook/", Kind::Data),
    ] {
        assert_eq!(kind(&rules, "POST", target, None), is, "{target}");
    }
}

/// What a server does with a path, one thing after the other.
#[derive(Clone, Copy, Debug)]
enum Does {
    Decode,
    CutQuery,
    CutParameters,
    TurnSlashes,
    Merge,
    Pop(Empty),
    TrimEnd,
    Fold,
}

/// Whether `..` takes an empty part away, or the last one that has a name.
#[derive(Clone, Copy, Debug)]
enum Empty {
    Counts,
    DoesNot,
}

fn does() -> impl Strategy<Value = Does> {
    prop::sample::select(vec![
        Does::Decode,
        Does::CutQuery,
        Does::CutParameters,
        Does::TurnSlashes,
        Does::Merge,
        Does::Pop(Empty::Counts),
        Does::Pop(Empty::DoesNot),
        Does::TrimEnd,
        Does::Fold,
    ])
}

/// The path after one of these.
fn done(path: &str, does: Does) -> String {
    let parts = |each: &mut dyn FnMut(&str) -> String| path.split('/').map(each).collect::<Vec<_>>();
    match does {
        Does::Decode => String::from_utf8_lossy(&decoded(path.as_bytes())).into_owned(),
        Does::CutQuery => path.split(['?', '#']).next().unwrap_or_default().to_owned(),
        Does::CutParameters => {
            parts(&mut |part| part.split(';').next().unwrap_or_default().to_owned()).join("/")
        }
        Does::TurnSlashes => path.replace('\\', "/"),
        Does::Merge => {
            let mut merged = path.to_owned();
            while merged.contains("//") {
                merged = merged.replace("//", "/");
            }
            merged
        }
        Does::Pop(empty) => popped(path, empty),
        Does::TrimEnd => match path.trim_end_matches('/') {
            "" => "/".to_owned(),
            trimmed => trimmed.to_owned(),
        },
        Does::Fold => path.to_ascii_lowercase(),
    }
}

fn popped(path: &str, empty: Empty) -> String {
    let mut stack: Vec<&str> = Vec::new();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => while stack.pop() == Some("") && matches!(empty, Empty::DoesNot) {},
            part => stack.push(part),
        }
    }
    format!("/{}", stack.join("/"))
}

/// A piece of a path that some server reads in its own way.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "/", "/", "/", "/api", "/api", "/order", "/order", "/b%2fc", "/..", "/..", "/.", "%2f", "%5c", "\\",
        ";x", "..;", "%3f", "%23", "#", "?", "%2e", "%252e", "%252f", "/%6frder", "/Order", "/a", "order",
        "api", "%25",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// Whatever a server does with a path, one that it takes for an order's is held for one; and what is held for a
    /// cancel's is one to all of them.
    #[test]
    fn no_server_finds_an_order_where_the_gate_sees_none(
        pieces in prop::collection::vec(piece(), 1..8),
        server in prop::collection::vec(does(), 0..8),
        pattern in prop::sample::select(vec!["/api/order", "/api/*/order", "/api", "/", "/a*/order", "/api/**"]),
    ) {
        let target = format!("/{}", pieces.concat().trim_start_matches('/'));
        let pattern = Pattern::parse(pattern).unwrap();
        let path = Path::of(target.as_bytes());
        let own = target.split('?').next().unwrap_or_default().to_owned();
        let served = server.iter().fold(own, |path, does| done(&path, *does));
        let parts = served[1..].split('/').map(str::as_bytes);
        let fits = pattern.fits(parts, Case::Counts);
        prop_assert!(!fits || path.may_be(&pattern), "{target} is {served} to {server:?}");
        prop_assert!(fits || !path.is(&pattern), "{target} is {served} to {server:?}");
    }
}
