//! What the control loop hands over, and what it is told.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::model::action::Then;
use crate::model::clock::WallTime;
use crate::model::decision::{DecisionId, Done, Failure, Work};
use crate::model::event::Fact;
use crate::model::name::{Name, Remote};
use crate::model::process::ProcessId;
use crate::model::select_use::SelectUse;
use crate::sys::adopted::Adopted;

use crate::model::aged::AgedSockets;

/// A decision to carry out.
#[derive(Clone, Debug)]
pub struct Order {
    /// The target.
    pub target: Name,
    /// The process.
    pub process: ProcessId,
    /// The decision's number.
    pub decision: DecisionId,
    /// What to do.
    pub work: Work,
    /// On whom, and what must not be touched.
    pub subject: Arc<Subject>,
    /// The target's other processes, where a person wants all of them stopped: they end side by side.
    pub fellows: Vec<Arc<Adopted>>,
    /// The sockets of the process with their ages, from the last full tick; none where it was not seen.
    pub aged: Option<Arc<AgedSockets>>,
    /// What is told about it.
    pub story: Arc<Story>,
}

/// The process that is acted on.
#[derive(Debug)]
pub struct Subject {
    /// The hold on it.
    pub process: Arc<Adopted>,
    /// Who starts it.
    pub tenancy: Tenancy,
    /// Which remotes' sockets no action may destroy or reap.
    pub protection: Protection,
    /// Whether it may use select(), as the agent's file says.
    pub select: SelectUse,
    /// What is paused where its trading is.
    pub trading: TradingReach,
}

/// What is paused where a target's trading is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TradingReach {
    /// Proxies whose order gates are closed.
    pub gates: Vec<Name>,
    /// The bot's own hook, told of each change.
    pub hook: Option<Name>,
    /// The one that is told that all is active again, where that is another one.
    pub resume: Option<Name>,
}

/// Who starts the process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tenancy {
    /// The agent: it is our child.
    Child,
    /// systemd, as this unit.
    Unit(String),
    /// Nobody we know.
    Stranger,
}

/// Remotes whose sockets are out of bounds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Protection {
    /// Addresses, with a port or with any.
    pub addresses: Vec<(IpAddr, Option<u16>)>,
    /// Remotes of the agent's file whose address is not known now: while there is one, nothing is destroyed.
    pub unresolved: Vec<Remote>,
}

/// What led here, in facts ready to show. Secrets are taken out before anything is told.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Story {
    /// The rule, `policy/ladder/tier`.
    pub rule: String,
    /// The tier.
    pub tier: Option<Name>,
    /// The condition that led here, with the values it saw.
    pub because: String,
    /// Key readings.
    pub readings: BTreeMap<String, String>,
    /// Recent events, oldest first, a line each.
    pub history: Vec<String>,
    /// What comes next, where that is known.
    pub next: Option<String>,
    /// When it was decided.
    pub at: WallTime,
}

/// What the control loop is told.
#[derive(Clone, PartialEq, Debug)]
pub enum Told {
    /// An order has come to its end.
    Finished(Finished),
    /// Something happened that no order waits for: a notice was not delivered, a freeze ran into its limit.
    Fact {
        /// The target.
        target: Name,
        /// The process.
        process: ProcessId,
        /// What happened.
        fact: Fact,
    },
}

/// An order has come to its end.
#[derive(Clone, PartialEq, Debug)]
pub struct Finished {
    /// The decision.
    pub decision: DecisionId,
    /// The target.
    pub target: Name,
    /// The process.
    pub process: ProcessId,
    /// What was done, or why it was not.
    pub result: Result<Done, Failure>,
    /// How long it took.
    pub took: Duration,
    /// What the agent itself has to do next: start its child again, or not.
    pub restart: Option<Then>,
}

/// Too many orders are under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("too many orders are under way")]
pub struct Full;

impl Protection {
    /// Whether sockets to that remote are out of bounds. A v4 address is the same whether mapped into v6 or not.
    pub fn covers(&self, remote: SocketAddr) -> bool {
        let address = remote.ip().to_canonical();
        let same = |(protected, port): &(IpAddr, Option<u16>)| {
            protected.to_canonical() == address && port.is_none_or(|port| port == remote.port())
        };
        self.addresses.iter().any(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protected_remote_is_covered_however_its_address_is_written() {
        let protection = Protection {
            addresses: vec![("10.0.0.1".parse().unwrap(), Some(443)), ("::1".parse().unwrap(), None)],
            unresolved: Vec::new(),
        };
        for (remote, covered) in [
            ("10.0.0.1:443", true),
            ("[::ffff:10.0.0.1]:443", true),
            ("10.0.0.1:80", false),
            ("[::1]:9", true),
            ("10.0.0.2:443", false),
        ] {
            assert_eq!(protection.covers(remote.parse().unwrap()), covered, "{remote}");
        }
    }
}
