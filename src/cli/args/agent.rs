//! The agent that runs and what it left: `status`, `explain`, `history`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::model::name::Name;
use crate::model::units::parse_span;

/// How to reach the agent, and how to print.
#[derive(Args, Debug)]
pub struct AgentArgs {
    /// The agent's socket [default: this user's own where there is one, else /run/fdguard/fdguard.sock]
    #[arg(long, global = true, env = "FDGUARD_SOCKET")]
    pub socket: Option<PathBuf>,
    /// As JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

/// `fdguard history`
#[derive(Args, Debug)]
pub struct HistoryArgs {
    /// The history's file [default: this user's own where there is one, else /var/lib/fdguard/history.db]
    #[arg(long, visible_alias = "from")]
    pub store: Option<PathBuf>,
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
