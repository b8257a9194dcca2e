//! The agent's file and what is laid over it: `run`, `exec`, `config`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::model::name::Name;

/// Where the agent's file is unless somebody says otherwise.
const USUAL: &str = "/etc/fdguard/fdguard.toml";

/// The agent's file, named in either of two ways.
#[derive(Args, Debug)]
pub struct FileArgs {
    /// The agent's file; the same as `-c FILE` [default: /etc/fdguard/fdguard.toml]
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
    /// The agent's file; the same as FILE
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl FileArgs {
    /// The file.
    pub fn path(&self) -> &Path {
        self.file.as_deref().or(self.config.as_deref()).unwrap_or(Path::new(USUAL))
    }
}

/// `fdguard run`
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The agent's file.
    #[command(flatten)]
    pub file: FileArgs,
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
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The name of the command as a target, by default that of its program; no target of the file may have it.
    #[arg(long)]
    pub name: Option<Name>,
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
    pub child: Vec<OsString>,
}

/// `fdguard config …`
#[derive(Subcommand, Debug)]
pub enum ConfigCommand {
    /// Show all faults and doubts of an agent file and its policies
    Check {
        /// The file.
        #[command(flatten)]
        file: FileArgs,
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
        #[command(flatten)]
        file: FileArgs,
        /// A setting over the file's.
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
    /// Print the JSON Schema of the agent's file
    Schema,
}
