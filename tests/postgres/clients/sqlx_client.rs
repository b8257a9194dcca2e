//! sqlx as bots use it: each piece of work is done by way of the server and by way of the proxy in both modes, and must
//! give the same.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::StreamExt as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPool, PgPoolOptions, PgSslMode};
use sqlx::{AssertSqlSafe, Connection as _, Error, Executor as _, Row as _, Statement as _};
use tokio::time::timeout;

use super::through_both;
use crate::support::look::Look;
use crate::support::server::{USER, server};

/// Connections of its pool: more than the proxy has in transaction mode.
const POOLED: u32 = 10;
/// Those who want one of them.
const WORKERS: usize = 20;
const ROUNDS: usize = 15;
/// A statement is given up after so long.
const GIVEN_UP: Duration = Duration::from_millis(300);

/// Where to, and nothing of this machine's own settings.
fn options(address: SocketAddr, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host(&address.ip().to_string())
        .port(address.port())
        .username(USER)
        .database(database)
        .ssl_mode(PgSslMode::Disable)
        .application_name("bot")
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Does the work by way of the server, then through a proxy in each mode: each must tell the same.
fn everywhere(work: impl AsyncFn(PgConnectOptions) -> Vec<String>) {
    let direct = block_on(work(options(server().address, &server().database())));
    assert!(!direct.is_empty());
    through_both(|proxy| {
        let pooled = block_on(work(options(proxy.address, &proxy.database)));
        assert_eq!(pooled, direct, "the proxy (left) answers otherwise than the server");
    });
}

/// What an error is to a program: its SQLSTATE.
fn state(error: Error) -> String {
    let Error::Database(error) = error else { panic!("no error of the server: {error}") };
    error.code().unwrap().into_owned()
}

async fn fill(db: &mut PgConnection, rows: i32) {
    sqlx::raw_sql("create table t (a int primary key, b text)").execute(&mut *db).await.unwrap();
    for a in 0..rows {
        let insert = sqlx::query("insert into t values ($1, $2)").bind(a).bind(format!("row {a}"));
        assert_eq!(insert.execute(&mut *db).await.unwrap().rows_affected(), 1);
    }
}

async fn count(db: &mut PgConnection) -> i64 {
    sqlx::query_scalar("select count(*) from t").fetch_one(db).await.unwrap()
}

#[test]
fn sqlx_prepares_and_keeps_what_fits_its_cache() {
    everywhere(async |options| {
        let mut told = Vec::new();
        // More texts than are kept, each run twice and in turn: statements are closed, and prepared anew.
        let mut db = PgConnection::connect_with(&options.clone().statement_cache_capacity(5)).await.unwrap();
        for turn in 0..24 {
            let text = format!("select {}, $1::int8 + 1 as next, $2::text as word", turn % 12);
            let row = sqlx::query(AssertSqlSafe(text)).bind(i64::from(turn)).bind("w").fetch_one(&mut db);
            let row = row.await.unwrap();
            told.push(format!(
                "{} {} {}",
                row.get::<i32, _>(0),
                row.get::<i64, _>("next"),
                row.get::<&str, _>(2)
            ));
        }
        assert!(db.cached_statements_size() <= 5);
        // Without a cache, and with the statement made once only.
        let once = sqlx::query_scalar::<_, i32>("select $1").bind(7).persistent(false);
        told.push(once.fetch_one(&mut db).await.unwrap().to_string());
        let prepared =
            db.prepare(sqlx::SqlStr::from_static("select $1::int4 as one, 'x'::text as x")).await.unwrap();
        told.push(format!("{:?} {:?}", prepared.parameters(), prepared.columns()));
        db.clear_cached_statements().await.unwrap();
        fill(&mut db, 10).await;
        let all = "select * from t order by a limit 1";
        told.push(sqlx::query(all).fetch_one(&mut db).await.unwrap().len().to_string());
        // What it has prepared and looked up no longer fits: the server says so, once.
        sqlx::raw_sql("alter table t add column c int default 9").execute(&mut db).await.unwrap();
        told.push(match sqlx::query(all).fetch_one(&mut db).await {
            Ok(row) => row.len().to_string(),
            Err(error) => state(error),
        });
        told.push(sqlx::query_scalar("show application_name").fetch_one(&mut db).await.unwrap());
        db.close().await.unwrap();
        told
    });
}

#[test]
fn sqlx_in_transactions_and_in_error() {
    everywhere(async |options| {
        let mut told = Vec::new();
        let mut db = PgConnection::connect_with(&options).await.unwrap();
        fill(&mut db, 10).await;
        let mut work = db.begin().await.unwrap();
        sqlx::query("delete from t where a < $1").bind(5).execute(&mut *work).await.unwrap();
        let mut inner = work.begin().await.unwrap();
        sqlx::query("delete from t").execute(&mut *inner).await.unwrap();
        inner.rollback().await.unwrap();
        work.commit().await.unwrap();
        told.push(count(&mut db).await.to_string());
        // Dropped: rolled back with the next thing that is said.
        let mut work = db.begin().await.unwrap();
        sqlx::query("delete from t").execute(&mut *work).await.unwrap();
        drop(work);
        told.push(count(&mut db).await.to_string());
        let mut work = db.begin().await.unwrap();
        told.push(state(sqlx::query("select 1 / $1").bind(0).execute(&mut *work).await.unwrap_err()));
        told.push(state(sqlx::query("select 2").execute(&mut *work).await.unwrap_err()));
        work.rollback().await.unwrap();
        for wrong in ["selec 1", "select * from absent", "insert into t values (7, 'twice')"] {
            told.push(state(sqlx::query(wrong).execute(&mut db).await.unwrap_err()));
        }
        let several =
            sqlx::raw_sql("insert into t values (1, 'a'); select 1 / 0; insert into t values (2, 'b')");
        told.push(state(several.execute(&mut db).await.unwrap_err()));
        told.push(count(&mut db).await.to_string());
        // Left in the middle of its rows: the rest is read and thrown away before the next answer.
        let mut rows = sqlx::query("select * from generate_series(1, 50000)").fetch(&mut db);
        told.push(rows.next().await.unwrap().unwrap().get::<i32, _>(0).to_string());
        drop(rows);
        told.push(count(&mut db).await.to_string());
        db.close().await.unwrap();
        told
    });
}

#[test]
fn sqlx_copies_both_ways() {
    everywhere(async |options| {
        let mut told = Vec::new();
        let mut db = PgConnection::connect_with(&options).await.unwrap();
        fill(&mut db, 0).await;
        let mut copy = db.copy_in_raw("copy t from stdin csv").await.unwrap();
        for block in 0..20 {
            let rows: String = (0..1000).map(|row| format!("{},row {row}\n", block * 1000 + row)).collect();
            copy.send(rows.into_bytes()).await.unwrap();
        }
        told.push(copy.finish().await.unwrap().to_string());
        let mut copy = db.copy_in_raw("copy t from stdin csv").await.unwrap();
        copy.send(b"-1,never\n".as_slice()).await.unwrap();
        copy.abort("thought better of it").await.unwrap();
        // sqlx loses count of answers after a copy that failed: such a session is not used again.
        let mut failing = PgConnection::connect_with(&options).await.unwrap();
        let mut copy = failing.copy_in_raw("copy t from stdin csv").await.unwrap();
        copy.send(b"no number,never\n".as_slice()).await.unwrap();
        told.push(state(copy.finish().await.unwrap_err()));
        let mut failing = PgConnection::connect_with(&options).await.unwrap();
        told.push(state(failing.copy_out_raw("copy absent to stdout").await.err().unwrap()));
        told.push(count(&mut db).await.to_string());
        let mut out = db.copy_out_raw("copy (select a from t order by a) to stdout").await.unwrap();
        let mut bytes = Vec::new();
        while let Some(block) = out.next().await {
            bytes.extend_from_slice(&block.unwrap());
        }
        drop(out);
        assert_eq!(bytes, (0..20_000).map(|a| format!("{a}\n")).collect::<String>().into_bytes());
        told.push(bytes.len().to_string());
        told.push(count(&mut db).await.to_string());
        db.close().await.unwrap();
        told
    });
}

#[test]
fn sqlx_shares_a_pool_of_its_own() {
    everywhere(async |options| {
        let pool = PgPoolOptions::new().max_connections(POOLED).min_connections(POOLED).connect_with(options);
        let pool: PgPool = pool.await.unwrap();
        sqlx::query("create table sums (worker int primary key, sum int)").execute(&pool).await.unwrap();
        let work = async |worker: usize| {
            for turn in 0..ROUNDS {
                let token = format!("{worker} {turn}");
                let said = sqlx::query_scalar::<_, String>("select $1::text").bind(&token);
                assert_eq!(said.fetch_one(&pool).await.unwrap(), token);
                let mut work = pool.begin().await.unwrap();
                let add =
                    "insert into sums values ($1, 1) on conflict (worker) do update set sum = sums.sum + 1";
                sqlx::query(add).bind(i32::try_from(worker).unwrap()).execute(&mut *work).await.unwrap();
                if turn % 3 == 0 { work.rollback().await.unwrap() } else { work.commit().await.unwrap() }
            }
        };
        join_all((0..WORKERS).map(work)).await;
        let sums = sqlx::query_as::<_, (i32, i32)>("select worker, sum from sums order by worker");
        let sums = sums.fetch_all(&pool).await.unwrap();
        pool.close().await;
        sums.into_iter().map(|(worker, sum)| format!("{worker} {sum}")).collect()
    });
}

#[test]
fn sqlx_gives_up_by_dropping() {
    through_both(|proxy| {
        let mut look = Look::at(server(), &proxy.database);
        block_on(async {
            let options = options(proxy.address, &proxy.database);
            // The whole connection: the server's work ends with it.
            let mut db = PgConnection::connect_with(&options).await.unwrap();
            let sleep = sqlx::query("select pg_sleep($1)").bind(600.0).execute(&mut db);
            assert!(timeout(GIVEN_UP, sleep).await.is_err());
            drop(db);
            // Only the question, in a pool: its answer goes to nobody.
            let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
            for turn in 0..3 {
                let slow = sqlx::query_scalar::<_, i32>("select 1 from pg_sleep(0.6)").fetch_one(&pool);
                assert!(timeout(GIVEN_UP, slow).await.is_err());
                let next = sqlx::query_scalar::<_, i32>("select $1").bind(turn).fetch_one(&pool);
                assert_eq!(next.await.unwrap(), turn);
            }
            pool.close().await;
        });
        look.wait("wait_event = 'PgSleep'", 0);
    });
}

#[test]
fn sqlx_keeps_the_state_of_its_session() {
    everywhere(async |options| {
        let mut told = Vec::new();
        let options = options.options([("statement_timeout", "61s")]);
        let pool = PgPoolOptions::new().max_connections(3).connect_with(options.clone()).await.unwrap();
        // LISTEN pins where the mode does not.
        let mut listener = PgListener::connect_with(&pool).await.unwrap();
        listener.listen_all(["orders", "fills"]).await.unwrap();
        for number in 0..3 {
            sqlx::query("select pg_notify('fills', $1)")
                .bind(number.to_string())
                .execute(&pool)
                .await
                .unwrap();
            let heard = listener.recv().await.unwrap();
            told.push(format!("{} {}", heard.channel(), heard.payload()));
        }
        drop(listener);
        pool.close().await;
        let mut db = PgConnection::connect_with(&options).await.unwrap();
        let mut others = PgConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql("create temporary table mine (a int)").execute(&mut db).await.unwrap();
        told.push(sqlx::query_scalar("show statement_timeout").fetch_one(&mut db).await.unwrap());
        let lock = "select pg_try_advisory_lock(42)";
        told.push(sqlx::query_scalar::<_, bool>(lock).fetch_one(&mut db).await.unwrap().to_string());
        told.push(sqlx::query_scalar::<_, bool>(lock).fetch_one(&mut others).await.unwrap().to_string());
        sqlx::query("insert into mine values ($1)").bind(1).execute(&mut db).await.unwrap();
        told.push(state(sqlx::query("select * from mine").execute(&mut others).await.unwrap_err()));
        told.push(
            sqlx::query_scalar::<_, i32>("select a from mine").fetch_one(&mut db).await.unwrap().to_string(),
        );
        told
    });
}
