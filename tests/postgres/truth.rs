//! The second opinion: what the server itself sees of a pool, beside what the pool counts.

use fdguard::agent::status::Told;
use fdguard::sampler::truth::Testimony;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::support::proxy::Proxy;
use crate::support::server::{Server, server};
use crate::support::wait::{wait_for, wait_until};

/// Keys of a proxy whose server connections are all of this user.
fn keys(user: &str) -> String {
    format!(
        "pool = {{ max = 3, idle = \"10m\", login = {{ user = \"{user}\" }} }}\n\
         truth = {{ every = \"1s\", timeout = \"1s\" }}"
    )
}

/// What the server said last; why not where it said nothing.
fn told(proxy: &Proxy) -> Option<Result<Testimony, String>> {
    let truth = proxy.pool().truth.pop()?;
    Some(match truth.told {
        Told::Seen(seen) => Ok(seen),
        Told::Failed(why) => Err(why),
    })
}

fn seen(proxy: &Proxy, what: &str, fits: impl Fn(&Testimony) -> bool) -> Testimony {
    wait_for(what, || told(proxy)?.ok().filter(&fits))
}

#[test]
fn what_the_server_sees_and_the_pool_counts_agree_and_what_goes_past_the_pool_shows() {
    let user = "seen";
    server().admin().run(&format!("create role {user} login"));
    let proxy = Proxy::with(&keys(user));
    let mut clients = [proxy.client(), proxy.client(), proxy.client()];
    clients.iter_mut().for_each(|client| drop(client.run("begin")));
    let open = seen(&proxy, "three transactions", |seen| seen.states.get("idle in transaction") == Some(&3));
    assert_eq!((open.sessions, open.pooled, open.foreign, open.most), (3, 3, 0, 200));
    assert!(open.oldest_transaction.is_some() && open.taken > 3, "{open:?}");
    clients.iter_mut().for_each(|client| drop(client.run("commit")));
    let rest = seen(&proxy, "three at rest", |seen| seen.states.get("idle") == Some(&3));
    assert_eq!((rest.sessions, rest.pooled, rest.oldest_transaction), (3, 3, None));

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let past = PgConnectOptions::new_without_pgpass()
        .host(&server().address.ip().to_string())
        .port(server().address.port())
        .username(user)
        .database(&proxy.database)
        .ssl_mode(PgSslMode::Disable)
        .application_name("past the pool");
    let mut past: PgConnection = runtime.block_on(past.connect()).unwrap();
    let backend: i32 =
        runtime.block_on(sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut past)).unwrap();
    let found = seen(&proxy, "one that goes past the pool", |seen| seen.foreign == 1);
    assert_eq!((found.sessions, found.pooled), (4, 3));
    let foreigner = &found.foreign_told[0];
    assert_eq!(foreigner.backend, backend.unsigned_abs());
    assert_eq!((foreigner.application.as_str(), foreigner.address.as_str()), ("past the pool", "127.0.0.1"));
    let page = proxy.page();
    let line = format!("  not the pool's: server process {backend}, past the pool from 127.0.0.1, idle\n");
    assert!(page.contains(&line) && page.contains("saw 4 sessions of its user (4 idle)"), "{page}");
    assert!(page.contains(", the pool had 3; "), "{page}");
    let asking =
        "select count(*) from pg_stat_activity where usename = 'seen' and application_name = 'fdguard'";
    assert_eq!(server().admin().value(asking), "1");
    runtime.block_on(past.close()).unwrap();
    seen(&proxy, "nobody past the pool", |seen| (seen.sessions, seen.foreign) == (3, 0));
}

#[test]
fn a_server_that_can_t_be_asked_is_told_once_and_asked_again() {
    let server = Server::start(&[]);
    let proxy = Proxy::to(&server, &keys("postgres"));
    seen(&proxy, "an answer", |seen| seen.most == 60);
    let warnings = || proxy.log().matches("can't be asked for its side of a pool").count();
    let frozen = server.freeze();
    let why = wait_for("no answer", || told(&proxy)?.err());
    assert_eq!(why, "no answer within 1s");
    // Asked at least twice more, since the pause has doubled twice by then.
    let last = || proxy.pool().truth[0].asked;
    for _ in 0..2 {
        let mut before = last();
        wait_until("it is asked again", || {
            let old = std::mem::replace(&mut before, last());
            before < old
        });
    }
    assert_eq!(warnings(), 1, "{}", proxy.log());
    assert!(proxy.page().contains("can't be asked itself: no answer within 1s"));
    drop(frozen);
    seen(&proxy, "an answer again", |seen| seen.sessions == 0);
    wait_until("that is told", || proxy.log().contains("tells its side of a pool again"));
}
