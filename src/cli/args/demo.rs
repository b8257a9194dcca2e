//! `fdguard demo` and its bot.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::model::units::parse_span;

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
