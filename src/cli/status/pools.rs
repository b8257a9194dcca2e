//! The pools of the agent in `fdguard status`: a row each, and which descriptors of a process are clients of one.

use std::fmt::Write as _;

use crate::agent::status::{HeldClient, PoolCache, PoolStatus, PoolStream, PoolTrading, PoolTruth, Told};
use crate::cli::columns::{Columns, Lean};
use crate::cli::quantity::quantity;
use crate::model::action::Gate;
use crate::model::reading::{Gap, Reading};
use crate::model::signal::Signal;
use crate::model::trading::Trading;
use crate::model::units::{format_bytes, format_span};
use crate::proxy::view::rounded;
use crate::sampler::truth::Testimony;

/// Clients of a process that get a line of their own; those longest without use come first.
const CLIENTS_SHOWN: usize = 10;
/// The widest a row may be.
const WIDTH: usize = 120;

/// After `pool` and `state`, each a signal under its head.
const SHOWN: [(&str, Signal); 9] = [
    ("active", Signal::PoolActive),
    ("idle", Signal::PoolIdle),
    ("waiting", Signal::PoolWaiting),
    ("max wait", Signal::PoolMaxWait),
    ("clients", Signal::PoolClients),
    ("breaker", Signal::PoolBreaker),
    ("connects", Signal::PoolConnects),
    ("errors", Signal::PoolErrors),
    ("queries", Signal::PoolQueries),
];

/// A table of the pools; nothing where there are none.
pub(super) fn render(pools: &[PoolStatus]) -> String {
    if pools.is_empty() {
        return String::new();
    }
    let mut heads = vec![("pool", Lean::Left), ("state", Lean::Left)];
    heads.extend(SHOWN.iter().map(|(head, _)| (*head, Lean::Right)));
    let mut columns = Columns::new(&heads);
    for pool in pools {
        let state = if pool.mode.is_empty() { "?".to_owned() } else { pool.mode.clone() };
        let cells = SHOWN.iter().map(|(_, signal)| cell(pool, *signal));
        columns.row([pool.name.to_string(), state].into_iter().chain(cells));
    }
    let mut text = String::from("\n");
    for line in columns.lines(WIDTH) {
        let _ = writeln!(text, "{line}");
    }
    for pool in pools {
        if let Some(rate) = pool.throttle {
            let _ = writeln!(text, "{}: THROTTLED to {:.1}/min new clients", pool.name, rate * 60.0);
        }
        if pool.scarce {
            let _ = writeln!(text, "{}: LETS IN ITS RESERVE ALONE, descriptors are nearly gone", pool.name);
        }
        if pool.signals.values().any(|reading| *reading == Reading::Unavailable(Gap::Late)) {
            let _ = writeln!(text, "{}: does not answer", pool.name);
        }
        if let Some(trading) = &pool.trading {
            let _ = writeln!(text, "{}: {}", pool.name, told(trading));
        }
        if let Some(cache) = &pool.cache {
            let _ = writeln!(text, "{}: {}", pool.name, cached(cache));
        }
        if let Some(stream) = &pool.stream {
            let _ = writeln!(text, "{}: {}", pool.name, streamed(stream));
        }
        for truth in &pool.truth {
            render_truth(&mut text, pool, truth);
        }
    }
    text
}

/// How the streams of a proxy stand.
fn streamed(stream: &PoolStream) -> String {
    let PoolStream { state, silence, messages, reconnects, dropped, gaps } = stream;
    let silence = silence.map(|silence| format!(", silent for {}", format_span(silence))).unwrap_or_default();
    format!(
        "streams {state}{silence}; {messages} messages, {reconnects} reconnects, {dropped} dropped, {gaps} gaps"
    )
}

/// How an order gate stands, and what it has seen.
pub(in crate::cli) fn told(trading: &PoolTrading) -> String {
    let PoolTrading { state, policy, hand, left, .. } = trading;
    let mut text = match state {
        Trading::Active => "trading active".to_owned(),
        Trading::Reducing => "TRADING REDUCING".to_owned(),
        Trading::Halted => "TRADING HALTED".to_owned(),
    };
    let by = |gate: Option<Gate>| Trading::under(gate);
    let hand = hand.map(|gate| match left {
        Some(left) => format!("{} by hand for {}", by(Some(gate)), format_span(rounded(*left))),
        None => format!("{} by hand", by(Some(gate))),
    });
    let policy = policy.map(|gate| format!("{} by a policy", by(Some(gate))));
    let held: Vec<String> = policy.into_iter().chain(hand).collect();
    if !held.is_empty() {
        let _ = write!(text, " ({})", held.join(", "));
    }
    let counts = [
        (trading.orders, "orders"),
        (trading.reducing, "reducing orders"),
        (trading.cancels, "cancels"),
        (trading.unread, "not read"),
    ];
    let passed = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let passed: Vec<String> = passed.collect();
    let passed = if passed.is_empty() { "no order yet".to_owned() } else { passed.join(", ") };
    let _ = write!(text, "; passed {passed}; refused {}", trading.refused);
    text
}

/// What a read cache has spared its server.
fn cached(cache: &PoolCache) -> String {
    let asked = cache.hits + cache.misses;
    let share = match asked {
        0 => String::new(),
        asked => format!(" ({:.0} %)", 100.0 * cache.hits as f64 / asked as f64),
    };
    format!(
        "cache answered {} of {asked} reads{share}, keeps {} in {}, dropped {}",
        cache.hits,
        cache.entries,
        format_bytes(cache.bytes),
        cache.dropped,
    )
}

/// What an upstream itself says.
fn render_truth(text: &mut String, pool: &PoolStatus, truth: &PoolTruth) {
    let (name, upstream) = (&pool.name, &truth.upstream);
    let seen = match &truth.told {
        Told::Seen(seen) => seen,
        Told::Failed(why) => {
            let _ = writeln!(text, "{name}: {upstream} can't be asked itself: {why}");
            return;
        }
    };
    let Testimony { sessions, states, pooled, oldest_transaction, taken, most, foreign, foreign_told } = seen;
    let states: Vec<String> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let states = if states.is_empty() { String::new() } else { format!(" ({})", states.join(", ")) };
    let oldest = oldest_transaction.map(|age| format!("; oldest transaction {}", format_span(age)));
    let _ = writeln!(
        text,
        "{name}: {upstream} saw {sessions} sessions of its user{states} {} ago, the pool had {pooled}{}; {taken} of \
         {most} connections taken",
        format_span(truth.asked),
        oldest.unwrap_or_default(),
    );
    for one in foreign_told {
        let from = if one.address.is_empty() { "a unix socket" } else { &one.address };
        let _ = writeln!(
            text,
            "  not the pool's: server process {}, {} from {from}, {}",
            one.backend,
            if one.application.is_empty() { "unnamed" } else { &one.application },
            one.state,
        );
    }
    let more = (*foreign as usize).saturating_sub(foreign_told.len());
    if more > 0 {
        let _ = writeln!(text, "  not the pool's: {more} more");
    }
}

fn cell(pool: &PoolStatus, signal: Signal) -> String {
    match pool.signals.get(signal.name()).copied() {
        Some(Reading::Known(value)) => quantity(signal, Reading::Known(value)),
        Some(Reading::Unavailable(_)) | None => "-".to_owned(),
    }
}

/// Which descriptors of a process are clients of a pool.
pub(super) fn render_clients(text: &mut String, clients: &[HeldClient]) {
    let abandoned = clients.iter().filter(|client| client.abandoned).count();
    if abandoned > 0 {
        let _ =
            writeln!(text, "    {abandoned} clients of pools abandoned: closed by the pool, kept open here");
    }
    let mut longest: Vec<&HeldClient> = clients.iter().collect();
    longest.sort_by_key(|client| std::cmp::Reverse(client.unused));
    for client in longest.iter().take(CLIENTS_SHOWN) {
        let _ = writeln!(text, "    {}", sentence(client));
    }
    if clients.len() > CLIENTS_SHOWN {
        let _ = writeln!(text, "    and {} more clients of pools", clients.len() - CLIENTS_SHOWN);
    }
}

fn sentence(client: &HeldClient) -> String {
    let HeldClient { descriptor, pool, unused, .. } = client;
    let unused = format_span(*unused);
    match (client.abandoned, client.opened) {
        (true, _) => {
            format!("descriptor {descriptor} was a client of {pool}, which closed it {unused} ago")
        }
        (false, Some(opened)) => format!(
            "descriptor {descriptor} is a client of {pool}, opened {} ago, last used {unused} ago",
            format_span(opened)
        ),
        (false, None) => format!("descriptor {descriptor} is a client of {pool}, last used {unused} ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::name::Name;
    use std::time::Duration;

    fn held(descriptor: u32, minutes: u64, abandoned: bool) -> HeldClient {
        HeldClient {
            descriptor,
            pool: Name::parse("orders-db").unwrap(),
            application: "bot".to_owned(),
            opened: (!abandoned).then_some(Duration::from_mins(20)),
            unused: Duration::from_mins(minutes),
            abandoned,
        }
    }

    #[test]
    fn a_descriptor_is_told_with_its_pool_and_the_longest_unused_first() {
        let mut text = String::new();
        render_clients(&mut text, &[held(7, 1, true), held(412, 13, false)]);
        assert_eq!(
            text,
            "    1 clients of pools abandoned: closed by the pool, kept open here\n    \
             descriptor 412 is a client of orders-db, opened 20m ago, last used 13m ago\n    \
             descriptor 7 was a client of orders-db, which closed it 1m ago\n"
        );
    }
}
