//! `fdguard policy`

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::store::StoreArgs;
use crate::model::name::Name;
use crate::model::units::parse_span;

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
    /// Which history.
    #[command(flatten)]
    pub store: StoreArgs,
    /// The target; may be left out where the history holds only one.
    #[arg(long)]
    pub target: Option<Name>,
    /// Only the last so long.
    #[arg(long, value_parser = parse_span)]
    pub last: Option<Duration>,
}
