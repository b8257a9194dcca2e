//! COPY in all its forms, and all the ways it fails.

use fdguard::wire::postgres::frontend::{
    Target, write_close, write_copy_data, write_copy_done, write_copy_fail, write_flush, write_parse,
    write_query, write_sync,
};

use crate::support::batch;
use crate::support::message::{Message, tags};
use crate::support::pair::Pair;
use crate::support::wire::Wire;

const FROM: &str = "copy t from stdin";
const GOOD: &[u8] = b"1\n2\n";
const BAD: &[u8] = b"3\nno number\n";

fn pair() -> Pair {
    let mut pair = Pair::new();
    pair.run("create table t (a int unique deferrable initially deferred)");
    pair
}

/// How a COPY into the server is put to it.
#[derive(Clone, Copy, Debug)]
enum Form {
    Simple,
    Unnamed,
    Prepared,
}

/// Begins the COPY, which is answered.
fn begin(wire: &mut Wire, form: Form, heard: &mut Vec<Message>) {
    match form {
        Form::Simple => wire.say(|out| write_query(out, FROM.as_bytes())),
        Form::Unnamed => wire.say(|out| {
            batch::run(out, "", FROM, &[]);
            write_flush(out);
        }),
        Form::Prepared => {
            wire.say(|out| {
                write_parse(out, b"copy", FROM.as_bytes(), &[]);
                write_sync(out);
            });
            heard.extend(wire.until(b'Z'));
            wire.say(|out| {
                batch::bind(out, "copy", &[]);
                write_flush(out);
            });
        }
    }
    heard.extend(wire.until(b'G'));
}

/// Ends the batch of those forms that are one.
fn end(out: &mut Vec<u8>, form: Form) {
    match form {
        Form::Simple => {}
        Form::Unnamed | Form::Prepared => write_sync(out),
    }
}

/// Drops the statement that a prepared COPY left.
fn forget(wire: &mut Wire, form: Form) {
    if let Form::Prepared = form {
        wire.say(|out| {
            write_close(out, Target::Statement, b"copy");
            write_sync(out);
        });
        wire.until(b'Z');
    }
}

/// A COPY that begins, and then what `rest` says, up to one ReadyForQuery.
fn compare(pair: &mut Pair, what: &str, rest: impl Fn(&mut Vec<u8>)) {
    for form in [Form::Simple, Form::Unnamed, Form::Prepared] {
        for within in ["", "begin"] {
            pair.same(&format!("{what}, {form:?}, {within}"), |wire| {
                let mut heard = Vec::new();
                wire.query(within);
                begin(wire, form, &mut heard);
                wire.say(|out| {
                    rest(out);
                    end(out, form);
                });
                heard.extend(wire.until(b'Z'));
                wire.say(|out| {
                    write_query(out, b"commit");
                    write_query(out, b"select * from t");
                });
                heard.extend(wire.ready(2));
                wire.run("truncate t");
                forget(wire, form);
                heard
            });
        }
    }
}

#[test]
fn to_its_end() {
    let mut pair = pair();
    compare(&mut pair, "two rows", |out| {
        write_copy_data(out, GOOD);
        write_copy_done(out);
    });
    compare(&mut pair, "none", write_copy_done);
    compare(&mut pair, "many", |out| {
        for number in 0..20_000 {
            write_copy_data(out, format!("{number}\n").as_bytes());
        }
        write_copy_done(out);
    });
    pair.end();
}

#[test]
fn given_up() {
    let mut pair = pair();
    compare(&mut pair, "given up after two rows", |out| {
        write_copy_data(out, GOOD);
        write_copy_fail(out, b"thought better of it");
    });
    compare(&mut pair, "given up at once", |out| write_copy_fail(out, b""));
    pair.end();
}

#[test]
fn refused_before_its_end() {
    let mut pair = pair();
    compare(&mut pair, "a row that is none", |out| {
        write_copy_data(out, BAD);
        write_copy_data(out, GOOD);
        write_copy_done(out);
    });
    compare(&mut pair, "and given up", |out| {
        write_copy_data(out, BAD);
        write_copy_data(out, GOOD);
        write_copy_fail(out, b"too late");
    });
    pair.end();
}

#[test]
fn refused_after_its_end() {
    let mut pair = pair();
    compare(&mut pair, "twice the same, which shows at the commit", |out| {
        write_copy_data(out, b"1\n1\n");
        write_copy_done(out);
    });
    pair.end();
}

#[test]
fn a_sync_within_has_no_answer() {
    let mut pair = pair();
    // As libpq does: the Sync goes out before it knows that a COPY begins.
    let heard = pair.same("a Sync before and one after", |wire| {
        wire.say(|out| {
            batch::copy(out, "", FROM);
            write_sync(out);
        });
        let mut heard = wire.until(b'G');
        wire.say(|out| {
            write_copy_data(out, GOOD);
            write_sync(out);
            write_copy_data(out, b"3\n");
            write_copy_done(out);
            write_sync(out);
            write_query(out, b"select count(*) from t");
        });
        heard.extend(wire.ready(2));
        heard
    });
    assert_eq!(tags(&heard), "12GCZTDCZ");
    pair.end();
}

#[test]
fn all_of_it_sent_at_once() {
    let mut pair = pair();
    let heard = pair.batch("simple", 2, |out| {
        write_query(out, FROM.as_bytes());
        write_copy_data(out, GOOD);
        write_copy_done(out);
        write_query(out, b"select count(*) from t");
    });
    assert_eq!(tags(&heard), "GCZTDCZ");
    pair.run("truncate t");
    let heard = pair.batch("extended", 2, |out| {
        batch::copy(out, "", FROM);
        write_sync(out);
        write_copy_data(out, GOOD);
        write_copy_done(out);
        write_sync(out);
        write_query(out, b"select count(*) from t");
    });
    assert_eq!(tags(&heard), "12GCZTDCZ");
    pair.batch("into a table that is not there", 2, |out| {
        write_query(out, b"copy absent from stdin");
        write_copy_data(out, GOOD);
        write_copy_done(out);
        write_query(out, b"select count(*) from t");
    });
    pair.batch("into a table that is not there, extended", 3, |out| {
        batch::copy(out, "", "copy absent from stdin");
        write_sync(out);
        write_copy_data(out, GOOD);
        write_copy_done(out);
        write_sync(out);
        write_query(out, b"select count(*) from t");
    });
    pair.end();
}

#[test]
fn what_is_left_of_a_copy_that_failed_is_nobodys() {
    let mut pair = pair();
    pair.same("data after the error was heard", |wire| {
        wire.say(|out| {
            write_query(out, FROM.as_bytes());
            write_copy_data(out, BAD);
        });
        let mut heard = wire.until(b'Z');
        wire.say(|out| {
            (0..100).for_each(|_| write_copy_data(out, GOOD));
            write_copy_done(out);
            write_query(out, b"select count(*) from t");
        });
        heard.extend(wire.until(b'Z'));
        heard
    });
    pair.end();
}

#[test]
fn out_of_the_server() {
    let mut pair = pair();
    pair.run("insert into t select generate_series(1, 5000)");
    pair.batch("simple", 1, |out| write_query(out, b"copy t to stdout"));
    pair.batch("binary", 1, |out| write_query(out, b"copy t to stdout (format binary)"));
    pair.batch("extended", 1, |out| batch::whole(out, "", "copy t to stdout", &[]));
    pair.batch("prepared", 1, |out| batch::whole(out, "out", "copy t to stdout", &[]));
    pair.batch("prepared, again", 1, |out| batch::again(out, "out", &[]));
    let heard = pair.batch("that fails on its way", 1, |out| {
        write_query(out, b"copy (select 10 / (4000 - a) from t order by a) to stdout");
    });
    assert!(tags(&heard).ends_with("dEZ"));
    pair.batch("two, and other things, in one text", 1, |out| {
        write_query(out, b"select 1; copy t to stdout; copy t to stdout; select 2");
    });
    pair.batch("rows of a megabyte", 1, |out| {
        write_query(out, b"copy (select repeat('r', 1000000) from generate_series(1, 5)) to stdout");
    });
    pair.end();
}

#[test]
fn in_and_out_within_one_text() {
    let mut pair = pair();
    pair.same("in, out, in", |wire| {
        wire.say(|out| write_query(out, b"copy t from stdin; copy t to stdout; copy t from stdin; select 1"));
        let mut heard = wire.until(b'G');
        wire.say(|out| {
            write_copy_data(out, GOOD);
            write_copy_done(out);
        });
        heard.extend(wire.until(b'G'));
        wire.say(|out| {
            write_copy_data(out, b"3\n");
            write_copy_done(out);
        });
        heard.extend(wire.until(b'Z'));
        heard
    });
    pair.end();
}

#[test]
fn a_sync_sent_into_a_copy_that_fails() {
    let mut pair = pair();
    // Each is answered before the next is sent: what the COPY reads is the same in both.
    for (what, sync_first) in [("before the row", true), ("behind the row", false)] {
        for form in [Form::Simple, Form::Unnamed, Form::Prepared] {
            pair.same(&format!("a Sync {what}, {form:?}"), |wire| {
                let mut heard = Vec::new();
                begin(wire, form, &mut heard);
                wire.say(|out| {
                    write_copy_data(out, GOOD);
                    if sync_first {
                        write_sync(out);
                    }
                    write_copy_data(out, BAD);
                    if !sync_first {
                        write_sync(out);
                    }
                });
                heard.extend(wire.until(b'E'));
                let own = match (form, sync_first) {
                    (Form::Simple, true) | (Form::Unnamed | Form::Prepared, false) => 1,
                    (Form::Simple, false) => 2,
                    (Form::Unnamed | Form::Prepared, true) => 0,
                };
                heard.extend(wire.ready(own));
                if own == 0 {
                    // The batch has failed and goes on: all is skipped up to its Sync.
                    wire.say(|out| {
                        write_query(out, b"select 'skipped'");
                        batch::run(out, "", "select 'skipped as well'", &[]);
                        write_sync(out);
                    });
                    heard.extend(wire.until(b'Z'));
                }
                wire.say(|out| batch::whole(out, "", "select count(*) from t", &[]));
                heard.extend(wire.until(b'Z'));
                forget(wire, form);
                heard
            });
        }
    }
    pair.end();
}
