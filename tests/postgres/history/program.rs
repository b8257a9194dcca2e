//! The program: an agent that writes to a database, and the commands that read from it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use super::*;

const SECRET: &str = "s3cret-of-the-history";

fn fdguard(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fdguard")).args(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn write_secret(path: &Path, mode: u32) {
    fs::write(path, format!("{SECRET}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn an_agent_writes_to_a_database_and_history_and_replay_read_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let address = format!("postgres://{USER}@{}/{}?sslmode=disable", server().address, server().database());
    write_secret(&folder.path().join("password"), 0o600);
    let settings = format!(
        "schema = 1\n[history]\nstore = \"{address}\"\npassword_file = \"password\"\nagent = \"desk-1\"\n\
         [admin]\nsocket = \"{}\"\n",
        path("s.sock")
    );
    fs::write(folder.path().join("agent.toml"), settings).unwrap();
    let shown = out(&fdguard(&["config", "show", "--config", &path("agent.toml")]));
    assert!(shown.contains(&address) && !shown.contains(SECRET), "{shown}");

    let ran = fdguard(&["exec", "-c", &path("agent.toml"), "--", "sleep", "3"]);
    assert!(ran.status.success(), "{ran:?}");
    assert!(!String::from_utf8_lossy(&ran.stderr).contains(SECRET));

    let of = |more: &[&str]| {
        let store = ["history", "--store", &address, "--agent", "desk-1"];
        fdguard(&store.iter().chain(more).copied().collect::<Vec<_>>())
    };
    let told = out(&of(&[]));
    for words in ["agent started", "process adopted", "process ended: code 0", "agent stopping"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!told.contains(SECRET));
    let table = out(&of(&["--signal", "fd.open", "--target", "sleep"]));
    assert!(table.contains("min") && table.contains('▁'), "{table}");

    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/default.toml");
    let replay = ["policy", "replay", policy.to_str().unwrap(), "--from", &address, "--agent", "desk-1"];
    assert!(fdguard(&replay).status.success(), "{:?}", fdguard(&replay));

    let other = fdguard(&["history", "--store", &address, "--agent", "desk-2"]);
    assert_eq!(other.status.code(), Some(2));
    let why = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(why.contains("desk-1") && why.contains("--agent"), "{why}");
}

#[test]
fn a_password_in_the_address_or_open_to_others_is_refused_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.toml");
    let check = |history: &str| {
        fs::write(&file, format!("schema = 1\n[history]\n{history}\n")).unwrap();
        let ran = fdguard(&["config", "check", file.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        (ran.status.success(), said)
    };
    let (good, said) = check(&format!("store = \"postgres://bot:{SECRET}@db.lan/history\""));
    assert!(!good && said.contains("holds no password") && !said.contains(SECRET), "{said}");
    let (good, said) = check("store = \"postgres://bot@db.lan\"");
    assert!(!good && said.contains("ends with its name"), "{said}");
    let (good, said) = check("store = \"none\"\nagent = \"x\"");
    assert!(!good && said.contains("`agent` is for a history in a database"), "{said}");
    write_secret(&folder.path().join("password"), 0o644);
    let (good, said) = check("store = \"postgres://bot@db.lan/history\"\npassword_file = \"password\"");
    assert!(!good && said.contains("open to others") && !said.contains(SECRET), "{said}");
    write_secret(&folder.path().join("password"), 0o600);
    let (good, said) = check("store = \"postgres://bot@db.lan/history\"\npassword_file = \"password\"");
    assert!(good, "{said}");
}

/// The blocks of a kind of the page on fleets.
fn blocks(kind: &str) -> Vec<String> {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/fleet.md")).unwrap();
    let begin = format!("```{kind}\n");
    page.split(&begin).skip(1).map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn what_the_page_on_fleets_shows_works_in_its_order() {
    let own = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    write_secret(&folder.path().join("password"), 0o600);
    let here = |text: &str| {
        text.replace("db.lan", &own.address.to_string())
            .replace("?sslmode=verify-full", "?sslmode=disable")
            .replace(
                "/run/credentials/fdguard/history",
                &folder.path().join("password").display().to_string(),
            )
    };
    let [make, grant, ask] = blocks("sql").try_into().unwrap();
    for line in make.lines() {
        assert_eq!(own.admin().run(line).error, None, "{line}");
    }
    let [history, fleet] = blocks("toml").try_into().unwrap();
    let admin = format!("[admin]\nsocket = \"{}\"\n", folder.path().join("s.sock").display());
    let settings = here(&format!("schema = 1\n{history}{fleet}{admin}"));
    let file = folder.path().join("agent.toml");
    fs::write(&file, settings).unwrap();
    let ran = fdguard(&["exec", "-c", file.to_str().unwrap(), "--", "sleep", "3"]);
    assert!(ran.status.success(), "{ran:?}");
    for line in grant.lines() {
        assert_eq!(own.open("fdguard").run(line).error, None, "{line}");
    }
    let commands: Vec<String> = blocks("console").concat().lines().map(here).collect();
    assert_eq!(commands.len(), 5);
    for command in commands {
        let words: Vec<&str> = command.strip_prefix("$ fdguard ").unwrap().split(' ').collect();
        assert!(!out(&fdguard(&words)).is_empty(), "{command}");
    }
    let kinds = own.open("fdguard").run(&ask);
    assert_eq!(kinds.error, None);
    assert!(
        kinds.rows.iter().all(|row| row[0].as_deref() == Some("host-7")) && kinds.rows.len() > 3,
        "{kinds:?}"
    );
}
