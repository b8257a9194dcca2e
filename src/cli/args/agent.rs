//! The agent that runs and what it left: `status`, `explain`, `history`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::store::StoreArgs;
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

/// `fdguard top`
#[derive(Args, Debug)]
pub struct TopArgs {
    /// The agent's socket [default: this user's own where there is one, else /run/fdguard/fdguard.sock]
    #[arg(long, env = "FDGUARD_SOCKET")]
    pub socket: Option<PathBuf>,
    /// Print one frame and leave.
    #[arg(long)]
    pub once: bool,
    /// Time between two looks.
    #[arg(long, default_value = "1s", value_parser = parse_pause)]
    pub every: Duration,
}

/// A time between two looks: the agent is not to be asked all the time.
fn parse_pause(text: &str) -> Result<Duration, String> {
    let span = parse_span(text).map_err(|error| error.to_string())?;
    let fits = (Duration::from_millis(100)..=Duration::from_hours(1)).contains(&span);
    fits.then_some(span).ok_or_else(|| "between 100ms and 1h".to_owned())
}

/// `fdguard history`
#[derive(Args, Debug)]
pub struct HistoryArgs {
    /// Which history.
    #[command(flatten)]
    pub store: StoreArgs,
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
