//! A path that some server takes for that of an order is one, however it is written.

use proptest::prelude::*;

use super::{kind, rule};
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
        // Nobody knows what this is.
        "/%25252525%36f",
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
        _ => "/",
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Any mixture of disguises is seen through, and never taken for a cancel.
    #[test]
    fn no_mixture_of_disguises_dodges_the_gate(
        letters in prop::collection::vec(0u8..12, ORDER.len()),
        slashes in prop::collection::vec(0u8..16, 4),
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
