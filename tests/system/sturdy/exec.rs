//! `fdguard exec`: to whoever starts it, it is the child.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::agent::{FDGUARD, PATIENCE, folder, signal};
use super::target::{LEAKING, has_ended, python};
use crate::support::wait::wait_for;

/// `fdguard exec` with these words before `--`, on a socket of its own.
fn exec(scratch: &Path, words: &[&str], child: &[&str]) -> Command {
    let mut command = Command::new(FDGUARD);
    let socket = format!("admin.socket={}", scratch.join("socket").display());
    command.args(["exec", "--set", &socket]).args(words).arg("--").args(child);
    command
}

fn code_of(child: &[&str]) -> i32 {
    let scratch = folder();
    exec(scratch.path(), &[], child).status().expect("runs").code().expect("it exits")
}

#[test]
fn the_exit_code_is_the_childs() {
    assert_eq!(code_of(&["true"]), 0);
    assert_eq!(code_of(&["sh", "-c", "exit 7"]), 7);
    assert_eq!(code_of(&["sh", "-c", "kill -TERM $$"]), 128 + 15);
    assert_eq!(code_of(&["sh", "-c", "kill -KILL $$"]), 128 + 9);
}

#[test]
fn input_and_output_pass_through() {
    let scratch = folder();
    let mut child = exec(scratch.path(), &[], &["sh", "-c", "tr a-z A-Z; echo aside >&2"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut stdin = child.stdin.take().expect("piped");
    let text = "many words\n".repeat(20_000);
    let sent = text.clone();
    let writer = std::thread::spawn(move || stdin.write_all(sent.as_bytes()).expect("taken"));
    let mut out = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut out).expect("read");
    writer.join().expect("written");
    let mut aside = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut aside).expect("read");
    assert!(child.wait().expect("ends").success());
    assert!(out == text.to_uppercase(), "{} of {} bytes", out.len(), text.len());
    assert!(aside.lines().any(|line| line == "aside"), "{aside}");
}

/// Tells every signal that it gets, and ends at the fifth.
const TELLING: &str = "\
import signal, sys
names = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2]
signal.pthread_sigmask(signal.SIG_BLOCK, names)
print('ready', flush=True)
for _ in names: print(signal.Signals(signal.sigwait(names)).name, flush=True)
sys.exit(3)
";

#[test]
fn signals_are_forwarded() {
    let scratch = folder();
    let mut child = exec(scratch.path(), &[], &[python(), "-c", TELLING])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let pid = i32::try_from(child.id()).expect("fits");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut line = || lines.next().expect("a line").expect("text");
    assert_eq!(line(), "ready");
    for name in ["HUP", "USR1", "INT", "TERM", "USR2"] {
        signal(pid, name);
        assert_eq!(line(), format!("SIG{name}"));
    }
    assert_eq!(child.wait().expect("ends").code(), Some(3));
}

/// A terminal of the test's own with a session on it, by Python's `pty`: types what it reads from its input, and
/// passes on what the terminal shows.
const TERMINAL: &str = "\
import os, pty, sys, threading
pid, master = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
def keys():
    for line in sys.stdin.buffer.raw: os.write(master, bytes.fromhex(line.decode().strip()))
threading.Thread(target=keys, daemon=True).start()
try:
    while True:
        shown = os.read(master, 4096)
        if not shown: break
        os.write(1, shown)
except OSError: pass
_, status = os.waitpid(pid, 0)
os.write(1, b'code %d\\n' % os.waitstatus_to_exitcode(status))
os._exit(0)
";

/// `fdguard exec` on a Python program, as it is typed.
fn line(scratch: &Path, program: &str) -> String {
    let (file, socket) = (scratch.join("program.py"), scratch.join("socket"));
    std::fs::write(&file, program).expect("written");
    format!("{FDGUARD} exec --set admin.socket={} -- {} {}", socket.display(), python(), file.display())
}

struct Terminal {
    child: Child,
    shown: std::sync::mpsc::Receiver<u8>,
    text: String,
    _scratch: TempDir,
}

impl Terminal {
    /// A shell on a terminal that runs `fdguard exec` on a Python program, and then tells who has the foreground.
    fn start(program: &str) -> Self {
        let scratch = folder();
        let script = format!(
            "{}; echo after $?; {} -c 'import os; print(\"foreground\", os.tcgetpgrp(0) == os.getpgrp())'; exit 5",
            line(scratch.path(), program),
            python(),
        );
        Self::of(scratch, &["sh", "-c", &script])
    }

    /// A shell with job control, in which `go` does the same.
    fn interactive(program: &str) -> Self {
        let scratch = folder();
        let rc = scratch.path().join("rc");
        let alias = format!("alias go='{}'\nPS1='$ '\n", line(scratch.path(), program));
        std::fs::write(&rc, alias).expect("written");
        Self::of(scratch, &["bash", "--noprofile", "--rcfile", rc.to_str().expect("a path"), "-i"])
    }

    fn of(scratch: TempDir, words: &[&str]) -> Self {
        let mut child = Command::new(python())
            .args(["-c", TERMINAL])
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut out = child.stdout.take().expect("piped");
        let (sender, shown) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut room = [0; 4096];
            while let Ok(length @ 1..) = out.read(&mut room) {
                if room[..length].iter().any(|byte| sender.send(*byte).is_err()) {
                    return;
                }
            }
        });
        Self { child, shown, text: String::new(), _scratch: scratch }
    }

    fn keys(&mut self, keys: &[u8]) {
        let hex: String = keys.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(self.child.stdin.as_mut().expect("piped"), "{hex}").expect("taken");
    }

    /// Reads until the terminal has shown this, and forgets all up to it.
    fn until(&mut self, wanted: &str) {
        let look = || {
            self.text.extend(self.shown.try_iter().map(char::from));
            let end = self.text.find(wanted)? + wanted.len();
            self.text.drain(..end);
            Some(())
        };
        wait_for(wanted, PATIENCE, look, String::new);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        self.child.wait().expect("reaped");
    }
}

/// Tells whether it has the foreground and is on a terminal; echoes a line; tells of Ctrl-C.
const ON_TERMINAL: &str = "\
import os, sys
print('terminal', sys.stdin.isatty(), sys.stdout.isatty(), 'front', os.tcgetpgrp(0) == os.getpgrp(), flush=True)
print('typed', sys.stdin.readline().strip(), flush=True)
try:
    print('waiting', flush=True)
    sys.stdin.readline()
except KeyboardInterrupt:
    print('interrupted', flush=True)
    sys.exit(9)
";

#[test]
fn under_a_terminal_the_child_has_the_foreground_and_gives_it_back() {
    let mut terminal = Terminal::start(ON_TERMINAL);
    terminal.until("terminal True True front True");
    terminal.keys(b"words\n");
    terminal.until("typed words");
    terminal.until("waiting");
    terminal.keys(b"\x03");
    terminal.until("interrupted");
    terminal.until("after 9");
    terminal.until("foreground True");
    terminal.until("code 5");
}

/// Says back what is typed.
const ECHOING: &str = "\
import sys
print('ready', flush=True)
for line in sys.stdin: print('heard', line.strip(), flush=True)
";

#[test]
fn ctrl_z_gives_the_terminal_back_and_the_child_goes_on_with_the_agent() {
    let mut terminal = Terminal::interactive(ECHOING);
    terminal.keys(b"go\n");
    terminal.until("ready");
    for round in ["one", "two"] {
        terminal.keys(b"\x1a");
        terminal.until("Stopped");
        terminal.keys(b"echo BA\"\"CK\n");
        terminal.until("BACK");
        terminal.keys(b"fg\n");
        terminal.until("program.py");
        terminal.keys(format!("{round}\n").as_bytes());
        terminal.until(&format!("heard {round}"));
    }
    terminal.keys(b"\x04");
    terminal.keys(b"echo code\"\" $?; exit 5\n");
    terminal.until("code 0");
    terminal.until("code 5");
}

/// Restarts a leak at 40 descriptors.
const RESTARTING: &str = "\
schema = 1
name = \"restarting\"
[ladder.descriptors]
start_grace = \"0s\"
[[ladder.descriptors.tier]]
name = \"fatal\"
raise = \"fd.open > 40\"
cooldown = \"1s\"
do = [{ stop = { grace = \"2s\", then = \"restart\" } }]
";

#[test]
fn the_child_is_started_again_by_policy_and_ended_with_the_agent() {
    let scratch = folder();
    let policy = scratch.path().join("policy.toml");
    std::fs::write(&policy, RESTARTING).expect("written");
    let starts = scratch.path().join("starts");
    let program = format!(
        "import os, sys\nwith open(sys.argv[1], 'a') as out: print(os.getpid(), file=out)\n{LEAKING}"
    );
    let words = ["--policy", policy.to_str().expect("a path"), "--allow", "stop"];
    let child = [python(), "-c", &program, starts.to_str().expect("a path")];
    let mut exec = exec(scratch.path(), &words, &child)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let pids = || -> Vec<i32> {
        let text = std::fs::read_to_string(&starts).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    };
    let three = wait_for(
        "two restarts",
        PATIENCE,
        || Some(pids()).filter(|pids| pids.len() >= 3),
        || format!("{:?}", pids()),
    );
    assert!(three[..2].iter().all(|pid| has_ended(*pid)), "two run at once");
    signal(i32::try_from(exec.id()).expect("fits"), "TERM");
    let code = wait_for("it ends", PATIENCE, || exec.try_wait().expect("ours"), String::new).code();
    assert_eq!(code, Some(128 + 15));
    assert!(pids().iter().all(|pid| has_ended(*pid)));
}

#[test]
fn wrong_usage_is_exit_2_and_starts_nothing() {
    let scratch = folder();
    let made = scratch.path().join("made");
    let touch = ["touch", made.to_str().expect("a path")];
    for words in [
        &["--allow", "shoot"][..],
        &["--policy", "/nowhere/policy.toml"],
        &["--config", "/nowhere/agent.toml"],
        &["--set", "agent.no_such_key=1"],
        &["--no-such-flag"],
    ] {
        let output = exec(scratch.path(), words, &touch).output().expect("runs");
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(!output.stderr.is_empty(), "{words:?} says nothing");
    }
    assert_eq!(Command::new(FDGUARD).arg("exec").output().expect("runs").status.code(), Some(2));
    assert!(!made.exists());
}

#[test]
fn a_program_that_can_not_be_started_is_told() {
    let scratch = folder();
    let output = exec(scratch.path(), &[], &["/nowhere/program"]).output().expect("runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(127), "{text}");
    assert!(text.contains("the command `/nowhere/program` is not found"), "{text}");
    assert!(!text.contains("agent started"), "{text}");
    // A program whose interpreter is missing only the kernel can refuse: then the agent tells.
    let program = scratch.path().join("program");
    std::fs::write(&program, "#!/nowhere/interpreter\n").expect("written");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, executable).expect("a mode");
    let output = exec(scratch.path(), &[], &[program.to_str().expect("UTF-8")]).output().expect("runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(127), "{text}");
    assert!(text.contains("program was not found") && text.contains("the target has no process"), "{text}");
}

#[test]
fn an_agent_in_a_background_group_leaves_the_terminal_alone() {
    let scratch = folder();
    let status = exec(scratch.path(), &[], &["true"]).process_group(0).status().expect("runs");
    assert!(status.success());
}
