//! Looking without touching: `inspect`, `doctor`, `init`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::model::name::Name;
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

/// `fdguard init`
#[derive(Args, Debug)]
pub struct InitArgs {
    /// Which bot.
    #[command(flatten)]
    pub bot: BotArgs,
    /// How long to look: the longer, the truer the base line.
    #[arg(long = "for", default_value = "1m", value_parser = parse_span)]
    pub length: Duration,
    /// The target's name; its unit's, script's or program's where absent.
    #[arg(long)]
    pub name: Option<Name>,
    /// What is written, and where.
    #[command(flatten)]
    pub files: InitFiles,
    /// Tell what was found and written as JSON.
    #[arg(long)]
    pub json: bool,
}

/// One of the two.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct BotArgs {
    /// A live process of the bot.
    #[arg(long)]
    pub pid: Option<u32>,
    /// Its systemd unit; of several processes the one with the most descriptors is looked at.
    #[arg(long)]
    pub unit: Option<String>,
}

/// What `fdguard init` writes, and where.
#[derive(Args, Debug)]
pub struct InitFiles {
    /// Folder to write to: fdguard.toml, and the policy with its scenarios in policies/.
    #[arg(long, default_value = ".")]
    pub out: PathBuf,
    /// Write the proposed proxies as settings, and not as comments.
    #[arg(long)]
    pub proxies: bool,
    /// Write over files that are there.
    #[arg(long)]
    pub force: bool,
}
