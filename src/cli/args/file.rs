//! The agent's file and what is laid over it: `run`, `exec`, `config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

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
