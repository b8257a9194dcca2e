//! `init` on real processes: what it writes is good as it is, and says what was there.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::fdguard::{Ran, fdguard};
use crate::leaker::Leaker;

/// A bot with a database: five connections to a port that one of its variables names.
fn bot_with_a_database(port: u16) -> Leaker {
    let url = format!("postgresql+asyncpg://bot:p@ss@localhost:{port}/orders");
    Leaker::start_with(&with_a_database(port), &[("DATABASE_URL", &url), ("API_SECRET", "hunter2")])
}

fn with_a_database(port: u16) -> String {
    format!(
        "
database = socket.socket(); database.bind(('127.0.0.1', {port})); database.listen(64)
for _ in range(5):
    kept.append(socket.create_connection(database.getsockname())); kept.append(database.accept()[0])
"
    )
}

/// Below the ephemeral ports, so that it is no client's.
fn free_port() -> u16 {
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    (first..32_000).find(free).unwrap()
}

fn init(leaker: &Leaker, out: &Path, more: &[&str]) -> Ran {
    let pid = leaker.pid();
    let mut words =
        vec!["init", "--pid", &pid, "--for", "1s", "--name", "bot", "--out", out.to_str().unwrap()];
    words.extend(more);
    fdguard(words)
}

fn read(folder: &Path, file: &str) -> String {
    std::fs::read_to_string(folder.join(file)).unwrap()
}

/// What the README tells a person to type next.
fn is_good(folder: &Path) {
    let checked = fdguard([
        Path::new("config"),
        Path::new("check"),
        &folder.join("fdguard.toml"),
        Path::new("--strict"),
    ]);
    assert_eq!((checked.code, checked.err.as_str()), (Some(0), ""), "{checked:?}");
    let tested = fdguard([Path::new("policy"), Path::new("test"), &folder.join("policies/bot.toml")]);
    assert_eq!(tested.code, Some(0), "{tested:?}");
    assert!(tested.out.contains("scenarios hold"), "{tested:?}");
}

#[test]
fn what_it_writes_is_good_as_it_is_and_holds_no_secret() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let leaker = bot_with_a_database(port);
    let ran = init(&leaker, folder.path(), &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("named by DATABASE_URL: proxy `localhost` (postgres)"), "{}", ran.out);
    is_good(folder.path());
    let agent = read(folder.path(), "fdguard.toml");
    assert!(agent.contains(&format!("# upstream = \"localhost:{port}\"")), "{agent}");
    assert!(agent.contains("DATABASE_URL then names postgresql://127.0.0.1:"), "{agent}");
    let all = [agent, read(folder.path(), "policies/bot.toml"), ran.out].concat();
    assert!(!all.contains("p@ss") && !all.contains("hunter2"), "{all}");
}

#[test]
fn proposed_proxies_become_settings_by_hand_and_by_a_flag() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let leaker = bot_with_a_database(port);
    assert_eq!(init(&leaker, folder.path(), &[]).code, Some(0));
    // A person takes the block out of its comments.
    let agent = read(folder.path(), "fdguard.toml");
    let block = agent.find("# [proxy.localhost]").unwrap();
    let end = block + agent[block..].find("\n\n").unwrap();
    let opened = agent[block..end].replace("# ", "");
    let by_hand = format!("{}{opened}{}", &agent[..block], &agent[end..]);
    std::fs::write(folder.path().join("fdguard.toml"), by_hand).unwrap();
    is_good(folder.path());
    let refused = init(&leaker, folder.path(), &["--proxies"]);
    assert_eq!(refused.code, Some(2), "a file that is there is not written over: {refused:?}");
    assert!(refused.err.contains("--force"), "{}", refused.err);
    let told = init(&leaker, folder.path(), &["--proxies", "--force", "--json"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert_eq!(told.json()["proxies"][0]["variable"], "DATABASE_URL");
    is_good(folder.path());
    let policy = read(folder.path(), "policies/bot.toml");
    assert!(policy.contains("{ reset_pool = { pool = \"localhost\", how = \"idle\" } }"), "{policy}");
    assert!(read(folder.path(), "fdguard.toml").contains("\n[proxy.localhost]\n"));
}

#[test]
fn what_it_writes_guards_the_bot_it_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let leaker = Leaker::start("");
    assert_eq!(init(&leaker, folder.path(), &[]).code, Some(0));
    let agent = read(folder.path(), "fdguard.toml");
    let pattern = agent.lines().find(|line| line.starts_with("match")).unwrap();
    assert!(pattern.contains("command = "), "{pattern}");
    let shown = fdguard([Path::new("config"), Path::new("show"), &folder.path().join("fdguard.toml")]);
    assert!(shown.out.contains("target.bot.match.command"), "{}", shown.out);
}

/// The words of a command line are the bot's own, and the file is read by root.
#[test]
fn a_command_line_writes_no_settings() {
    let folder = tempfile::tempdir().unwrap();
    let words = "\n[hook.evil]\nrun = [\"/bin/true\"]\n#";
    let mut bot = Command::new("sh").args(["-c", "read line", words]).stdin(Stdio::piped()).spawn().unwrap();
    let (pid, out) = (bot.id().to_string(), folder.path().to_str().unwrap());
    let ran = fdguard(["init", "--pid", &pid, "--for", "1s", "--name", "bot", "--out", out]);
    bot.kill().unwrap();
    bot.wait().unwrap();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    is_good(folder.path());
    let shown = fdguard([Path::new("config"), Path::new("show"), &folder.path().join("fdguard.toml")]);
    let evil: Vec<_> = shown.out.lines().filter(|line| line.starts_with("hook")).collect();
    assert!(evil.is_empty() && shown.out.contains("evil"), "{}", shown.out);
}

#[test]
fn a_bot_of_another_user_that_its_command_line_tells_is_let_in_by_its_number() {
    if std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0) {
        eprintln!("left out: another user can only be played by root");
        return;
    }
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let program = format!("{}import os; os.setuid(65534)\n", with_a_database(port));
    let leaker = Leaker::start_with(&program, &[]);
    let ran = init(&leaker, folder.path(), &["--proxies"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let agent = read(folder.path(), "fdguard.toml");
    assert!(
        agent.contains("match  = { command") && agent.contains("allow    = { uid = [65534] }"),
        "{agent}"
    );
    is_good(folder.path());
}

#[test]
fn who_is_not_there_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let gone = fdguard(["init", "--pid", "4194304", "--for", "1s", "--out", out]);
    assert_eq!(gone.code, Some(2), "{gone:?}");
    assert!(gone.err.contains("no process 4194304"), "{}", gone.err);
    let unit = fdguard(["init", "--unit", "no-such", "--for", "1s", "--out", out]);
    assert_eq!(unit.code, Some(2), "{unit:?}");
    assert!(unit.err.contains("no process here"), "{}", unit.err);
    let neither = fdguard(["init", "--out", out]);
    assert_eq!(neither.code, Some(2), "{neither:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is written");
}
