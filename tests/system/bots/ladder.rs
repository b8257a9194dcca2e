//! The reference ladder, step by step, under a bot that leaks through three proxies: down to polls, to a pause of trading, and up
//! again in order; then to its end, and a clean start. What is held against it is what the venue and the database saw, and
//! what /proc shows; nothing is taken from the agent's own word.

mod witness;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::bot::Bot;
use super::course::policy_file;
use super::servers::Servers;
use crate::support::agent::{Agent, toml_text};
use crate::support::port::free_port;
use crate::support::wait::wait_for;
use witness::{Backends, Record, Said, Tick, sockets_to};

/// For one step, on a machine that is busy with others.
const PATIENCE: Duration = Duration::from_mins(1);
/// Ticks of the bot in which a state is seen to last.
const LAST: usize = 12;
/// Where the tiers of `laddered.toml` raise and clear.
const ATTENTION: u64 = 40;
const FATAL: u64 = 130;
const CALM: u64 = 30;
/// How often the venue counts, and from poll to poll.
const TICKS_A_SECOND: f64 = 40.0;
const POLLED_EVERY: f64 = 0.2;
/// Connections that the pool may have.
const POOL_MAX: usize = 3;

/// Where each proxy listens.
struct Doors {
    database: u16,
    rest: u16,
    feed: u16,
}

/// The bot, those it trades with, and what all of them said.
struct Scene {
    folder: tempfile::TempDir,
    doors: Doors,
    feed: u16,
    record: Record,
    said: Said,
    agent: Agent,
    backends: Backends,
    _servers: [Servers; 2],
}

fn port(servers: &Servers, name: &str) -> u16 {
    u16::try_from(servers.ports[name].as_u64().unwrap()).unwrap()
}

fn settings(folder: &Path, doors: &Doors, servers: &[Servers; 2]) -> String {
    let [venue, database] = servers;
    let (rest, feed, database) = (port(venue, "rest"), port(venue, "feed"), port(database, "postgres"));
    let bot = Bot { rate: 20, limit: 400, ..Bot::new("laddered.py", &[]) };
    let mut argv = bot.command(&folder.join("bot.log"));
    argv.extend(["--servers", "{}", "--word"].map(str::to_owned));
    argv.push(folder.join("word").to_string_lossy().into_owned());
    let argv: Vec<String> = argv.iter().map(|word| toml_text(word)).collect();
    format!(
        "[target.bot]\npolicy = [{policy}]\nallow = [\"stop\"]\ntrading = {{ gates = [\"venue\"] }}\n\
         restart = {{ backoff = \"100ms\", backoff_max = \"200ms\", max = \"60/hour\" }}\n\
         match = {{ child = {{ argv = [{argv}], env = {{ DATABASE_URL = \"postgresql://postgres@127.0.0.1:{database}/postgres\", \
         VENUE_URL = \"http://127.0.0.1:{rest}\", STREAM_URL = \"ws://127.0.0.1:{feed}\" }} }} }}\n\
         [hook.cancel-all]\nhttp = {{ url = \"http://127.0.0.1:{own_rest}/orders\", method = \"DELETE\" }}\n\
         [proxy.orders-db]\nprotocol = \"postgres\"\nlisten = \"127.0.0.1:{own_database}\"\nupstream = \"127.0.0.1:{database}\"\n\
         env = \"DATABASE_URL\"\npool = {{ max = {POOL_MAX}, idle = \"1h\", lifetime = \"1h\" }}\n\
         [proxy.venue]\nprotocol = \"http\"\nlisten = \"127.0.0.1:{own_rest}\"\nupstream = \"http://127.0.0.1:{rest}\"\nenv = \"VENUE_URL\"\n\
         [proxy.venue.gate]\n\
         orders = [{{ method = \"POST\", path = \"/order\", reduces = {{ pointer = \"/reduceOnly\", is = true }} }}]\n\
         cancels = [{{ method = \"DELETE\", path = \"/order\" }}, {{ method = \"DELETE\", path = \"/orders\" }}]\n\
         [proxy.quotes]\nprotocol = \"websocket\"\nlisten = \"127.0.0.1:{own_feed}\"\nupstream = \"ws://127.0.0.1:{feed}\"\nenv = \"STREAM_URL\"\n\
         [proxy.quotes.stream]\nsubscribe = {{ \"/method\" = \"SUBSCRIBE\" }}\nid = \"/id\"\ntopic = \"/stream\"\ncursor = \"/n\"\nnumbers = \"by-one\"\n\
         notice = '{{ \"notice\": \"gap\", \"from\": \"{{/from}}\", \"to\": \"{{/to}}\" }}'\n\
         [proxy.quotes.stream.poll]\nurl = \"http://127.0.0.1:{rest}/ticks?stream={{topic}}\"\nitems = \"/items\"\ncursor = \"/n\"\n\
         message = '{{ \"stream\": \"{{topic}}\", \"n\": \"{{/n}}\", \"last\": \"{{/last}}\" }}'\ndwell = \"300ms\"\n",
        policy = toml_text(&policy_file("laddered").to_string_lossy()),
        argv = argv.join(", "),
        own_database = doors.database,
        own_rest = doors.rest,
        own_feed = doors.feed,
    )
}

impl Scene {
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("venue.log");
        let servers = [Servers::with_record(&record), Servers::postgres()];
        let doors = Doors { database: free_port(), rest: free_port(), feed: free_port() };
        Agent::write_settings(folder.path(), &settings(folder.path(), &doors, &servers));
        Self {
            feed: port(&servers[0], "feed"),
            backends: Backends::watch(port(&servers[1], "postgres")),
            agent: Agent::start(folder.path()),
            record: Record::of(&record),
            said: Said::of(&folder.path().join("bot.log")),
            folder,
            doors,
            _servers: servers,
        }
    }

    /// Looks until something is so.
    fn until<T>(&mut self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let (log, errors) = (self.agent.log_reader(), self.folder.path().join("agent.out"));
        let why = move || format!("{}\n{}", log(), std::fs::read_to_string(errors).unwrap_or_default());
        wait_for(
            what,
            PATIENCE,
            || {
                self.record.wind();
                self.said.wind();
                let died = self.said.ticks.iter().find(|tick| tick.event == "died");
                assert!(died.is_none(), "{died:?}");
                look(self)
            },
            why,
        )
    }

    /// Waits for so many more ticks of the process, and gives them.
    fn ticks(&mut self, what: &str, pid: u32, count: usize) -> Vec<Tick> {
        self.said.wind();
        let before = self.said.of_process(pid).count();
        self.until(what, |scene| (scene.said.of_process(pid).count() >= before + count).then_some(()));
        self.said.of_process(pid).skip(before).cloned().collect()
    }

    fn tell(&self, pid: u32, word: &str) {
        let (place, new) = (self.word(), self.folder.path().join("word.new"));
        std::fs::write(&new, format!("{pid} {word}\n")).unwrap();
        std::fs::rename(new, place).unwrap();
    }

    fn word(&self) -> PathBuf {
        self.folder.path().join("word")
    }

    /// Sockets by which the agent is connected to the venue's feed.
    fn upstream(&self) -> usize {
        sockets_to(self.agent.pid(), self.feed).len()
    }
}

/// Whether each number that the process heard comes right behind the one before it, but where it was told of a gap.
fn assert_whole(ticks: &[Tick]) {
    let heard: Vec<u64> = ticks.iter().flat_map(|tick| tick.numbers.clone()).collect();
    let notices: Vec<_> = ticks.iter().flat_map(|tick| tick.notices.clone()).collect();
    assert!(heard.len() > LAST, "{heard:?}");
    let torn: Vec<&[u64]> = heard.windows(2).filter(|pair| pair[1] != pair[0] + 1).collect();
    assert!(torn.is_empty() && notices.is_empty(), "{torn:?} {notices:?}");
}

/// Of all its requests the venue saw those that the bot was told of as passed, and no other one.
fn assert_seen(scene: &Scene, pid: u32, ticks: &[Tick]) {
    for (what, side) in [("buy", Some("buy")), ("sell", Some("sell")), ("cancel", None)] {
        let mut passed = Vec::new();
        for tick in ticks {
            let Some((id, status)) = tick.answers.get(what) else { continue };
            assert!(*status == 200 || (what == "buy" && *status == 503), "{what} {id}: {status}");
            passed.extend((*status == 200).then(|| id.clone()));
        }
        let what = if side.is_some() { "order" } else { what };
        let of_it = |id: &String| id.starts_with(&format!("{pid}-"));
        let seen = scene.record.seen.iter().filter(|seen| seen.what == what && seen.side.as_deref() == side);
        let mut seen: Vec<String> = seen.filter_map(|seen| seen.id.clone()).filter(of_it).collect();
        // What it asked in its very last tick it may not have told.
        seen.truncate(passed.len().max(seen.len().saturating_sub(1)));
        assert_eq!(seen, passed, "{what} {side:?}");
    }
}

fn down_to_polls(scene: &mut Scene, pid: u32, own: &[u64]) {
    scene.tell(pid, "leak");
    let begun = scene.until("a reset has closed idle sessions of the database", |scene| {
        let gone = scene.backends.gone();
        gone.first().copied()
    });
    let high = scene.said.of_process(pid).rfind(|tick| tick.boot <= begun).unwrap();
    assert!(high.fds + 4 > ATTENTION, "reset at {} descriptors", high.fds);
    scene.until("the upstream's descriptors are gone", |scene| (scene.upstream() == 0).then_some(()));
    scene.until("and the venue has no feed open", |scene| scene.record.feeds().is_empty().then_some(()));
    assert_eq!(sockets_to(pid, scene.doors.feed)[..1], own[..1], "the client's socket stays");
    let polled = scene.ticks("polls serve", pid, LAST);
    let heard: usize = polled.iter().map(|tick| tick.numbers.len()).sum();
    let passed = polled[LAST - 1].boot - polled[0].boot - POLLED_EVERY;
    assert!(
        heard as f64 >= passed * TICKS_A_SECOND * 0.8,
        "ticks keep coming: {heard} in {passed} s: {polled:?}"
    );
}

fn down_to_a_pause(scene: &mut Scene, pid: u32) {
    let refused = |tick: &Tick| tick.answers.get("buy").is_some_and(|answer| answer.1 == 503);
    scene.until("an order is refused", |scene| scene.said.of_process(pid).any(refused).then_some(()));
    let paused = scene.ticks("it lasts", pid, LAST);
    for tick in &paused {
        let statuses = ["buy", "sell", "cancel", "quote"].map(|what| tick.answers[what].1);
        assert_eq!(statuses, [503, 200, 200, 200], "{tick:?}");
        assert!(tick.fds < FATAL, "{tick:?}");
    }
    let (from, to) = (paused[0].boot, paused[LAST - 1].boot);
    let seen = |what: &str, side: Option<&str>| {
        let of = |seen: &&witness::Seen| seen.what == what && seen.side.as_deref() == side;
        scene.record.between(from, to).filter(of).count()
    };
    assert_eq!(seen("order", Some("buy")), 0, "the venue sees no order that adds risk");
    assert!(seen("order", Some("sell")) >= LAST - 1 && seen("cancel", None) >= LAST - 1);
    assert_eq!(seen("open", None), 0, "nor a feed");
}

fn up_again(scene: &mut Scene, pid: u32, own: &[u64]) {
    scene.said.wind();
    let healed = scene.said.of_process(pid).next_back().unwrap().boot;
    scene.tell(pid, "heal");
    let traded = scene.until("it trades on", |scene| {
        scene
            .record
            .between(healed, f64::MAX)
            .find(|seen| seen.side.as_deref() == Some("buy"))
            .map(|seen| seen.boot)
    });
    let path = format!("/own/{pid}");
    let back = scene.until("its feed is live again", |scene| {
        let mut since = scene.record.between(healed, f64::MAX);
        since.find(|seen| seen.what == "subscribe" && seen.path.as_ref() == Some(&path)).map(|seen| seen.boot)
    });
    assert!(traded < back, "the last step is undone first: {traded} {back}");
    let asked =
        scene.record.between(back - 0.001, back + 0.001).find(|seen| seen.what == "subscribe").unwrap();
    assert_eq!(asked.topics.as_deref(), Some(&["700.HK".to_owned()][..]), "it is subscribed again");
    let live =
        |scene: &Scene| (scene.record.feeds() == [path.clone()] && scene.upstream() == 1).then_some(());
    scene.until("only its own feed is open", live);
    assert_eq!(sockets_to(pid, scene.doors.feed), own[..1], "the client's socket is the one it was");
    let calm = |scene: &Scene| (scene.said.of_process(pid).next_back()?.fds < CALM).then_some(());
    scene.until("it is calm", calm);
    scene.ticks("the last reset is over", pid, LAST);
    let before = scene.backends.gone().len();
    scene.ticks("no more resets", pid, 2 * LAST);
    assert_eq!(scene.backends.gone().len(), before, "nothing is reset any more");
    let since: Vec<Tick> = scene.said.of_process(pid).filter(|tick| tick.boot > back).cloned().collect();
    assert!(
        since.iter().skip(1).all(|tick| tick.answers.values().all(|answer| answer.1 == 200)),
        "{since:?}"
    );
}

/// Gives the process that was started after it.
fn down_to_the_end(scene: &mut Scene, pid: u32) -> u32 {
    scene.tell(pid, "doom");
    let end = scene.until("it is stopped", |scene| {
        scene.said.of_process(pid).find(|tick| tick.event == "stopped").map(|tick| tick.boot)
    });
    let next = scene.until("and started again", |scene| {
        scene.said.ticks.iter().map(|tick| tick.pid).find(|other| *other != pid)
    });
    scene.ticks("it trades", next, LAST);
    let cancelled: Vec<f64> =
        scene.record.seen.iter().filter(|seen| seen.what == "cancel all").map(|seen| seen.boot).collect();
    assert!(
        cancelled.len() == 1 && cancelled[0] < end,
        "all is cancelled before it is told to stop: {cancelled:?}"
    );
    let most = scene.said.of_process(pid).map(|tick| tick.fds).max().unwrap();
    assert!(most > FATAL - 10 && most < 2 * FATAL, "{most} descriptors");
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    next
}

#[test]
fn down_the_ladder_and_up_again_and_down_to_the_end() {
    let mut scene = Scene::set();
    let pid = scene.until("the bot trades", |scene| {
        Some(scene.said.ticks.iter().find(|tick| tick.event == "tick")?.pid)
    });
    let quiet = scene.ticks("nothing is wrong", pid, LAST);
    assert!(quiet.iter().all(|tick| tick.answers.values().all(|answer| answer.1 == 200)), "{quiet:?}");
    assert!(scene.backends.gone().is_empty(), "nothing is reset");
    assert_eq!((scene.record.feeds(), scene.upstream()), (vec![format!("/own/{pid}")], 1));
    let own = sockets_to(pid, scene.doors.feed);
    assert_eq!(own.len(), 1);
    down_to_polls(&mut scene, pid, &own);
    down_to_a_pause(&mut scene, pid);
    up_again(&mut scene, pid, &own);
    let next = down_to_the_end(&mut scene, pid);
    let last = scene.ticks("it lasts", next, LAST);
    assert!(
        last.iter().all(|tick| tick.fds < CALM && tick.answers.values().all(|answer| answer.1 == 200)),
        "{last:?}"
    );
    scene.until("its feed is live", |scene| (scene.record.feeds() == [format!("/own/{next}")]).then_some(()));
    for pid in [pid, next] {
        let ticks: Vec<Tick> = scene.said.of_process(pid).cloned().collect();
        assert_whole(&ticks);
        assert_seen(&scene, pid, &ticks);
    }
    assert!(
        (1..=POOL_MAX).contains(&scene.backends.most()),
        "the database had {} sessions",
        scene.backends.most()
    );
    assert!(scene.agent.end().success());
}
