//! What can be typed. Parsing does nothing but parse.

mod pool;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use pool::PoolVerb;

use crate::model::name::Name;
use crate::model::units::{parse_ratio, parse_span};

/// Keeps a leaking trading bot alive: watches its descriptors from outside, acts by policy, checks whether it helped.
#[derive(Parser, Debug)]
#[command(name = "fdguard", version, max_term_width = 110, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 good, 1 a finding, 2 wrong usage or a faulty file, 3 the agent can't be reached."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the agent from its file
    Run(RunArgs),
    /// Start a command and guard it: signals forwarded, exit code kept
    Exec(ExecArgs),
    /// Show it all in about a minute: a leaking bot unguarded, then guarded
    Demo(DemoArgs),
    /// Report on a live process: descriptors by kind, remote and age, leak suspects, time to exhaustion
    Inspect(InspectArgs),
    /// Tell for each signal and action whether it works here, and what would grant it
    Doctor(DoctorArgs),
    /// What the agent sees and holds now
    Status(AgentArgs),
    /// What the agent did, and what it saw
    History(HistoryArgs),
    /// Why the agent does what it does, and why not more
    Explain(ExplainArgs),
    /// Check, test, replay and compare policy files
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Check and show the agent's file
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Tell the running agent to do something
    Ctl(CtlArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages
    Man {
        /// Folder to write to; without it the main page goes to standard output.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// The bot of the demo.
    #[command(name = "__demo-bot", hide = true)]
    DemoBot(DemoBotArgs),
    /// What the doctor tries actions on.
    #[command(name = "__patient", hide = true)]
    Patient,
}

/// `fdguard run`
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The agent's file.
    #[arg(short, long, default_value = "/etc/fdguard/fdguard.toml")]
    pub config: PathBuf,
    /// A setting over the file's, as `target.bot.dry_run=true`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Decide and record, but do nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// `fdguard exec`
#[derive(Args, Debug)]
pub struct ExecArgs {
    /// The agent's file: its proxies, hooks, receivers and further targets; the command is guarded beside them. Without it no
    /// history is kept, and the control socket is one of this run's own.
    #[arg(short, long)]
    pub config: Option<PathBuf>,
    /// A policy file for the command, instead of the built-in default one.
    #[arg(long)]
    pub policy: Vec<PathBuf>,
    /// Words to allow on the command, as `stop,destroy_sockets`.
    #[arg(long, value_delimiter = ',')]
    pub allow: Vec<String>,
    /// A setting over the file's.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Decide and record, but do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The command and its arguments.
    #[arg(last = true, required = true)]
    pub child: Vec<std::ffi::OsString>,
}

/// `fdguard demo`
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// How long the two bots run side by side.
    #[arg(long, default_value = "50s", value_parser = parse_span)]
    pub length: Duration,
    /// Where the plot goes.
    #[arg(long, default_value = "fdguard-demo.svg")]
    pub plot: PathBuf,
    /// The measured figures as JSON.
    #[arg(long)]
    pub json: bool,
}

/// The demo's bot.
#[derive(Args, Debug)]
pub struct DemoBotArgs {
    /// Descriptors leaked per second.
    #[arg(long, default_value_t = 40.0)]
    pub rate: f64,
    /// Port of the stub feed on loopback.
    #[arg(long)]
    pub feed: u16,
    /// Port of the stub order server on loopback.
    #[arg(long)]
    pub orders: u16,
    /// Port of the stub that hangs up.
    #[arg(long)]
    pub hangup: u16,
    /// Soft and hard limit on its descriptors.
    #[arg(long, default_value_t = 1_024)]
    pub limit: u64,
}

/// `fdguard inspect`
#[derive(Args, Debug)]
pub struct InspectArgs {
    /// The process.
    pub pid: u32,
    /// How long to look; orphans show after 5s, a slow leak after minutes.
    #[arg(long = "for", default_value = "6s", value_parser = parse_span)]
    pub length: Duration,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `fdguard doctor`
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// A process to try it on, without harm; without it all is tried on a child.
    #[arg(long)]
    pub pid: Option<u32>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// How to reach the agent, and how to print.
#[derive(Args, Debug)]
pub struct AgentArgs {
    /// The agent's socket.
    #[arg(long, env = "FDGUARD_SOCKET", default_value = "/run/fdguard/fdguard.sock")]
    pub socket: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `fdguard history`
#[derive(Args, Debug)]
pub struct HistoryArgs {
    /// The history's file.
    #[arg(long, default_value = "/var/lib/fdguard/history.db")]
    pub store: PathBuf,
    /// Only this target.
    #[arg(long)]
    pub target: Option<Name>,
    /// Only the last so long, as `2h`.
    #[arg(long, default_value = "1d", value_parser = parse_span)]
    pub last: Duration,
    /// A signal over time instead of events.
    #[arg(long)]
    pub signal: Option<String>,
    /// At most so many lines.
    #[arg(long, default_value_t = 200)]
    pub limit: u32,
    /// As JSON lines.
    #[arg(long)]
    pub json: bool,
}

/// `fdguard explain`
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// How to reach the agent.
    #[command(flatten)]
    pub agent: AgentArgs,
    /// Only this target.
    pub target: Option<Name>,
}

/// `fdguard policy …`
#[derive(Subcommand, Debug)]
pub enum PolicyCommand {
    /// Show all faults and doubts of policy files
    Check {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Doubts fail too.
        #[arg(long)]
        strict: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run the scenarios of `*.test.toml` files
    Test {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Perturb each threshold and comparator, and tell which changes no scenario notices.
        #[arg(long)]
        mutate: bool,
        /// Print the transcript of each scenario.
        #[arg(long)]
        transcript: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run a policy on recorded history
    Replay(ReplayArgs),
    /// Show where two versions of a policy differ on recorded history
    Diff {
        /// The old version.
        old: PathBuf,
        /// The new version.
        new: PathBuf,
        /// What to replay.
        #[command(flatten)]
        from: RecordingArgs,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print every word that a condition may be made of: signals, functions, operators, values
    Words {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of policy files
    Schema,
}

/// `fdguard policy replay`
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// The policy.
    pub policy: PathBuf,
    /// What to replay.
    #[command(flatten)]
    pub from: RecordingArgs,
    /// Try a threshold over a range, as `warning.raise:500..900:50`.
    #[arg(long)]
    pub sweep: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// A recording.
#[derive(Args, Debug)]
pub struct RecordingArgs {
    /// The history's file.
    #[arg(long = "from", default_value = "/var/lib/fdguard/history.db")]
    pub store: PathBuf,
    /// The target; may be left out where the history holds only one.
    #[arg(long)]
    pub target: Option<Name>,
    /// Only the last so long.
    #[arg(long, value_parser = parse_span)]
    pub last: Option<Duration>,
}

/// `fdguard config …`
#[derive(Subcommand, Debug)]
pub enum ConfigCommand {
    /// Show all faults and doubts of an agent file and its policies
    Check {
        /// The file.
        #[arg(default_value = "/etc/fdguard/fdguard.toml")]
        file: PathBuf,
        /// Doubts fail too.
        #[arg(long)]
        strict: bool,
        /// A setting over the file's.
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
    /// Print each setting with its origin
    Show {
        /// The file.
        #[arg(default_value = "/etc/fdguard/fdguard.toml")]
        file: PathBuf,
        /// A setting over the file's.
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
    /// Print the JSON Schema of the agent's file
    Schema,
}

/// `fdguard ctl`
#[derive(Args, Debug)]
pub struct CtlArgs {
    /// How to reach the agent.
    #[command(flatten)]
    pub agent: AgentArgs,
    /// What to tell it.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What the agent can be told.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Read settings and policies anew
    Reload,
    /// Replace server connections of a pool
    Reset {
        /// The pool.
        pool: Name,
        /// Which connections.
        #[arg(long, value_enum, default_value_t = Which::Idle)]
        how: Which,
        /// The share of those, oldest first.
        #[arg(long, default_value = "100%", value_parser = parse_share)]
        share: f64,
    },
    /// Pause a pool, resume it, replace its connections, close it
    Pool {
        /// What.
        #[command(subcommand)]
        work: PoolVerb,
    },
    /// Release a latch: the tier may act again
    Release {
        /// The target.
        target: Name,
        /// The rule, as `longport/descriptors/fatal`; all of the target's without it.
        rule: Option<String>,
    },
    /// Hold every disruptive action on a target back until `resume`
    Hold {
        /// The target.
        target: Name,
    },
    /// End a hold
    Resume {
        /// The target.
        target: Name,
    },
    /// Write an evidence bundle
    Snapshot {
        /// The target.
        target: Name,
    },
    /// Freeze a target for a limited time
    Freeze {
        /// The target.
        target: Name,
        /// Thawed after so long.
        #[arg(long = "for", default_value = "10s", value_parser = parse_span)]
        limit: Duration,
    },
    /// Thaw it
    Thaw {
        /// The target.
        target: Name,
    },
    /// Stop a target by TERM, grace and KILL
    Stop {
        /// The target.
        target: Name,
        /// Time between TERM and KILL.
        #[arg(long, default_value = "10s", value_parser = parse_span)]
        grace: Duration,
        /// What follows.
        #[arg(long, value_enum, default_value_t = After::Stay)]
        then: After,
    },
}

/// Which connections a reset replaces.
#[derive(ValueEnum, Clone, Copy, Debug)]
pub enum Which {
    /// Idle ones, now.
    Idle,
    /// Idle ones now, busy ones when they come back.
    Drain,
    /// All, now.
    Hard,
}

/// What follows a stop.
#[derive(ValueEnum, Clone, Copy, Debug)]
pub enum After {
    /// Start it again.
    Restart,
    /// Leave it stopped.
    Stay,
}

/// A share of something: above nothing, at most all.
fn parse_share(text: &str) -> Result<f64, String> {
    let share = parse_ratio(text).map_err(|error| error.to_string())?;
    if share > 0.0 && share <= 1.0 {
        Ok(share)
    } else {
        Err("a share is above 0% and at most 100%".to_owned())
    }
}
