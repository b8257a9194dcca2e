//! Real clients, unchanged, through the pool in both modes. Each leaves its pool clean: a plain client is served after it,
//! and the server never had more connections than the pool may have.

mod sqlx_client;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::look::Look;
use crate::support::proxy::Proxy;
use crate::support::server::{USER, server};

/// Where clients can keep connections apart: fewer than clients in transaction mode, one for each in session mode.
const MODES: [(&str, u32); 2] = [("transaction", 3), ("session", 25)];

/// Runs `work` through a proxy in each mode.
fn through_both(work: impl Fn(&Proxy)) {
    for (mode, max) in MODES {
        let proxy = Proxy::with(&format!("pool = {{ max = {max}, mode = \"{mode}\", wait = \"20s\" }}"));
        work(&proxy);
        proxy.serves();
        assert!(Look::at(server(), &proxy.database).count("true") <= max, "{mode}");
    }
}

/// A command that finds the proxy by libpq's own variables.
pub(crate) fn command(proxy: &Proxy, program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG")) {
        command.env_remove(name);
    }
    command
        .env("PGHOST", proxy.address.ip().to_string())
        .env("PGPORT", proxy.address.port().to_string())
        .env("PGUSER", USER)
        .env("PGDATABASE", &proxy.database)
        .env("PGCONNECT_TIMEOUT", "30");
    command
}

/// Its output, which must be a success.
pub(crate) fn ran(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{out}\n{err}");
    out.into_owned()
}

fn psql(proxy: &Proxy, arguments: &[&str]) -> String {
    ran(command(proxy, "psql").args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]).args(arguments))
}

#[test]
fn psql_in_all_its_ways() {
    through_both(|proxy| {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_string_lossy().into_owned()
        };
        psql(proxy, &["-c", "create table t (a int primary key, b text)"]);
        let rows = file("rows.csv", "1,one\n2,two\n3,three\n");
        psql(proxy, &["-c", &format!("\\copy t from '{rows}' csv")]);
        assert_eq!(
            psql(proxy, &["-c", "\\copy (select * from t order by a) to stdout csv"]),
            "1,one\n2,two\n3,three\n"
        );
        let told = psql(proxy, &["-c", "\\d t"]);
        assert!(told.contains("a|integer||not null|") && told.contains("b|text|||"), "{told}");
        let script = file(
            "script.sql",
            "insert into t values (4, 'four');\n\\set ON_ERROR_STOP 0\nselect 1/0;\nbegin;\ndelete from t;\nrollback;\n\
             select count(*) from t \\gset\n\\echo :count\n",
        );
        assert_eq!(psql(proxy, &["-f", &script]), "4\n");
        let bad = file("bad.sql", "insert into t values (5, 'five');\ninsert into t values (1, 'twice');\n");
        let failed =
            command(proxy, "psql").args(["-X", "-1", "-v", "ON_ERROR_STOP=1", "-f", &bad]).output().unwrap();
        assert_eq!(failed.status.code(), Some(3), "{failed:?}");
        assert_eq!(psql(proxy, &["-c", "select count(*) from t"]), "4\n");
        assert_eq!(
            psql(proxy, &["-v", "FETCH_COUNT=7", "-c", "select count(*) from t", "-c", "select 2"]),
            "4\n2\n"
        );
    });
}

#[test]
fn pgbench_in_all_its_ways() {
    through_both(|proxy| {
        let bench = |arguments: &[&str]| ran(command(proxy, "pgbench").args(arguments));
        bench(&["-i", "-q", "-s", "1", "-I", "dtGvp"]);
        // pgbench waits for each answer to a Parse with all of its clients: more of them than server connections, each
        // within a transaction, would wait for one another.
        for (protocol, clients, each) in
            [("simple", "20", "20"), ("extended", "20", "20"), ("prepared", "2", "200")]
        {
            let told = bench(&["-n", "-M", protocol, "-c", clients, "-j", "2", "-t", each]);
            assert!(told.contains("number of transactions actually processed: 400/400"), "{told}");
        }
        let told = bench(&["-n", "-S", "-C", "-c", "5", "-t", "10"]);
        assert!(told.contains("number of transactions actually processed: 50/50"), "{told}");
        let sums =
            "select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history)";
        assert_eq!(psql(proxy, &["-c", sums, "-c", "select count(*) from pgbench_history"]), "t\n1200\n");
    });
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

/// Runs one of the scripts of Python beside this file.
fn python(script: &str) {
    let python = here("bots/.venv/bin/python");
    assert!(python.exists(), "{} is missing: run tests/setup", python.display());
    through_both(|proxy| {
        ran(command(proxy, &python).arg(here("postgres/clients").join(script)));
    });
}

#[test]
fn asyncpg() {
    python("asyncpg_client.py");
}

#[test]
fn psycopg_and_sqlalchemy() {
    python("psycopg_client.py");
}

/// The version of node-postgres, kept so that a fault seen once is seen again.
const NODE_POSTGRES: &str = "pg@8.23.1";

#[test]
fn node_postgres() {
    if Command::new("npm").arg("--version").output().is_err() {
        eprintln!("left out: npm is not installed");
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("node");
    let modules = folder.join("node_modules");
    if !modules.join("pg/package.json").exists() {
        std::fs::create_dir_all(&folder).unwrap();
        let install = ["install", "--no-save", "--no-audit", "--no-fund", "--prefix"];
        ran(Command::new("npm").args(install).arg(&folder).arg(NODE_POSTGRES));
    }
    through_both(|proxy| {
        let script = here("postgres/clients/node_client.js");
        ran(command(proxy, "node").env("NODE_PATH", &modules).arg(script));
    });
}
