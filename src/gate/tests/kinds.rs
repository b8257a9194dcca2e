//! What is an order, what is a cancel, and what passes.

use proptest::prelude::*;

use super::{field, flag, head, json, kind, rule};
use crate::gate::{
    BadPattern, Condition, Content, Hand, Kind, Known, Matter, Pattern, Place, Rule, Rules, Scalar, Standing,
    passes,
};
use crate::model::action::Gate;
use crate::model::clock::Timestamp;
use crate::model::trading::Trading;

/// A venue with a path for each thing, as Binance has it.
fn by_paths() -> Rules {
    let reduces = vec![field("reduceOnly", Scalar::Text("true".to_owned()))];
    Rules {
        orders: vec![
            Rule { reduces, ..rule("POST", "/fapi/v1/order") },
            rule("POST PUT", "/api/v3/order*"),
            rule("POST", "/api/v3/order/**"),
        ],
        cancels: vec![rule("DELETE", "/api/v3/order"), rule("POST", "/api/v3/order/cancel-all")],
    }
}

/// A venue with one path for everything, as Hyperliquid has it.
fn by_bodies() -> Rules {
    let at = |when| Rule { when: vec![when], ..rule("POST", "/exchange") };
    Rules {
        orders: vec![Rule {
            reduces: vec![flag("/action/orders/*/r")],
            ..at(json("/action/type", &["order", "modify"]))
        }],
        cancels: vec![at(json("/action/type", &["cancel", "cancelByCloid"]))],
    }
}

#[test]
fn a_method_and_a_path_tell() {
    let rules = by_paths();
    for (method, target, is) in [
        ("POST", "/api/v3/order", Kind::Order),
        ("POST", "/api/v3/orderList", Kind::Order),
        ("PUT", "/api/v3/order?x=1", Kind::Order),
        ("POST", "/api/v3/order/oco", Kind::Order),
        ("DELETE", "/api/v3/order?id=7", Kind::Cancel),
        ("POST", "/api/v3/order/cancel-all", Kind::Cancel),
        ("GET", "/api/v3/order", Kind::Data),
        ("POST", "/api/v3/userDataStream", Kind::Data),
        ("OPTIONS", "*", Kind::Data),
        // Who writes methods small finds servers that read them so.
        ("post", "/api/v3/order", Kind::Order),
    ] {
        assert_eq!(kind(&rules, method, target, None), is, "{method} {target}");
    }
    let renamed = super::Head { renamed: true, ..head("GET", "/api/v3/order", false) };
    assert_eq!(rules.by_head(&renamed), Known::Is(Kind::Order), "another method may stand in a field");
    let renamed = super::Head { renamed: true, ..head("DELETE", "/api/v3/order", false) };
    assert_eq!(rules.by_head(&renamed), Known::Is(Kind::Order));
}

#[test]
fn a_field_of_query_or_form_tells_a_reducing_order() {
    let rules = by_paths();
    for (target, body, is) in [
        ("/fapi/v1/order?side=SELL&reduceOnly=true", Some(""), Kind::Reduces),
        ("/fapi/v1/order?side=SELL&reduceOnly=true", None, Kind::Reduces),
        ("/fapi/v1/order", Some("side=SELL&reduceOnly=true"), Kind::Reduces),
        ("/fapi/v1/order", Some("reduceOnl%79=t%72ue"), Kind::Reduces),
        ("/fapi/v1/order", Some("side=SELL"), Kind::Order),
        ("/fapi/v1/order", Some("reduceOnly=false"), Kind::Order),
        // One server takes the first of the two, another one the last.
        ("/fapi/v1/order?reduceOnly=true", Some("reduceOnly=false"), Kind::Order),
        ("/fapi/v1/order", Some("reduceOnly=true&reduceOnly=true"), Kind::Order),
        ("/fapi/v1/./order?reduceOnly=true", None, Kind::Order),
    ] {
        assert_eq!(kind(&rules, "POST", target, body), is, "{target} {body:?}");
    }
}

#[test]
fn a_body_tells_where_the_path_does_not() {
    let rules = by_bodies();
    for (body, is) in [
        (r#"{"action":{"type":"order","orders":[{"r":false}]}}"#, Kind::Order),
        (r#"{"action":{"type":"order","orders":[{"r":true}]}}"#, Kind::Reduces),
        (r#"{"action":{"type":"order","orders":[{"r":true},{"r":false}]}}"#, Kind::Order),
        (r#"{"action":{"type":"order","orders":[]}}"#, Kind::Order),
        (r#"{"action":{"type":"order"}}"#, Kind::Order),
        (r#"{"action":{"type":"cancel"}}"#, Kind::Cancel),
        (r#"{"action":{"type":"updateLeverage"}}"#, Kind::Data),
        // Two ways to read it.
        (r#"{"action":{"type":"cancel","type":"order"}}"#, Kind::Order),
        (r#"{"action":{"type":"cancel"},"action":{"type":"order"}}"#, Kind::Order),
        (r#"{"action":{"t\u0079pe":"order"}}"#, Kind::Order),
        // No way to read it.
        ("{", Kind::Order),
        ("", Kind::Order),
        ("[]", Kind::Order),
        ("7", Kind::Order),
        (r#"[[{"action":{"type":"cancel"}}]]"#, Kind::Order),
        // Batches.
        (r#"[{"action":{"type":"cancel"}},{"action":{"type":"order"}}]"#, Kind::Order),
        (r#"[{"action":{"type":"cancel"}},{"action":{"type":"cancelByCloid"}}]"#, Kind::Cancel),
        (r#"[{"action":{"type":"updateLeverage"}},{"action":{"type":"cancel"}}]"#, Kind::Cancel),
    ] {
        assert_eq!(kind(&rules, "POST", "/exchange", Some(body)), is, "{body}");
    }
    assert_eq!(rules.by_head(&head("POST", "/exchange", true)), Known::InBody);
    assert_eq!(rules.by_head(&head("POST", "/info", true)), Known::Is(Kind::Data), "data is never read");
    let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    assert_eq!(kind(&rules, "POST", "/exchange", Some(&deep)), Kind::Order);
    // Longer than what is read: nothing is known of it.
    let unread = Matter::of_request(b"", Content::Unread);
    assert_eq!(rules.by_all(&head("POST", "/exchange", true), &unread), Kind::Order);
}

#[test]
fn what_some_reader_takes_for_an_order_is_one() {
    let rules = by_bodies();
    for body in [
        r#"{"Action":{"Type":"order"}}"#,
        r#"{"ACTION":{"tYPE":"modify"}}"#,
        r#"{"action":{"type":"ORDER"}}"#,
        r#"{"action":{"type":" order "}}"#,
        r#"{"action":{"type":["order"]}}"#,
        r#"{"action":[{"type":"order"}]}"#,
        // One reader takes the first name, one the last, one does not look at the case.
        r#"{"action":{"type":"cancel"},"Action":{"Type":"order"}}"#,
        r#"{"action":{"type":"cancel","Type":"order"}}"#,
        "{\"action\":{\"type\":\"cancel\",\"t\u{443}pe\":1,\"TYPE\":\"order\"}}",
    ] {
        assert_eq!(kind(&rules, "POST", "/exchange", Some(body)), Kind::Order, "{body}");
    }
    // What is surely none of them is still told.
    for (body, is) in [
        (r#"{"action":{"type":"updateLeverage"},"Vault":1}"#, Kind::Data),
        (r#"{"action":{"type":"cancel"},"Vault":1}"#, Kind::Cancel),
        (r#"{"action":{"type":null}}"#, Kind::Data),
        // A cancel and what reduces are read to the letter.
        (r#"{"Action":{"Type":"cancel"}}"#, Kind::Data),
        (r#"{"action":{"type":"order","orders":[{"R":true}]}}"#, Kind::Order),
        (r#"{"action":{"type":"order","orders":[{"r":"true"}]}}"#, Kind::Order),
        (r#"{"action":{"type":"order","orders":[{"r":1}]}}"#, Kind::Order),
    ] {
        assert_eq!(kind(&rules, "POST", "/exchange", Some(body)), is, "{body}");
    }
}

#[test]
fn a_value_is_an_orders_where_one_reader_takes_it_for_it() {
    let at = |when| Rules { orders: vec![Rule { when: vec![when], ..rule("POST", "/x") }], cancels: vec![] };
    let one = |is: Scalar| Condition { place: Place::Pointer("/k".to_owned()), is: vec![is] };
    for (is, value, order) in [
        (Scalar::Number(1), "1", true),
        (Scalar::Number(1), "1.0", true),
        (Scalar::Number(1), r#""1""#, true),
        (Scalar::Number(1), "true", true),
        (Scalar::Number(1), "2", false),
        (Scalar::Number(0), "null", true),
        (Scalar::Text("1".to_owned()), "1", true),
        (Scalar::Text("buy".to_owned()), "1", false),
        (Scalar::Flag(true), r#""True""#, true),
        (Scalar::Flag(true), "1", true),
        (Scalar::Flag(true), r#""what""#, true),
        (Scalar::Flag(true), "0", false),
        (Scalar::Flag(false), "null", true),
        (Scalar::Flag(false), "true", false),
    ] {
        let body = format!(r#"{{"k":{value}}}"#);
        let found = kind(&at(one(is.clone())), "POST", "/x", Some(&body)) == Kind::Order;
        assert_eq!(found, order, "{is:?} {value}");
    }
    let absent = |is| kind(&at(one(is)), "POST", "/x", Some("{}"));
    assert_eq!(absent(Scalar::Flag(false)), Kind::Order, "what is absent is false to most");
    assert_eq!(absent(Scalar::Flag(true)), Kind::Data);
}

#[test]
fn a_field_may_stand_wherever_a_server_looks_for_one() {
    let when = vec![field("type", Scalar::Text("order".to_owned()))];
    let rules = Rules { orders: vec![Rule { when, ..rule("POST", "/x") }], cancels: vec![] };
    let head = head("POST", "/x", true);
    for (query, content, is) in [
        ("", Content::Form(b"type=order"), Kind::Order),
        ("", Content::Form(b"Type=ORDER"), Kind::Order),
        ("", Content::Form(b"type=info&type=order"), Kind::Order),
        ("", Content::Form(b"a=1;type=order"), Kind::Order),
        ("", Content::Form(b"type[]=order"), Kind::Order),
        ("type=order", Content::Form(b""), Kind::Order),
        ("", Content::Other(br#"{"type":"order"}"#), Kind::Order),
        ("", Content::Other(b"--x\r\nContent-Disposition: form-data; name=type\r\n\r\norder"), Kind::Order),
        ("", Content::Unread, Kind::Order),
        ("", Content::Form(b"type=info"), Kind::Data),
        ("type=info", Content::Form(b""), Kind::Data),
        ("", Content::Form(b"a=1"), Kind::Data),
    ] {
        assert_eq!(
            rules.by_all(&head, &Matter::of_request(query.as_bytes(), content)),
            is,
            "{query} {content:?}"
        );
    }
    // What reduces is known only where every reader finds the same.
    let reduces = by_paths();
    let head = super::head("POST", "/fapi/v1/order", true);
    for (query, content, is) in [
        ("", Content::Form(b"reduceOnly=true"), Kind::Reduces),
        ("reduceOnly=true", Content::Other(br#"{"reduceOnly":false}"#), Kind::Order),
        ("", Content::Form(b"reduceOnly=true&ReduceOnly=false"), Kind::Order),
        ("", Content::Form(b"reduceOnly=true;x"), Kind::Order),
        ("", Content::Form(b"reduceOnly[]=true"), Kind::Order),
    ] {
        let matter = Matter::of_request(query.as_bytes(), content);
        assert_eq!(reduces.by_all(&head, &matter), is, "{query} {content:?}");
    }
}

#[test]
fn another_method_may_stand_in_query_or_body() {
    let rules = Rules { orders: vec![rule("PUT", "/order")], cancels: vec![rule("POST", "/order")] };
    for (target, body, is) in [
        ("/order", "", Kind::Cancel),
        ("/order?_method=PUT", "", Kind::Order),
        ("/order?%5Fmethod=put", "", Kind::Order),
        ("/order?x_y=%20&a=b", "", Kind::Cancel),
        ("/order", "a=b", Kind::Cancel),
        ("/order", "a=b&_method=PUT", Kind::Order),
        ("/order", r#"{"_Method":"PUT"}"#, Kind::Order),
        ("/order", r#"{"method":"PUT"}"#, Kind::Cancel),
        ("/order", "--multipart", Kind::Order),
        ("/elsewhere", "_method=PUT", Kind::Data),
    ] {
        let body = (!body.is_empty()).then_some(body);
        assert_eq!(kind(&rules, "POST", target, body), is, "{target} {body:?}");
    }
}

#[test]
fn an_order_reduces_only_by_a_rule_that_surely_is_its_own() {
    let reduces = vec![flag("/r")];
    let rules = Rules {
        orders: vec![
            Rule { when: vec![json("/t", &["close"])], reduces, ..rule("POST", "/x") },
            rule("POST", "/x"),
        ],
        cancels: vec![],
    };
    assert_eq!(kind(&rules, "POST", "/x", Some(r#"{"t":"close","r":true}"#)), Kind::Reduces);
    assert_eq!(kind(&rules, "POST", "/x", Some(r#"{"T":"close","r":true}"#)), Kind::Order);
}

#[test]
fn a_pattern_covers_another_where_all_that_fits_that_one_fits_it() {
    for (one, other, covers) in [
        ("/a", "/a", true),
        ("/**", "/a/b", true),
        ("/api/**", "/api/v3/order", true),
        ("/api/**", "/api/**", true),
        ("/api/*/order", "/api/v3/order", true),
        ("/api/v3/order*", "/api/v3/order*", true),
        ("/api/v3/*", "/api/v3/order*", true),
        ("/api/v3/order", "/api/v3/order*", false),
        ("/api/v3/order", "/api/**", false),
        ("/api/v3/order/cancel-all", "/api/v3/order/**", false),
        ("/api/*", "/api/**", false),
        ("/api/v3/order", "/api/v3/orders", false),
    ] {
        let [one, other] = [one, other].map(|text| Pattern::parse(text).unwrap());
        assert_eq!(one.covers(&other), covers, "{one} {other}");
    }
}

#[test]
fn patterns_that_mean_nothing_are_refused() {
    for (text, why) in [
        ("order", BadPattern::Relative),
        ("/a/**/b", BadPattern::Middle),
        ("/a**", BadPattern::Middle),
        ("/a//b", BadPattern::Unclear),
        ("/a/", BadPattern::Unclear),
        ("/a/../b", BadPattern::Unclear),
        ("/a?b", BadPattern::Unclear),
        ("/a%20b", BadPattern::Unclear),
        ("/ä", BadPattern::Unclear),
    ] {
        assert_eq!(Pattern::parse(text), Err(why), "{text}");
    }
    let long = "/a".repeat(33);
    assert_eq!(Pattern::parse(&long), Err(BadPattern::Long));
    for text in ["/", "/**", "/a/*/b", "/a*b*c"] {
        assert_eq!(Pattern::parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn the_further_of_two_counts_and_a_hand_lets_go_in_time() {
    let at = Timestamp::from_millis;
    let hand = |gate, until: Option<u64>| Some(Hand { gate, until: until.map(at) });
    let mut standing = Standing { policy: Some(Gate::Reducing), hand: hand(Gate::Halted, Some(5)) };
    assert_eq!(standing.state(at(4)), Trading::Halted);
    assert_eq!(standing.state(at(5)), Trading::Reducing);
    assert_eq!(standing.hand(at(5)), None);
    standing = Standing { policy: Some(Gate::Halted), hand: hand(Gate::Reducing, None) };
    assert_eq!(standing.state(at(u64::MAX / 2_000_000)), Trading::Halted);
    assert_eq!(Standing::default().state(at(0)), Trading::Active);
}

#[test]
fn a_further_state_lets_through_less_and_cancels_always() {
    for kind in Kind::ALL {
        let passed = Trading::ALL.map(|state| passes(kind, state));
        assert!(passed.is_sorted_by(|a, b| a >= b), "{kind:?} {passed:?}");
        assert!(passed[0], "{kind:?}");
    }
    for state in Trading::ALL {
        assert!(passes(Kind::Cancel, state) && passes(Kind::Data, state));
    }
    assert!(passes(Kind::Reduces, Trading::Reducing) && !passes(Kind::Order, Trading::Reducing));
}

/// The same by hand: a part of a pattern against a text, one letter after the other.
fn toy_fits(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => (0..=text.len()).any(|skip| toy_fits(rest, &text[skip..])),
        (Some((a, pattern)), Some((b, text))) => a == b && toy_fits(pattern, text),
        (_, _) => false,
    }
}

proptest! {
    /// Stars are understood as the toy does.
    #[test]
    fn stars_stand_for_anything_within_a_part(pattern in "[ab*]{1,8}", text in "[ab]{1,10}") {
        prop_assume!(!pattern.contains("**"));
        let rules = Rules { orders: vec![rule("", &format!("/{pattern}"))], cancels: Vec::new() };
        let is = kind(&rules, "GET", &format!("/{text}"), None) == Kind::Order;
        prop_assert_eq!(is, toy_fits(pattern.as_bytes(), text.as_bytes()));
    }

    /// Whatever stands in a body: nothing panics, and what is no JSON object is an order.
    #[test]
    fn any_body_is_judged(body in prop::collection::vec(any::<u8>(), 0..64)) {
        let rules = by_bodies();
        let head = head("POST", "/exchange", true);
        let is = rules.by_all(&head, &Matter::of_request(b"", Content::Other(&body)));
        if serde_json::from_slice::<serde_json::Value>(&body).is_err() {
            prop_assert_eq!(is, Kind::Order);
        }
    }

    /// A batch is never let through for what one of its messages would not be.
    #[test]
    fn a_batch_is_as_risky_as_its_riskiest(words in prop::collection::vec(
        prop::sample::select(vec!["order", "cancel", "info"]), 1..6)) {
        let rules = by_bodies();
        let bodies: Vec<String> =
            words.iter().map(|word| format!(r#"{{"action":{{"type":"{word}"}}}}"#)).collect();
        let single = bodies.iter().map(|body| kind(&rules, "POST", "/exchange", Some(body))).max().unwrap();
        let batch = format!("[{}]", bodies.join(","));
        prop_assert_eq!(kind(&rules, "POST", "/exchange", Some(&batch)), single);
    }
}
