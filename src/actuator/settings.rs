//! What the actuator needs to know of the agent's file, resolved: secrets read, commands as arguments.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Method, Probe, Secret};
use crate::model::clock::Clock;
use crate::model::name::Name;
use crate::proxy::Proxies;
use crate::sys::user::UserIds;

use super::freeze::SharedKeeper;
use super::notify::Receiver;
use super::snapshot::Bounds;
use crate::call::endpoint::Endpoint;

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
    /// Who thaws what is frozen if the agent dies. Without one nothing is frozen.
    pub keeper: Option<SharedKeeper>,
    /// The agent's own proxies, where it has any.
    pub proxies: Option<Proxies>,
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
    /// What shows that its work is done, where it is not the call's own word: a probe, asked for so long until it says 0.
    pub until: Option<(Probe, Duration)>,
}

impl Hook {
    /// How long it takes at most: the call, then the wait for what shows that its work is done.
    pub fn longest(&self) -> Duration {
        self.timeout + self.until.as_ref().map_or(Duration::ZERO, |(_, within)| *within)
    }
}

/// What a hook calls.
#[derive(Clone)]
pub enum HookCall {
    /// A command; good where it ends with 0.
    Command(HookCommand),
    /// An HTTP call; good where the status is 2xx.
    Http(HookRequest),
}

/// A command of a hook.
#[derive(Clone, Default)]
pub struct HookCommand {
    /// Program and arguments; no shell.
    pub argv: Vec<String>,
    /// Variables added to the agent's environment.
    pub environment: Vec<(String, Secret)>,
    /// The user it runs as; the agent's own where absent.
    pub user: Option<UserIds>,
}

/// An HTTP call of a hook.
#[derive(Clone)]
pub struct HookRequest {
    /// Where to, and with which headers.
    pub endpoint: Endpoint,
    /// How.
    pub method: Method,
    /// What is sent; where absent, what is going on as JSON, or nothing with GET and DELETE.
    pub body: Option<String>,
}
