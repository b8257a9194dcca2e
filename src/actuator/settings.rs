//! What the actuator needs to know of the agent's file, resolved: secrets read, commands as arguments.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::model::clock::Clock;
use crate::model::name::Name;

use super::endpoint::Endpoint;
use super::notify::Receiver;
use super::snapshot::Bounds;

/// See the module.
#[derive(Clone)]
pub struct Settings {
    /// The host's name, for notices and evidence.
    pub host: String,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Hooks by name.
    pub hooks: BTreeMap<Name, Hook>,
    /// Receivers by name; `journal` exists without being named.
    pub receivers: BTreeMap<Name, Receiver>,
    /// Where evidence bundles go and how much is kept.
    pub evidence: Evidence,
    /// The program that starts and stops units.
    pub systemctl: PathBuf,
}

/// Where evidence bundles go and how much is kept.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The folder; made where it is missing.
    pub folder: PathBuf,
    /// How much is kept.
    pub bounds: Bounds,
}

/// A hook of the agent's file.
#[derive(Clone)]
pub struct Hook {
    /// What it calls.
    pub call: HookCall,
    /// It is given up, and a command killed, after so long.
    pub timeout: Duration,
}

/// What a hook calls.
#[derive(Clone)]
pub enum HookCall {
    /// A command, by arguments; no shell.
    Command(Vec<String>),
    /// An HTTP POST of what is going on, as JSON; any 2xx answer is a success.
    Http(Endpoint),
}
