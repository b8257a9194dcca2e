//! systemd, played by the test: what the agent tells it, and when it falls silent.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::agent::{Agent, PATIENCE, Setup, folder, signal};
use super::target::{HOLDING, Target};

/// The watchdog's time; pings come twice in it.
const WATCHDOG: Duration = Duration::from_millis(600);

struct Manager {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = folder();
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("bound");
        Self { socket, folder }
    }

    /// The next message within this time.
    fn hears(&self, within: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(within)).expect("set");
        let mut room = [0; 512];
        let length = self.socket.recv(&mut room).ok()?;
        Some(String::from_utf8_lossy(&room[..length]).into_owned())
    }

    /// Hears on until this comes.
    fn until(&self, wanted: &str) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if self.hears(PATIENCE).is_some_and(|told| told.lines().any(|line| line.starts_with(wanted))) {
                return;
            }
        }
        panic!("{wanted} was not told");
    }

    fn agent(&self, target: &Target) -> Agent {
        Setup::bot(&format!("{{ pid = {} }}", target.pid()), "", "")
            .with("NOTIFY_SOCKET", self.folder.path().join("notify").to_str().expect("a path"))
            .with("WATCHDOG_USEC", &WATCHDOG.as_micros().to_string())
            .start()
    }
}

#[test]
fn readiness_pings_and_the_end_are_told() {
    let (manager, target) = (Manager::new(), Target::start(HOLDING, &["4"]));
    let mut agent = manager.agent(&target);
    manager.until("READY=1");
    for _ in 0..5 {
        manager.until("WATCHDOG=1");
    }
    let begun = Instant::now();
    signal(agent.pid(), "TERM");
    manager.until("STOPPING=1");
    assert!(agent.wait_end().success());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn a_control_loop_that_stands_still_stops_the_pings() {
    let (manager, target) = (Manager::new(), Target::start(HOLDING, &["4"]));
    let agent = manager.agent(&target);
    manager.until("WATCHDOG=1");
    let pid = agent.pid();
    signal(pid, "STOP");
    // What was sent before may still lie there.
    while manager.hears(Duration::from_millis(50)).is_some() {}
    assert_eq!(manager.hears(WATCHDOG * 3), None);
    signal(pid, "CONT");
    manager.until("WATCHDOG=1");
}
