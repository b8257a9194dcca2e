//! The book against what PostgreSQL does, case by case.

use super::*;

const PARSE: Owed = Owed::Parse { statement: Some(7), reply: Reply::Pass };
const OURS: Owed = Owed::Parse { statement: Some(7), reply: Reply::Swallow };
const QUERY: Owed = Owed::Query(Reply::Pass);
const SYNC: Owed = Owed::Sync(Reply::Pass);

fn sent(requests: &[Owed]) -> Exchange {
    let mut exchange = Exchange::new();
    for request in requests {
        exchange.enter(*request);
    }
    exchange
}

/// Feeds replies by their tags, `Z` as idle; gives what the client sees of them, our own in small letters of theirs.
fn seen(exchange: &mut Exchange, tags: &str) -> String {
    let mut seen = String::new();
    for tag in tags.bytes() {
        while let Some(own) = exchange.own_reply() {
            seen.push('(');
            seen.push(char::from(own));
            seen.push(')');
        }
        match exchange.answered(tag, b"I") {
            Verdict::Pass => seen.push(char::from(tag)),
            Verdict::Swallow => {}
            Verdict::Doubt => seen.push('?'),
        }
    }
    seen
}

#[test]
fn a_query_rests_with_its_ready_and_not_before() {
    let mut exchange = sent(&[QUERY]);
    assert_eq!(seen(&mut exchange, "TDDC"), "TDDC");
    assert!(!exchange.at_rest());
    assert_eq!(seen(&mut exchange, "Z"), "Z");
    assert!(exchange.at_rest());
}

#[test]
fn the_first_ready_of_two_is_not_the_end() {
    let mut exchange = sent(&[QUERY, QUERY]);
    seen(&mut exchange, "CZ");
    assert!(!exchange.at_rest());
    seen(&mut exchange, "CZ");
    assert!(exchange.at_rest());
}

#[test]
fn an_open_transaction_is_no_rest() {
    let mut exchange = sent(&[QUERY]);
    exchange.answered(b'C', b"BEGIN\0");
    exchange.answered(b'Z', b"T");
    assert!(exchange.quiet() && !exchange.at_rest());
    exchange.enter(QUERY);
    exchange.answered(b'Z', b"E");
    assert_eq!(exchange.transaction(), Transaction::Failed);
    assert!(!exchange.at_rest());
}

#[test]
fn an_answered_batch_without_its_sync_is_no_rest() {
    let mut exchange = sent(&[PARSE, Owed::Bind(None), Owed::Execute]);
    assert_eq!(seen(&mut exchange, "12DC"), "12DC");
    assert!(exchange.quiet() && exchange.in_batch() && !exchange.at_rest());
    exchange.enter(SYNC);
    seen(&mut exchange, "Z");
    assert!(exchange.at_rest());
}

#[test]
fn a_batch_waits_for_its_client_until_it_is_flushed_or_ends() {
    let mut exchange = sent(&[PARSE, Owed::Bind(None), Owed::Execute]);
    assert!(exchange.rests_with_client() && !exchange.quiet());
    exchange.flush();
    assert!(!exchange.rests_with_client(), "the answers are on their way");
    exchange.enter(Owed::Execute);
    assert!(exchange.rests_with_client());
    exchange.enter(SYNC);
    assert!(!exchange.rests_with_client());
    assert!(!sent(&[QUERY]).rests_with_client());
}

#[test]
fn a_reply_of_ours_takes_its_turn() {
    let mut exchange = sent(&[Owed::Bind(None), Owed::Own(b'1'), Owed::Execute, SYNC]);
    assert_eq!(seen(&mut exchange, "2DDCZ"), "2(1)DDCZ");
    let mut first = sent(&[Owed::Own(b'1'), Owed::Bind(None), Owed::Execute, SYNC]);
    assert_eq!(seen(&mut first, "2CZ"), "(1)2CZ");
    let mut only = sent(&[Owed::Own(b'1'), SYNC]);
    assert_eq!(seen(&mut only, "Z"), "(1)Z");
}

#[test]
fn what_answers_our_own_requests_is_kept_back() {
    let mut exchange = sent(&[Owed::Query(Reply::Swallow), OURS, Owed::Bind(None), Owed::Execute, SYNC]);
    assert_eq!(seen(&mut exchange, "CCZ12CZ"), "2CZ");
    assert!(exchange.at_rest() && !exchange.take_own_failure());
    let mut refused = sent(&[Owed::Query(Reply::Swallow), QUERY]);
    assert_eq!(seen(&mut refused, "EZ"), "");
    assert!(refused.take_own_failure());
    assert!(!refused.take_own_failure(), "told once");
}

#[test]
fn an_error_crosses_out_the_batch_and_nothing_behind_its_sync() {
    let mut exchange = sent(&[PARSE, Owed::Own(b'1'), Owed::Bind(None), Owed::Execute, SYNC, QUERY]);
    assert_eq!(seen(&mut exchange, "E"), "E");
    assert_eq!(exchange.take_dropped(), [PARSE, Owed::Own(b'1'), Owed::Bind(None), Owed::Execute]);
    assert!(!exchange.skipping());
    assert_eq!(seen(&mut exchange, "ZCZ"), "ZCZ");
    assert!(exchange.at_rest());
}

#[test]
fn what_follows_an_error_is_skipped_until_a_sync_a_query_too() {
    let mut exchange = sent(&[Owed::Bind(None), Owed::Execute]);
    seen(&mut exchange, "E");
    assert!(exchange.skipping());
    assert!(!exchange.enter(QUERY) && !exchange.enter(PARSE));
    assert!(exchange.enter(SYNC));
    assert_eq!(seen(&mut exchange, "Z"), "Z");
    assert!(exchange.at_rest());
    // The same, all of it sent before the error came.
    let mut ahead = sent(&[Owed::Bind(None), Owed::Execute, QUERY, SYNC]);
    assert_eq!(seen(&mut ahead, "EZ"), "EZ");
    assert!(ahead.at_rest());
}

#[test]
fn an_error_at_the_sync_itself_skips_nothing() {
    let mut exchange = sent(&[Owed::Execute, SYNC]);
    assert_eq!(seen(&mut exchange, "CEZ"), "CEZ");
    assert!(exchange.at_rest());
}

#[test]
fn a_copy_in_reads_the_syncs_before_its_end() {
    let mut exchange = sent(&[Owed::Bind(None), Owed::Execute, SYNC, Owed::CopyEnd, SYNC]);
    assert_eq!(seen(&mut exchange, "2GCZ"), "2GCZ");
    assert!(exchange.at_rest());
    let mut later = sent(&[Owed::Execute, SYNC]);
    seen(&mut later, "G");
    assert!(later.copying_in());
    later.enter(SYNC);
    later.enter(Owed::CopyEnd);
    later.enter(SYNC);
    assert_eq!(seen(&mut later, "CZ"), "CZ");
    assert!(later.at_rest());
}

#[test]
fn a_simple_copy_that_fails_at_once_rests() {
    let mut exchange = sent(&[QUERY]);
    seen(&mut exchange, "G");
    exchange.enter(Owed::CopyEnd);
    assert_eq!(seen(&mut exchange, "EZ"), "EZ");
    assert!(exchange.at_rest());
}

#[test]
fn a_copy_in_a_batch_that_fails_skips_to_the_sync_after_it() {
    let mut exchange = sent(&[Owed::Execute, SYNC]);
    seen(&mut exchange, "GE");
    exchange.enter(Owed::CopyEnd);
    exchange.enter(SYNC);
    assert_eq!(seen(&mut exchange, "Z"), "Z");
    assert!(exchange.at_rest());
}

#[test]
fn whether_a_failed_copy_read_a_sync_is_asked() {
    let failed = || {
        let mut exchange = sent(&[Owed::Execute, SYNC]);
        seen(&mut exchange, "G");
        exchange.enter(SYNC);
        assert_eq!(seen(&mut exchange, "E"), "E");
        assert!(exchange.must_ask() == Some(In::Batch) && exchange.full() && !exchange.at_rest());
        exchange.asked();
        assert!(exchange.must_ask().is_none() && exchange.full());
        exchange
    };
    let mut read = failed();
    assert_eq!(seen(&mut read, "Z3Z"), "");
    assert!(read.client_skips() && !read.at_rest() && !read.full());
    read.enter(SYNC);
    assert_eq!(seen(&mut read, "Z"), "Z");
    assert!(read.at_rest() && !read.client_skips());
    let mut answered = failed();
    assert_eq!(seen(&mut answered, "ZZ3Z"), "Z");
    assert!(answered.at_rest() && !answered.client_skips());
    let mut early = sent(&[Owed::Execute, SYNC]);
    seen(&mut early, "G");
    early.enter(SYNC);
    assert_eq!(seen(&mut early, "EZ"), "EZ");
    early.asked();
    assert_eq!(seen(&mut early, "Z3Z"), "");
    assert!(early.at_rest());
    let mut lost = failed();
    seen(&mut lost, "E");
    assert!(lost.doubtful());
}

#[test]
fn a_sync_in_a_simple_copy_that_failed_is_answered_or_not() {
    for (heard, passed) in [("3Z", ""), ("Z3Z", "Z"), ("ZZ3Z", "ZZ")] {
        let mut exchange = sent(&[QUERY]);
        seen(&mut exchange, "G");
        exchange.enter(SYNC);
        exchange.enter(SYNC);
        assert_eq!(seen(&mut exchange, "EZ"), "EZ");
        assert_eq!(exchange.must_ask(), Some(In::Query));
        exchange.asked();
        assert_eq!(seen(&mut exchange, heard), passed);
        assert!(exchange.at_rest());
    }
}

#[test]
fn what_goes_on_while_that_is_not_known_is_doubted() {
    let mut exchange = sent(&[Owed::Execute, SYNC]);
    seen(&mut exchange, "G");
    exchange.enter(SYNC);
    exchange.enter(Owed::Bind(None));
    seen(&mut exchange, "E");
    assert!(exchange.doubtful());
}

#[test]
fn what_nothing_asks_for_is_doubted() {
    for tags in ["Z", "E", "C", "1"] {
        let mut exchange = Exchange::new();
        assert_eq!(seen(&mut exchange, tags), "?");
        assert!(!exchange.at_rest());
    }
    let mut wrong = sent(&[Owed::Bind(None), SYNC]);
    assert_eq!(seen(&mut wrong, "1"), "?");
    let mut early = sent(&[Owed::Bind(None), SYNC]);
    assert_eq!(seen(&mut early, "Z"), "?");
}

#[test]
fn a_portal_that_is_suspended_goes_on() {
    let mut exchange = sent(&[Owed::Execute, Owed::Execute, SYNC]);
    assert_eq!(seen(&mut exchange, "DDsDCZ"), "DDsDCZ");
    assert!(exchange.at_rest());
}

#[test]
fn descriptions_of_a_statement_are_one_answer() {
    let mut exchange = sent(&[Owed::Describe(None), Owed::Describe(Some(1)), SYNC]);
    assert_eq!(seen(&mut exchange, "tTtnZ"), "tTtnZ");
    assert!(exchange.at_rest());
}
