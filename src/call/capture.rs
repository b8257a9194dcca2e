//! Runs a command to its end or to its time limit, and keeps the beginning and end of what it said.
//!
//! The command is a list of arguments, never a shell line. It leads a process group of its own, and at the time
//! limit the whole group is killed. A command that ends well may leave something behind in the background: its
//! output is then read no further.

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;

use crate::model::units::format_span;
use crate::sys::group::kill_group;
use crate::sys::user::UserIds;

use super::excerpt::Excerpt;

/// How long output is still read after the command has ended: its children may hold the pipe open for ever.
const DRAIN: Duration = Duration::from_millis(250);

/// What belongs to the agent's own service and would confuse a command that talks to systemd itself.
const NOT_INHERITED: [&str; 6] =
    ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"];

/// What to run.
pub struct Command<'a> {
    /// Program and arguments.
    pub argv: &'a [String],
    /// Variables besides the inherited ones.
    pub environment: &'a [(&'a str, &'a str)],
    /// Whom it runs as; as the agent where absent.
    pub user: Option<UserIds>,
    /// Its standard input.
    pub input: Vec<u8>,
    /// The group is killed after so long.
    pub timeout: Duration,
}

/// A command that has run.
#[derive(Debug)]
pub struct Captured {
    /// How it ended.
    pub ended: Ended,
    /// Standard output and standard error as they came.
    pub output: Excerpt,
}

/// How a command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// By itself.
    Exited(i32),
    /// By a signal that was not ours.
    Signalled(i32),
    /// We killed it at its time limit.
    TimedOut(Duration),
}

/// Why a command did not run.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// No program.
    #[error("the command is empty")]
    Empty,
    /// It could not be started.
    #[error("could not start {program}")]
    NotStarted {
        /// The program.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It could not be waited for.
    #[error("lost {program}")]
    Lost {
        /// The program.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Ended {
    /// Exit code zero.
    pub fn success(self) -> bool {
        self == Self::Exited(0)
    }

    fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exited(code),
            (None, signal) => Self::Signalled(signal.unwrap_or_default()),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Signalled(signal) => write!(f, "killed by signal {signal}"),
            Self::TimedOut(limit) => write!(f, "killed at its time limit of {}", format_span(*limit)),
        }
    }
}

/// Runs a command. Dropping the future kills the command itself, not what it started.
pub async fn run(command: Command<'_>) -> Result<Captured, CaptureError> {
    run_keeping(command, Excerpt::default()).await
}

/// As [`run`], keeping as much of the output as the given empty excerpt does.
pub async fn run_keeping(command: Command<'_>, mut output: Excerpt) -> Result<Captured, CaptureError> {
    let (program, arguments) = command.argv.split_first().ok_or(CaptureError::Empty)?;
    let mut start = tokio::process::Command::new(program);
    start.args(arguments).envs(command.environment.iter().copied());
    for name in NOT_INHERITED {
        start.env_remove(name);
    }
    start.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(user) = command.user {
        start.uid(user.uid).gid(user.gid);
    }
    start.process_group(0).kill_on_drop(true);
    let mut child =
        start.spawn().map_err(|source| CaptureError::NotStarted { program: program.clone(), source })?;
    let streams = Streams::of(&mut child, command.input);
    let attended = tokio::time::timeout(command.timeout, attend(&mut child, streams, &mut output)).await;
    let ended = match attended {
        Ok(ended) => ended.map(Ended::of),
        Err(_) => kill(&mut child).await.map(|()| Ended::TimedOut(command.timeout)),
    };
    let ended = ended.map_err(|source| CaptureError::Lost { program: program.clone(), source })?;
    Ok(Captured { ended, output })
}

/// The three pipes of a command, and what is to be written.
struct Streams {
    input: Vec<u8>,
    stdin: Option<tokio::process::ChildStdin>,
    stdout: Option<tokio::process::ChildStdout>,
    stderr: Option<tokio::process::ChildStderr>,
}

impl Streams {
    fn of(child: &mut Child, input: Vec<u8>) -> Self {
        Self { input, stdin: child.stdin.take(), stdout: child.stdout.take(), stderr: child.stderr.take() }
    }
}

/// Feeds, listens and waits until the command has ended and its pipes are closed or have had their time.
async fn attend(child: &mut Child, streams: Streams, output: &mut Excerpt) -> std::io::Result<ExitStatus> {
    let Streams { input, stdin, mut stdout, mut stderr } = streams;
    let feed = async move {
        if let Some(mut stdin) = stdin {
            // A command may well end without reading its input.
            drop(stdin.write_all(&input).await);
        }
    };
    tokio::pin!(feed);
    let (mut is_fed, mut status) = (false, None);
    let (mut out, mut err) = ([0; 4096], [0; 4096]);
    let drained = tokio::time::sleep(Duration::MAX);
    tokio::pin!(drained);
    loop {
        if let Some(status) = status
            && stdout.is_none()
            && stderr.is_none()
        {
            return Ok(status);
        }
        tokio::select! {
            () = &mut feed, if !is_fed => is_fed = true,
            read = piece(&mut stdout, &mut out), if stdout.is_some() => match read {
                0 => stdout = None,
                length => output.push(&out[..length]),
            },
            read = piece(&mut stderr, &mut err), if stderr.is_some() => match read {
                0 => stderr = None,
                length => output.push(&err[..length]),
            },
            ended = child.wait(), if status.is_none() => {
                status = Some(ended?);
                drained.as_mut().reset(tokio::time::Instant::now() + DRAIN);
            }
            () = &mut drained, if status.is_some() => (stdout, stderr) = (None, None),
        }
    }
}

/// Reads the next piece; zero at the end and where the pipe fails.
async fn piece(stream: &mut Option<impl AsyncRead + Unpin>, into: &mut [u8]) -> usize {
    match stream {
        Some(stream) => stream.read(into).await.unwrap_or(0),
        None => 0,
    }
}

/// Kills the group while its leader, not yet waited for, still reserves the number; then takes the leader's end.
async fn kill(child: &mut Child) -> std::io::Result<()> {
    if let Some(leader) = child.id() {
        kill_group(leader)?;
    }
    child.wait().await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    async fn run_script(script: &str, input: &[u8], limit: u64) -> Captured {
        let environment = [("FDGUARD_TARGET", "bot")];
        let timeout = Duration::from_millis(limit);
        run(Command {
            argv: &argv(script),
            environment: &environment,
            user: None,
            input: input.to_vec(),
            timeout,
        })
        .await
        .expect("sh runs")
    }

    #[tokio::test]
    async fn both_streams_input_environment_and_code_come_through() {
        let ran = run_script("cat; echo $FDGUARD_TARGET; echo oops >&2; exit 7", b"in\n", 10_000).await;
        assert_eq!(ran.ended, Ended::Exited(7));
        for said in ["in", "bot", "oops"] {
            assert!(ran.output.text().contains(said));
        }
    }

    #[tokio::test]
    async fn it_runs_as_the_user_it_is_given_without_the_agents_groups() {
        let argv = argv("id -u; id -G");
        let user = Some(UserIds { uid: 65_534, gid: 65_534 });
        let timeout = Duration::from_secs(10);
        let ran =
            run(Command { argv: &argv, environment: &[], user, input: Vec::new(), timeout }).await.unwrap();
        assert_eq!(ran.output.text(), "65534\n65534");
    }

    #[tokio::test]
    async fn at_the_limit_the_whole_group_dies() {
        let room = tempfile::tempdir().unwrap();
        let file = room.path().join("pid");
        let script = format!("sleep 300 & echo $! > {}; trap '' TERM; wait", file.display());
        let ran = run_script(&script, b"", 700).await;
        assert_eq!(ran.ended, Ended::TimedOut(Duration::from_millis(700)));
        let grandchild = std::fs::read_to_string(&file).expect("the script has written it");
        let stat = format!("/proc/{}/stat", grandchild.trim());
        for _ in 0..200 {
            let state = std::fs::read_to_string(&stat).unwrap_or_default();
            if state.is_empty() || state.contains(") Z") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the grandchild lives");
    }

    #[tokio::test]
    async fn a_command_that_leaves_a_daemon_behind_does_not_hold_us() {
        let ran = run_script("sleep 2 & echo started", b"", 1_500).await;
        assert_eq!((ran.ended, ran.output.text().as_str()), (Ended::Exited(0), "started"));
    }

    #[tokio::test]
    async fn endless_output_stays_small_and_unread_input_is_no_error() {
        let ran = run_script("head -c 300000 /dev/zero | tr '\\0' x", &b"i".repeat(500_000), 10_000).await;
        assert_eq!((ran.ended, ran.output.total()), (Ended::Exited(0), 300_000));
        assert!(ran.output.text().len() < 9_000);
    }

    #[tokio::test]
    async fn what_is_not_there_does_not_start() {
        let argv = ["/nonexistent/hook".to_owned()];
        let command =
            Command { argv: &argv, environment: &[], user: None, input: Vec::new(), timeout: DRAIN };
        assert!(matches!(run(command).await, Err(CaptureError::NotStarted { .. })));
    }
}
