//! `fdguard ctl`

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::agent::AgentArgs;
use super::pool::PoolVerb;
use crate::model::name::Name;
use crate::model::units::{parse_ratio, parse_span};

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
    /// Have the streams of a proxy try now, with all tries left
    Connect {
        /// The proxy.
        stream: Name,
    },
    /// Have the streams of a proxy give their connections up; their clients stay
    Close {
        /// The proxy.
        stream: Name,
    },
    /// Pause trading at the order gates by hand, or end that; what a policy holds stays
    Trading {
        /// What passes, or `status` to see it.
        state: TradingWord,
        /// The proxy; all that have an order gate without it.
        #[arg(long)]
        proxy: Option<Name>,
        /// For so long; until `active` without it.
        #[arg(long = "for", value_parser = parse_span)]
        limit: Option<Duration>,
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
    /// Start a child that is down; its restarts are counted anew
    Start {
        /// The target.
        target: Name,
    },
    /// Stop a target by TERM, grace and KILL
    Stop {
        /// The target.
        target: Name,
        /// Time between TERM and KILL; by default what `stop.grace` of the target says.
        #[arg(long, value_parser = parse_span)]
        grace: Option<Duration>,
        /// What follows.
        #[arg(long, value_enum, default_value_t = After::Stay)]
        then: After,
    },
}

/// What order gates let pass.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum TradingWord {
    /// Everything; undoes what was closed by hand.
    Active,
    /// What adds risk is refused.
    Reducing,
    /// Of orders only cancels.
    Halted,
    /// Tell how the gates stand.
    Status,
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
