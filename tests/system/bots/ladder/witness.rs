//! What others than the agent saw.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use fdguard::model::clock::Clock as _;
use fdguard::sys::clock::SystemClock;
use serde::de::DeserializeOwned;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// Between two looks at the database.
const LOOK: Duration = Duration::from_millis(10);

/// A line of what the venue saw.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
pub(super) struct Seen {
    pub(super) boot: f64,
    pub(super) what: String,
    pub(super) id: Option<String>,
    pub(super) side: Option<String>,
    pub(super) path: Option<String>,
    pub(super) topics: Option<Vec<String>>,
}

/// All of it.
pub(super) struct Record {
    lines: Lines,
    pub(super) seen: Vec<Seen>,
}

impl Record {
    pub(super) fn of(file: &Path) -> Self {
        Self { lines: Lines::of(file), seen: Vec::new() }
    }

    pub(super) fn wind(&mut self) {
        self.seen.extend(self.lines.more());
    }

    /// What it saw between two times.
    pub(super) fn between(&self, from: f64, to: f64) -> impl Iterator<Item = &Seen> {
        self.seen.iter().filter(move |seen| (from..=to).contains(&seen.boot))
    }

    /// The feeds that are open, by their path.
    pub(super) fn feeds(&self) -> Vec<String> {
        let mut open: Vec<String> = Vec::new();
        for seen in &self.seen {
            let Some(path) = &seen.path else { continue };
            match seen.what.as_str() {
                "open" => open.push(path.clone()),
                "closed" => drop(open.remove(open.iter().position(|other| other == path).unwrap())),
                _ => {}
            }
        }
        open
    }
}

/// A line of the bot's.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
pub(super) struct Tick {
    pub(super) event: String,
    pub(super) pid: u32,
    pub(super) boot: f64,
    pub(super) fds: u64,
    /// By request: its number and the status.
    pub(super) answers: BTreeMap<String, (String, u16)>,
    pub(super) numbers: Vec<u64>,
    pub(super) notices: Vec<serde_json::Value>,
}

/// All of them.
pub(super) struct Said {
    lines: Lines,
    pub(super) ticks: Vec<Tick>,
}

impl Said {
    pub(super) fn of(file: &Path) -> Self {
        Self { lines: Lines::of(file), ticks: Vec::new() }
    }

    pub(super) fn wind(&mut self) {
        self.ticks.extend(self.lines.more());
    }

    /// Those of one process.
    pub(super) fn of_process(&self, pid: u32) -> impl DoubleEndedIterator<Item = &Tick> {
        self.ticks.iter().filter(move |tick| tick.pid == pid)
    }
}

/// A file that grows by lines of JSON.
struct Lines {
    file: PathBuf,
    read: usize,
}

impl Lines {
    fn of(file: &Path) -> Self {
        Self { file: file.to_owned(), read: 0 }
    }

    fn more<T: DeserializeOwned>(&mut self) -> Vec<T> {
        let Ok(text) = std::fs::read_to_string(&self.file) else { return Vec::new() };
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let new = text[self.read.min(whole)..whole].lines();
        let new = new
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line:?}: {error}")))
            .collect();
        self.read = whole;
        new
    }
}

/// The inodes of a process's established connections to this port of the machine, in the order of their descriptors.
pub(super) fn sockets_to(pid: u32, port: u16) -> Vec<u64> {
    const ESTABLISHED: &str = "01";
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let mut inodes = Vec::new();
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if fields[2].ends_with(&format!(":{port:04X}")) && fields[3] == ESTABLISHED {
            inodes.push(fields[9].parse::<u64>().unwrap());
        }
    }
    let mut own: Vec<(u32, u64)> = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
        let entry = entry.unwrap();
        // One that is closed meanwhile is none.
        let Ok(told) = std::fs::metadata(entry.path()) else { continue };
        if inodes.contains(&told.ino()) {
            own.push((entry.file_name().to_string_lossy().parse().unwrap(), told.ino()));
        }
    }
    own.sort_unstable();
    own.into_iter().map(|(_, inode)| inode).collect()
}

/// The sessions of a database, watched from a thread.
pub(super) struct Backends {
    told: Arc<Mutex<Told>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Told {
    open: Vec<i32>,
    most: usize,
    /// When sessions were found gone, in seconds since the machine's boot.
    gone: Vec<f64>,
}

impl Backends {
    pub(super) fn watch(port: u16) -> Self {
        let (told, stop) = (Arc::<Mutex<Told>>::default(), Arc::<AtomicBool>::default());
        let (own, end) = (Arc::clone(&told), Arc::clone(&stop));
        let thread = Some(std::thread::spawn(move || look(port, &own, &end)));
        Self { told, stop, thread }
    }

    /// When sessions ended, so far.
    pub(super) fn gone(&self) -> Vec<f64> {
        self.told.lock().unwrap().gone.clone()
    }

    /// The most there were at once.
    pub(super) fn most(&self) -> usize {
        self.told.lock().unwrap().most
    }
}

impl Drop for Backends {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

fn look(port: u16, told: &Mutex<Told>, stop: &AtomicBool) {
    let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(port).username("postgres");
    let options = options.database("postgres").ssl_mode(PgSslMode::Disable);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut server = options.connect().await.unwrap();
        let ask = "select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()";
        while !stop.load(Ordering::Relaxed) {
            let open: Vec<i32> = sqlx::query_scalar(ask).fetch_all(&mut server).await.unwrap();
            let boot = Duration::from_nanos(SystemClock.now().as_nanos()).as_secs_f64();
            {
                let mut told = told.lock().unwrap();
                let gone = told.open.iter().filter(|pid| !open.contains(pid)).count();
                told.gone.extend(std::iter::repeat_n(boot, gone));
                told.most = told.most.max(open.len());
                told.open = open;
            }
            tokio::time::sleep(LOOK).await;
        }
    });
}
