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
