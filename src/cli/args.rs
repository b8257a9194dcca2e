//! What can be typed. Parsing does nothing but parse.

mod agent;
mod ctl;
mod demo;
mod file;
mod look;
mod policy;
mod pool;
mod store;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use agent::{AgentArgs, ExplainArgs, HistoryArgs, TopArgs};
pub use ctl::{After, CtlArgs, TradingWord, Verb, Which};
pub use demo::{DemoArgs, DemoBotArgs};
pub use file::{ConfigCommand, ExecArgs, FileArgs, RunArgs};
pub use look::{BotArgs, DoctorArgs, InitArgs, InitFiles, InspectArgs};
pub use policy::{PolicyCommand, RecordingArgs, ReplayArgs};
pub use pool::PoolVerb;
pub use store::{StoreArgs, StoreText};

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
    /// Look at a live bot, and write an agent file, a policy and scenarios for it
    Init(InitArgs),
    /// Tell for each signal and action whether it works here, and what would grant it
    Doctor(DoctorArgs),
    /// What the agent sees and holds now
    Status(AgentArgs),
    /// The same in a terminal, again and again, with what happens
    Top(TopArgs),
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
