//! Every kind of fault as operators see it: the expression, then each fault below the piece that it is about.

use super::compiled;
use crate::policy::condition::Place;

/// Draws the faults of each expression of `golden` anew.
fn redrawn(golden: &str) -> String {
    let mut drawn = String::from("\n");
    for case in golden.lines().filter(|line| !line.starts_with(' ') && !line.is_empty()) {
        let (place, text) = case.split_at(7);
        let place = match place.trim() {
            "raise" => Place::Raise,
            "guard" => Place::Guard,
            "expect" => Place::Expect,
            other => panic!("no such place: {other}"),
        };
        drawn.push_str(case);
        drawn.push('\n');
        for line in compiled(text, place).1.lines() {
            drawn.extend(["       ", line, "\n"]);
        }
    }
    drawn
}

#[test]
fn faults_are_told_at_their_place() {
    let drawn = redrawn(GOLDEN);
    assert!(drawn == GOLDEN, "not as golden:\n{drawn}");
}

const GOLDEN: &str = r#"
raise  fd.open > 20m
                 ^^^ unit-mismatch: `fd.open` is a count, `20m` is a duration
                   `>` does not go between these two
raise  fd.ratio > 0.8
                  ^^^ unit-mismatch: `fd.ratio` is a ratio, `0.8` is a bare number
                    write `80%`
raise  fd.tte < 20
                ^^ unit-mismatch: `fd.tte` is a duration, `20` is a bare number
                  write `20s` or `20m`
raise  fd.ratio > 80
                  ^^ unit-mismatch: `fd.ratio` is a ratio, `80` is a bare number
                    write `80%`
raise  process.rss > 500
                     ^^^ unit-mismatch: `process.rss` is a size, `500` is a bare number
                       write `500MiB`
raise  fd.rate > 25
                 ^^ unit-mismatch: `fd.rate` is a rate, `25` is a bare number
                   write `25/min` or `25/s`
raise  process.io > 3
                    ^ unit-mismatch: `process.io` is a byte rate, `3` is a bare number
                      write `3KiB/s` or `3MiB/s`
raise  300 < fd.tte
       ^^^ unit-mismatch: `300` is a bare number, `fd.tte` is a duration
         write `300s` or `300m`
raise  fd.open + fd.tte > 300
       ^^^^^^^^^^^^^^^^ unit-mismatch: `fd.open` is a count, `fd.tte` is a duration
         `+` does not go between these two
raise  fd.open > 20m or fd.tte < 20 and fd.ratio > 0.8
                 ^^^ unit-mismatch: `fd.open` is a count, `20m` is a duration
                   `>` does not go between these two
                                 ^^ unit-mismatch: `fd.tte` is a duration, `20` is a bare number
                                   write `20s` or `20m`
                                                   ^^^ unit-mismatch: `fd.ratio` is a ratio, `0.8` is a bare number
                                                     write `80%`
raise  fd.opn > 300
       ^^^^^^ unknown-signal: there is no signal `fd.opn`
         did you mean `fd.open`?
raise  open > 300
       ^^^^ unknown-signal: there is no signal `open`
         did you mean `fd.open`?
raise  fds.open > 300
       ^^^^^^^^ unknown-signal: there is no signal `fds.open`
         did you mean `fd.open`?
raise  sokcet.close_wait > 3
       ^^^^^^^^^^^^^^^^^ unknown-signal: there is no signal `sokcet.close_wait`
         did you mean `socket.close_wait`?
raise  fd.nonsense > 3
       ^^^^^^^^^^^ unknown-signal: there is no signal `fd.nonsense`
         `fd` has: open, limit, hard_limit, ratio, tte, rate, by_kind, sockets, files, pipes, epoll, eventfd, deleted, opened, closed, churn
raise  zebra.stripes > 3
       ^^^^^^^^^^^^^ unknown-signal: there is no signal `zebra.stripes`
         signals start with one of: fd, socket, process, pool, stream, http, host, probe, trading, orders, deadman, clock
raise  pool.waiting > 3
       ^^^^^^^^^^^^ unknown-signal: there is no signal `pool.waiting`
         write `pool["name"].waiting`
raise  pool[orders-db].waiting > 3
            ^^^^^^^^^ bad-argument: a name is written in quotes here
              write `["orders-db"]`
raise  pool['orders-db'].waitng > 3
       ^^^^^^^^^^^^^^^^^^^^^^^^ unknown-signal: there is no signal `pool[].waitng`
         did you mean `pool["name"].waiting`?
raise  pool['orders db'].waiting > 3
            ^^^^^^^^^^^ bad-argument: a name starts with a letter or digit and holds letters, digits, `-`, `_` and `.`, not ` `
raise  fd.open(3) > 3
              ^^^ bad-argument: `fd.open` takes no argument
                write `fd.open`
raise  fd.open.x > 3
               ^ bad-argument: `fd.open` has no field `x`
                 write `fd.open`
raise  fd.by_kind(sokcet) > 3
                  ^^^^^^ unknown-word: there is no kind `sokcet`
                    did you mean `socket`?
raise  fd.by_kind > 3
       ^^^^^^^^^^ bad-argument: `fd.by_kind` takes one argument
         write for example `fd.by_kind(socket)`
raise  socket.leaked(100s) > 50
                     ^^^^ age-step: an age of 1m40s counts at 2m
                       write 1m30s or 2m
raise  socket.leaked(2) > 50
                     ^ bad-argument: an age is a duration
                       write `2s` or `2m`
raise  socket.leaked(2d) > 50
                     ^^ out-of-range: ages are counted up to 1d
raise  socket.by_remote('db').close_wait > 3
                        ^^^^ bad-argument: a remote is written `host:port`, `[v6]:port` or `host:*`
raise  socket.by_remote('db:5432').closewait > 3
                                   ^^^^^^^^^ unknown-field: a remote has no `closewait`
                                     did you mean `close_wait`?
raise  socket.by_remote('db:5432') > 3
       ^^^^^^^^^^^^^^^^^^^^^^^^^^^ bad-argument: a field is missing after the remote
         write one of .count, .established, .close_wait, .syn_sent, .fin_wait
raise  clock.session('09:30-16:00 America/NewYork')
                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ bad-argument: there is no time zone `America/NewYork`
                       did you mean `America/New_York`?
raise  process.state == "dsik"
                        ^^^^^^ unknown-word: `process.state` is never `dsik`
                          did you mean `disk`?
raise  process.state == dsik
                        ^^^^ unknown-word: `process.state` is never `dsik`
                          did you mean `disk`?
raise  process.state > disk
       ^^^^^^^^^^^^^^^^^^^^ unit-mismatch: words have no order, `>` can't compare them
         use `==` or `!=`
raise  fd.open == disk
                  ^^^^ unknown-signal: there is no signal `disk`
                    signals start with one of: fd, socket, process, pool, stream, http, host, probe, trading, orders, deadman, clock
raise  fd.open == "disk"
                  ^^^^^^ unit-mismatch: `fd.open` is a count, it can't be compared with a text
raise  1 < fd.open < 300
       ^^^^^^^^^^^^^^^^^ chained: comparisons can't be chained
         write `1 < fd.open and fd.open < 300`
raise  fd.open
       ^^^^^^^ not-a-condition: `fd.open` is a count, not true or false
         compare it: `fd.open > …`
raise  process.state
       ^^^^^^^^^^^^^ not-a-condition: `process.state` is a word, not true or false
         compare it: `process.state == running`
raise  fd.open > 300 and fd.tte
                         ^^^^^^ not-a-condition: `fd.tte` is a duration, not true or false
                           compare it: `fd.tte > …`
raise  fd.ratio == 80%
       ^^^^^^^^^^^^^^^ float-equality: measured values are hardly ever equal
         compare with `<`, `<=`, `>` or `>=`
raise  1 > 0
       ^^^^^ constant: this is always the same
         compare a signal with a value
raise  avrg(fd.open, 1m) > 3
       ^^^^^^^^^^^^^^^^^ unknown-function: there is no function `avrg`
         did you mean `avg`?
raise  leaked(2m) > 3
       ^^^^^^^^^^ unknown-function: there is no function `leaked`
         did you mean `socket.leaked(2m)`?
raise  avg(fd.open) > 3
       ^^^^^^^^^^^^ bad-argument: `avg` takes a signal and a duration: avg(fd.open, 1m)
raise  avg(fd.open, 60) > 3
                    ^^ unit-mismatch: `60` has no unit
                      write `60s` or `60m`
raise  avg(fd.open, 100ms) > 3
                    ^^^^^ out-of-range: a window is from 1s to 7d long
raise  avg(fd.open - fd.files, 1m) > 3
           ^^^^^^^^^^^^^^^^^^ unit-mismatch: `avg` looks at one signal over time, not at an expression
             write the function inside: `avg(fd.open, 1m) - avg(fd.files, 1m)`
raise  avg(process.state, 1m) > 3
           ^^^^^^^^^^^^^ unit-mismatch: `avg` has no unit for `process.state`, a word
raise  rate(fd.ratio, 1m) > 3
            ^^^^^^^^ unit-mismatch: `rate` has no unit for `fd.ratio`, a ratio
              `increase(signal, 5m)` says how much it grew, in its own unit
raise  max(fd.open, fd.tte) > 3
       ^^^^^^^^^^^^^^^^^^^^ unit-mismatch: `max` of a count and a duration
         both must have one unit; a duration as second argument makes a window
raise  avg > 3
       ^^^ unknown-signal: `avg` is a function
         write its arguments in parentheses: `avg(…)`
raise  attention.activ
                 ^^^^^ unknown-field: a tier has no `activ`
                   did you mean `active`?
raise  atention.active
       ^^^^^^^^^^^^^^^ unknown-tier: this ladder has no tier `atention`
         did you mean `attention`?
raise  drop-feed.active
       ^^^^ unknown-signal: there is no signal `drop`
         signals start with one of: fd, socket, process, pool, stream, http, host, probe, trading, orders, deadman, clock
            ^^^^^^^^^^^ unknown-tier: this ladder has no tier `feed`
              a name with other signs is written `tier["drop-feed"].active`
raise  attention
       ^^^^^^^^^ unknown-signal: `attention` is a tier
         write `attention.active`
raise  attention.ineffective
       ^^^^^^^^^^^^^^^^^^^^^ bad-argument: write `attention.active` or `attention.ineffective(2)`
raise  attention.ineffective(0)
       ^^^^^^^^^^^^^^^^^^^^^^^^ bad-argument: `ineffective` takes a whole number from 1 to 1000: ineffective(2)
expect attention.active
       ^^^^^^^^^^^^^^^^ out-of-place: an expectation is about signals, not about tiers
raise  fd.open < before.fd.open
                 ^^^^^^^^^^^^^^ out-of-place: `before.` stands only in an expectation
                   elsewhere `ago(signal, 5m)` looks back
raise  waited(2m)
       ^^^^^^^^^^ out-of-place: `waited(..)` stands only in a guard
guard  waited(2)
       ^^^^^^^^^ bad-argument: `waited` takes a duration: waited(2m)
expect before.avg(fd.open, 1m) > 3
       ^^^^^^^^^^^^^^^^^^^^^^^ out-of-place: `before.` goes before a signal, not before `avg(..)`
raise  deadman.armed > false
       ^^^^^^^^^^^^^^^^^^^^^ unit-mismatch: true and false have no order, `>` can't compare them
raise  deadman.armed == 1
       ^^^^^^^^^^^^^^^^^^ unit-mismatch: true or false can't be compared with anything else
         write it alone, or with `not` before it
raise  fd.open >
                ^ syntax: a signal or a value is missing here
raise  > 300
       ^ syntax: a signal or a value is missing here
raise  fd.open > 300 fd.tte < 3m
                     ^^ syntax: `fd` is not expected here
                       join two conditions by `and` or `or`
raise  (fd.open > 300
       ^ unclosed: `(` is not closed
raise  fd.open > 300)
                    ^ syntax: `)` is not expected here
                      no `(` before it is open
raise  (fd.open > 300 fd.tte) and fd.opn > 3
                      ^^ syntax: `fd` is not expected here
                        the `(` before it is not closed yet
                                  ^^^^^^ unknown-signal: there is no signal `fd.opn`
                                    did you mean `fd.open`?
raise  pool['x.waiting > 3
            ^ unclosed: the quote ' is not closed
raise  fd. > 3
         ^ syntax: a word is missing after the dot
raise  fd.open > 300 && fd.tte < 3m || !deadman.armed
                     ^^ syntax: `&&` is not a word of this language
                       write `and`
                                    ^^ syntax: `||` is not a word of this language
                                      write `or`
                                       ^ syntax: `!` is not a word of this language
                                         write `not`
raise  fd.open = 300
               ^ syntax: `=` is not a word of this language
                 write `==`
raise  fd.open ≥ 300 AND fd.tte < 3m
               ^ syntax: `≥` is not a word of this language
                 write `>=`
                     ^^^ syntax: `AND` is not a word of this language
                       write `and`
raise  fd.open > 300; fd.tte < 3m
                    ^ syntax: `;` means nothing here
raise  fd.tte < 20min and process.rss > 64mb and fd.tte < 3 parsecs
                                        ^^^^ bad-quantity: `mb` is no unit
                                          did you mean `MB`?
                                                          ^ unit-mismatch: `fd.tte` is a duration, `3` is a bare number
                                                            write `3s` or `3m`
                                                            ^^^^^^^ syntax: `parsecs` is not expected here
                                                              join two conditions by `and` or `or`
raise  fd.tte < 20mn and process.rss > 64mb
                ^^^^ bad-quantity: `mn` is no unit
                  did you mean `ms`?
                                       ^^^^ bad-quantity: `mb` is no unit
                                         did you mean `MB`?
raise  fd.rate > 25/minute
                 ^^^^^^^^^ bad-quantity: `minute` is no time of a rate
                   known here: s, min, h, day
raise  fd.rate > 25 / min
                      ^^^ unknown-signal: `min` is a function
                        a rate is written without blanks: `25/min`; the function is `min(fd.open, 1m)`
raise  fd.tte < 1.2.3s and fd.open > 9999999999999999
                ^^^^^^ bad-quantity: `1.2.3s` does not start with a number
                                     ^^^^^^^^^^^^^^^^ bad-quantity: `9999999999999999` is out of range
raise  ö.open > 3
       ^ syntax: `ö` means nothing here
         ^^^^ unknown-signal: there is no signal `open`
           did you mean `fd.open`?
raise  fd.open > 3 and (fd.tte < 3m or (fd.ratio > 80% and ))
                                                           ^ syntax: a signal or a value is missing here
raise  unknown()
       ^^^^^^^^^ bad-argument: `unknown` takes one signal or expression: unknown(fd.tte)
raise  unknown(fd.open, 3)
       ^^^^^^^^^^^^^^^^^^^ bad-argument: `unknown` takes one signal or expression: unknown(fd.tte)
raise  tier["warnin"].active
       ^^^^^^^^^^^^^^^^^^^^^ unknown-tier: this ladder has no tier `warnin`
         did you mean `warning`?
raise  avg(before.fd.open, 1m) > 3
           ^^^^^^^^^^^^^^ unit-mismatch: `avg` looks at one signal over time, not at an expression
             write the function inside: `avg(fd.open, 1m) - avg(fd.files, 1m)`
raise  max(1, 2, 3) > 3
       ^^^^^^^^^^^^ bad-argument: `max` takes a signal and a duration, or two values: max(fd.open, 1m)
raise  clock.session("9-17 UTC")
                     ^^^^^^^^^^ bad-argument: `9` is no time of day
                       write it as `09:30`, from 00:00 to 24:00
raise  clock.weekday == sunday
                        ^^^^^^ unknown-word: `clock.weekday` is never `sunday`
                          known here: mon, tue, wed, thu, fri, sat, sun
raise  avg(clock.weekday, 1m) > 3
           ^^^^^^^^^^^^^ unit-mismatch: the clock has no window
raise  process.state * 3 > 3
       ^^^^^^^^^^^^^ unit-mismatch: one can't calculate with `process.state`, a word
raise  not fd.open > 3 > 1
           ^^^^^^^^^^^^^^^ chained: comparisons can't be chained
             write `fd.open > 3 and 3 > 1`
raise  fd.tte == 20m
       ^^^^^^^^^^^^^ float-equality: measured values are hardly ever equal
         compare with `<`, `<=`, `>` or `>=`
expect fd.open <= before.fd.opne * 85%
                  ^^^^^^^^^^^^^^ unknown-signal: there is no signal `fd.opne`
                    did you mean `fd.open`?
raise  fd.open / fd.tte > 3
                          ^ unit-mismatch: `fd.open / fd.tte` is a rate, `3` is a bare number
                            write `3/min` or `3/s`
raise  fd.tte * fd.tte > 3
       ^^^^^^^^^^^^^^^ unit-mismatch: `fd.tte` is a duration, `fd.tte` is a duration
         `*` does not go between these two
raise  "disk" == "disk"
       ^^^^^^^^^^^^^^^^ unit-mismatch: two texts are compared, no signal
raise  "disk" and fd.open > 3
       ^^^^^^ not-a-condition: `"disk"` is a text, not true or false
"#;
