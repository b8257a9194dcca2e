//! `fdguard top` in a real terminal, whatever its end.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use fdguard::sys::pidfd::{PidFd, Signal};
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::ttyname;

use crate::support::wait::wait_for;
use crate::support::{Agent, FDGUARD, Guards, PATIENCE};

/// What ends it.
type End<'e> = &'e dyn Fn(&mut Terminal);

/// A terminal with `top` in it.
struct Terminal {
    child: Child,
    keys: File,
    /// Our own hold on its end: what it is set to is asked of it, also when the program has gone.
    end: OwnedFd,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn start(agent: &Agent, (columns, rows): (u16, u16), no_color: bool) -> Self {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        // A session of its own, whose terminal this is.
        let mut command = Command::new("setsid");
        command.args(["--ctty", FDGUARD, "top", "--every", "200ms", "--socket"]).arg(agent.socket());
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        if no_color {
            command.env("NO_COLOR", "1");
        }
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let (keys, written) = (File::from(pty.master), Arc::new(Mutex::new(Vec::new())));
        let (mut reader, kept) = (keys.try_clone().unwrap(), Arc::clone(&written));
        std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                kept.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self { child, keys, end: pty.slave, written }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// The last of it, for a message.
    fn latest(&self) -> String {
        let text = self.text();
        text.chars().skip(text.chars().count().saturating_sub(4_000)).collect()
    }

    fn until(&self, wanted: &str) {
        let shown = || self.text().contains(wanted).then_some(());
        wait_for(wanted, PATIENCE, shown, || self.latest());
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn signal(&self, signal: Signal) {
        PidFd::open(i32::try_from(self.child.id()).unwrap()).unwrap().signal(signal).unwrap();
    }

    fn ended(&mut self) -> ExitStatus {
        let text = Arc::clone(&self.written);
        let why = || String::from_utf8_lossy(&text.lock().unwrap()).into_owned();
        let child = &mut self.child;
        wait_for("it ends", PATIENCE, || child.try_wait().unwrap(), why)
    }

    /// Whether lines are put together and shown by the terminal, as a shell wants it.
    fn is_as_before(&self) -> bool {
        let flags = tcgetattr(&self.end).unwrap().local_flags;
        flags.contains(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn the_terminal_is_given_back_whatever_the_end() {
    let agent = Agent::start(Guards::Sleeping);
    let ends: [(&str, End<'_>); 6] = [
        ("q", &|terminal| terminal.press("q")),
        ("control-c", &|terminal| terminal.press("\x03")),
        ("TERM", &|terminal| terminal.signal(Signal::TERM)),
        ("INT", &|terminal| terminal.signal(Signal::INT)),
        ("HUP", &|terminal| terminal.signal(Signal::HUP)),
        ("QUIT", &|terminal| terminal.signal(Signal::QUIT)),
    ];
    for (name, end) in ends {
        let mut terminal = Terminal::start(&agent, (80, 24), false);
        assert!(terminal.is_as_before());
        terminal.until("all quiet: 1 guarded");
        assert!(!terminal.is_as_before(), "the check can fail");
        end(&mut terminal);
        assert_eq!(terminal.ended().code(), Some(0), "{name}: {}", terminal.text());
        assert!(terminal.is_as_before(), "{name}");
        terminal.until("\x1b[?1049l");
        terminal.until("\x1b[?25h");
    }
}

#[test]
fn keys_choose_sort_and_pause_and_a_resize_is_followed() {
    let agent = Agent::start(Guards::Leaking);
    let mut terminal = Terminal::start(&agent, (80, 24), true);
    terminal.until("TARGET");
    terminal.until("> bot");
    terminal.press("\x1b[B");
    terminal.until("> odd");
    terminal.press("s");
    terminal.until("s sort: exhaustion");
    terminal.press("p");
    terminal.until("PAUSED");
    terminal.press("p");
    terminal.until("warning");
    // No colour, and nothing of what a bot says of itself that a terminal would obey.
    let text = terminal.text();
    assert!(!text.contains("38;5") && !text.contains("\x1b[31m") && !text.contains("\x1b[32m"), "{text:?}");
    let device = ttyname(&terminal.end).unwrap();
    let resized = Command::new("stty").arg("-F").arg(&device).args(["cols", "60", "rows", "12"]).status();
    assert!(resized.unwrap().success());
    let before = terminal.text().len();
    let shrunk = || {
        let text = terminal.text();
        let after = &text[before..];
        // Whole frames of the new size alone: its last row is the twelfth.
        let last = after.rfind("\x1b[1;1H").map(|first| &after[..first])?;
        let frame = &last[last.rfind("\x1b[1;1H")?..];
        (frame.contains("\x1b[12;1H") && !frame.contains("\x1b[13;1H")).then_some(())
    };
    wait_for("a frame of twelve rows", PATIENCE, shrunk, || terminal.latest());
    terminal.press("q");
    assert_eq!(terminal.ended().code(), Some(0));
}

#[test]
fn one_frame_goes_into_a_pipe() {
    let agent = Agent::start(Guards::Sleeping);
    let ran = Command::new(FDGUARD).args(["top", "--once", "--socket"]).arg(agent.socket()).output().unwrap();
    let text = String::from_utf8(ran.stdout).unwrap();
    assert!(
        ran.status.success() && text.contains("all quiet: 1 guarded") && text.contains("> bot"),
        "{text}"
    );
    assert!(!text.contains('\x1b') && text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let ran = Command::new(FDGUARD).args(["top", "--once", "--socket", "/nowhere/sock"]).output().unwrap();
    assert_eq!(ran.status.code(), Some(3));
    // Without a terminal there is nothing to draw on.
    let ran =
        Command::new(FDGUARD).args(["top", "--socket"]).arg(agent.socket()).stdin(Stdio::null()).output();
    assert_eq!(ran.unwrap().status.code(), Some(2));
}

#[test]
fn keys_are_heeded_while_the_agent_does_not_answer() {
    let agent = Agent::start(Guards::Sleeping);
    let mut terminal = Terminal::start(&agent, (80, 24), true);
    terminal.until("all quiet: 1 guarded");
    agent.signal(Signal::STOP);
    // A question is under way once a frame is older than the time between two.
    std::thread::sleep(std::time::Duration::from_millis(600));
    terminal.press("s");
    terminal.until("s sort: exhaustion");
    assert!(!terminal.text().contains("no word from the agent"), "before it was given up");
    terminal.press("q");
    assert_eq!(terminal.ended().code(), Some(0));
    agent.signal(Signal::CONT);
}
