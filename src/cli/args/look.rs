//! Looking without touching: `inspect`, `doctor`.

use std::time::Duration;

use clap::Args;

use crate::model::units::parse_span;

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
