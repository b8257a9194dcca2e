//! Proxies as `exec` and `config` meet them; that they serve is tested elsewhere.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fdguard::{Ran, command, ran};

/// A file with one proxy, in a folder of its own.
fn file(folder: &Path, proxy: &str) -> PathBuf {
    let file = folder.join("agent.toml");
    let socket = folder.join("s.sock");
    let settings = format!(
        "schema = 1\n[history]\nstore = \"none\"\n[admin]\nsocket = \"{}\"\n[proxy.db]\n{proxy}",
        socket.display()
    );
    std::fs::write(&file, settings).unwrap();
    file
}

/// Runs a command as the child of `exec`, with these variables and no others of PostgreSQL.
fn child(proxy: &str, variables: &[(&str, &str)], argv: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let file = file(folder.path(), proxy);
    let mut exec: Command = command(["exec", "-c", file.to_str().unwrap(), "--"].iter().chain(argv));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG")) {
        exec.env_remove(name);
    }
    ran(exec.envs(variables.iter().copied()).output().unwrap())
}

const PROXY: &str = "protocol = \"postgres\"\nlisten = \"127.0.0.1:6432\"\nupstream = \"db1.internal\"\n";

#[test]
fn the_child_of_exec_finds_its_url_rewritten() {
    let proxy = format!("{PROXY}env = [\"DATABASE_URL\"]\n");
    let variables = [("DATABASE_URL", "postgres://u:p@db1.internal:5432/x?sslmode=require")];
    let ran = child(&proxy, &variables, &["printenv", "DATABASE_URL"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.out, "postgres://u:p@127.0.0.1:6432/x?sslmode=disable\n");
}

#[test]
fn what_would_lead_past_the_proxy_is_taken_out() {
    let proxy = format!("{PROXY}env = \"PG\"\n");
    let variables = [("PGHOST", "db1.internal"), ("PGHOSTADDR", "192.0.2.1"), ("PGUSER", "bot")];
    let ran = child(&proxy, &variables, &["sh", "-c", "env | grep ^PG | sort"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.out, "PGHOST=127.0.0.1\nPGPORT=6432\nPGSSLMODE=disable\nPGUSER=bot\n");
}

#[test]
fn a_child_that_would_go_past_the_proxy_is_not_started() {
    let proxy = format!("{PROXY}env = [\"DATABASE_URL\"]\n");
    let missing = child(&proxy, &[], &["echo", "started"]);
    assert_eq!((missing.code, missing.out.as_str()), (Some(2), ""), "{missing:?}");
    assert!(
        missing.err.contains("`DATABASE_URL` can't be pointed to proxy `db`: it is not set"),
        "{missing:?}"
    );

    let dsn = [("DATABASE_URL", "host=db1 password=hunter2")];
    let ran = child(&proxy, &dsn, &["echo", "started"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
    assert!(ran.err.contains("holds no URL") && !ran.err.contains("hunter2"), "{ran:?}");
}

#[test]
fn a_host_that_is_no_upstream_is_told_without_its_password() {
    let proxy = format!("{PROXY}env = [\"DATABASE_URL\"]\n");
    let elsewhere = [("DATABASE_URL", "postgres://u:hunter2@db9.internal/x")];
    let ran = child(&proxy, &elsewhere, &["true"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("led to db9.internal:5432") && !ran.err.contains("hunter2"), "{ran:?}");
}

/// What `config check` says of a proxy.
fn checked(keys: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let file = file(folder.path(), &format!("{PROXY}{keys}\n"));
    ran(command(["config", "check", file.to_str().unwrap()]).output().unwrap())
}

#[test]
fn reads_whose_answer_can_not_be_kept_are_refused() {
    let refused = [
        ("select now()", "`now` gives something else each time"),
        ("select current_date, a from t", "`current_date` gives something else each time"),
        ("select * from t order by random() limit 1", "`random` gives something else each time"),
        ("select nextval('s')", "`nextval` gives something else each time"),
        ("select * from t for update", "it locks rows"),
        ("with gone as (delete from t returning *) select * from gone", "it does more than to read"),
        ("update t set a = 1", "it does more than to read"),
        ("select 1; select 2", "it is not one statement"),
    ];
    for (query, why) in refused {
        let ran = checked(&format!("cache = [{{ query = \"{query}\", ttl = \"1s\" }}]"));
        assert_eq!(ran.code, Some(2), "{query}: {ran:?}");
        assert!(ran.err.contains("error[not-kept]") && ran.err.contains(why), "{query}: {ran:?}");
    }
    let one = "{ query = \"select a from t where id = $1\", ttl = \"1s\" }";
    let twice = checked(&format!(
        "cache = [{one}, {{ query = \"SELECT a\\nFROM t WHERE id = $1;\", ttl = \"2s\" }}]"
    ));
    assert!(twice.err.contains("this read is listed twice"), "{twice:?}");
    let session = checked(&format!("pool = {{ mode = \"session\" }}\ncache = [{one}]"));
    assert!(session.err.contains("error[cache-in-session]"), "{session:?}");
    let schema = checked("cache = [{ query = \"select a from v\", ttl = \"1s\", tables = [\"public.t\"] }]");
    assert!(schema.err.contains("error[with-schema]"), "{schema:?}");
}

#[test]
fn a_read_that_calls_what_nobody_knows_is_noted() {
    let ran = checked("cache = [{ query = \"select risk($1)\", ttl = \"1s\" }]");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("note[reads-unseen]"), "{ran:?}");
    let plain = checked("cache = [{ query = \"select count(*) from t\", ttl = \"1s\", tables = [\"u\"] }]");
    assert_eq!(plain.code, Some(0), "{plain:?}");
    assert!(!plain.err.contains("reads-unseen"), "{plain:?}");
}
