//! Bots that leak connections to their database. Alone they use up what the server has; behind a pool of the agent's
//! own the server never sees more than the pool may have, and the ladder holds the descriptors, which are the bot's.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fdguard::agent::status::HeldClient;
use fdguard::model::action::Word;
use fdguard::model::decision::{Judged, Outcome};
use fdguard::model::event::{Event, Fact};
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::bot::Bot;
use super::course::policy_file;
use super::servers::Servers;
use super::tape::{self, Tape};
use crate::support::agent::{Agent, FDGUARD, toml_text};
use crate::support::port::free_port;
use crate::support::wait::wait_for;

/// Connections that the server has for everybody.
const SERVER_MAX: &str = "max_connections=12";
/// Connections that the pool may have.
const POOL_MAX: i64 = 3;
/// The bot's limit of descriptors, and the most that it may come to have: its ladder acts from 38 on.
const LIMIT: u32 = 48;
const BAND: u64 = 46;
/// Restarts that are seen.
const STOPS: usize = 2;
/// For one bot's course, on a machine that is busy with others.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks at the server.
const LOOK: Duration = Duration::from_millis(20);

/// What came of a guarded bot.
struct Course {
    tape: Tape,
    events: Vec<Event>,
    /// The most sessions that the server had at once.
    sessions: i64,
    /// Clients that the pool had closed and the bot had not, as told of a living process.
    abandoned: Vec<HeldClient>,
    /// What `fdguard status` said at that time.
    page: String,
    /// Server connections that were closed by resets.
    reset: u64,
    log: String,
}

const fn bot(script: &'static str) -> Bot {
    Bot { rate: 4, limit: LIMIT, ..Bot::new(script, &[]) }
}

/// Counts the sessions of a server until told to stop; gives the most there were at once.
fn watch(port: u16, stop: &AtomicBool) -> i64 {
    let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(port).username("postgres");
    let options = options.database("postgres").ssl_mode(PgSslMode::Disable);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut server = options.connect().await.unwrap();
        let count = "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()";
        let mut most = 0;
        while !stop.load(Ordering::Relaxed) {
            most = most.max(sqlx::query_scalar(count).fetch_one(&mut server).await.unwrap());
            tokio::time::sleep(LOOK).await;
        }
        most
    })
}

/// Alone it takes all that the server has, and dies of that.
fn assert_exhausts(bot: Bot, ports: &str) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("alone.log");
    let mut alone = bot.start(&log, ports);
    let ended = wait_for("the bot alone dies", PATIENCE, || alone.ended(), String::new);
    let errors = std::fs::read_to_string(log.with_extension("errors")).unwrap();
    assert!(!ended.success() && errors.contains("too many clients already"), "{ended}: {errors}");
}

fn write_settings(folder: &Path, bot: Bot, listen: u16, (server, ports): (u16, &str)) {
    let argv: Vec<String> =
        bot.command(&folder.join("guarded.log")).iter().map(|word| toml_text(word)).collect();
    let sections = format!(
        "[target.bot]\nmatch = {{ child = {{ argv = [{}], env = {{ BOT_SERVERS = {} }} }} }}\npolicy = [{}]\n\
         allow = [\"stop\"]\nrestart = {{ backoff = \"100ms\", backoff_max = \"200ms\", max = \"60/hour\" }}\n\
         stop = {{ grace = \"1s\" }}\n\
         [proxy.db]\nprotocol = \"postgres\"\nlisten = \"127.0.0.1:{listen}\"\nupstream = \"127.0.0.1:{server}\"\n\
         pool = {{ max = {POOL_MAX} }}\nclients = {{ idle = \"2s\" }}\n",
        argv.join(", "),
        toml_text(ports),
        toml_text(&policy_file("asyncpg_pooled").to_string_lossy()),
    );
    Agent::write_settings(folder, &sections);
}

/// Ends the watch when dropped.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs the bot behind a pool until it was restarted often enough, and `enough` of it was seen.
fn guarded(bot: Bot, venue: &Servers, server: &Servers, enough: impl Fn(&Course) -> bool) -> Course {
    let folder = tempfile::tempdir().unwrap();
    let port = |servers: &Servers| u16::try_from(servers.ports["postgres"].as_u64().unwrap()).unwrap();
    let listen = free_port();
    let mut ports = venue.ports.clone();
    ports.insert("postgres".to_owned(), listen.into());
    let ports = serde_json::Value::from(ports).to_string();
    write_settings(folder.path(), bot, listen, (port(server), &ports));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| watch(port(server), &stop));
        let mut agent = Agent::start(folder.path());
        let mut course = Course {
            tape: Tape::of(&folder.path().join("guarded.log")),
            events: Vec::new(),
            sessions: 0,
            abandoned: Vec::new(),
            page: String::new(),
            reset: 0,
            log: String::new(),
        };
        let log = agent.log_reader();
        let look = || {
            course.look(&mut agent, folder.path());
            (course.stopped() >= STOPS && course.trades() && enough(&course)).then_some(())
        };
        // Whoever watches is to end too where that fails.
        let ending = Ending(&stop);
        wait_for("restarts, and what is to be seen of it", PATIENCE, look, log);
        course.log = agent.log();
        assert!(agent.end().success(), "the agent did not end in order: {}", course.log);
        drop(ending);
        course.sessions = watch.join().unwrap();
        course
    })
}

impl Course {
    fn look(&mut self, agent: &mut Agent, folder: &Path) {
        self.tape.wind();
        self.events.extend(agent.new_events());
        let died = self.tape.lines.iter().find(|line| line.event == tape::Event::Died);
        assert!(died.is_none(), "guarded, and yet: {died:?}\n{}", agent.log());
        let status = agent.status();
        self.reset = status.pools[0].counters.get("closed.reset").copied().unwrap_or_default();
        for process in &status.targets[0].processes {
            for client in process.clients.iter().filter(|client| client.abandoned) {
                // Of a process that ends meanwhile nothing can be asked.
                let link = format!("/proc/{}/fd/{}", process.pid, client.descriptor);
                let Ok(link) = std::fs::read_link(link) else { continue };
                assert!(link.to_string_lossy().starts_with("socket:"), "{client:?} is {}", link.display());
                self.abandoned.push(client.clone());
            }
        }
        if !self.abandoned.is_empty() && !self.page.contains("was a client of db") {
            let output =
                Command::new(FDGUARD).arg("status").env("FDGUARD_SOCKET", folder.join("agent.sock")).output();
            self.page = String::from_utf8(output.unwrap().stdout).unwrap();
        }
    }

    fn stopped(&self) -> usize {
        self.events.iter().filter(|event| matches!(event.fact, Fact::Exited { .. })).count()
    }

    /// Whether the process that runs now has placed orders.
    fn trades(&self) -> bool {
        let Some(last) = self.tape.lines.last() else { return false };
        last.event == tape::Event::Tick && last.orders_ok >= 3 && last.orders_failed == 0
    }

    fn judged(&self) -> impl Iterator<Item = &Judged> {
        self.events.iter().filter_map(|event| match &event.fact {
            Fact::Judged(judged) if judged.word == Word::ResetPool => Some(judged),
            _ => None,
        })
    }

    /// The server was spared, the bot was held, and what a reset can do was told rightly.
    fn assert_held(&self) {
        assert!((1..=POOL_MAX).contains(&self.sessions), "the server had {} sessions", self.sessions);
        let most = self.tape.lines.iter().map(|line| line.fds).max().unwrap();
        assert!((17..=BAND).contains(&most), "{most} descriptors\n{}", self.log);
        let pids = self.tape.processes();
        for pid in &pids[..pids.len() - 1] {
            let last = self.tape.of_process(*pid).next_back().unwrap();
            assert_eq!(last.event, tape::Event::Stopped, "{last:?}");
        }
        assert!(self.reset > 0, "no reset closed anything\n{}", self.log);
        assert!(self.judged().any(|judged| judged.outcome == Outcome::Ineffective), "{}", self.log);
        assert!(self.judged().all(|judged| judged.outcome != Outcome::Effective), "{}", self.log);
    }
}

#[test]
fn a_bot_that_forgets_its_pools_takes_no_more_of_the_server_than_the_pool_may_have() {
    let (venue, server) = (Servers::venue(), Servers::postgres_with(&[SERVER_MAX]));
    assert_exhausts(bot("asyncpg_pools.py"), &venue.with(&server));
    guarded(bot("asyncpg_pools.py"), &venue, &server, |_| true).assert_held();
}

#[test]
fn what_a_bot_abandons_is_told_by_its_descriptor() {
    let (venue, server) = (Servers::venue(), Servers::postgres_with(&[SERVER_MAX]));
    assert_exhausts(bot("asyncpg_loops.py"), &venue.with(&server));
    let named = |course: &Course| course.page.contains("was a client of db, which closed it");
    let course = guarded(bot("asyncpg_loops.py"), &venue, &server, named);
    course.assert_held();
    let told = course.abandoned.iter().any(|client| {
        course.page.contains(&format!("descriptor {} was a client of db, which closed it", client.descriptor))
    });
    assert!(told, "{:?}\n{}", course.abandoned, course.page);
    assert!(course.page.contains("clients of pools abandoned: closed by the pool, kept open here"));
}
