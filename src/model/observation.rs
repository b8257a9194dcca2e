//! All that one tick saw of one process.
//!
//! Plain readings, cheap to clone: what only a full tick learns is shared behind `Arc`. The live agent, the
//! recording, a scenario and a replay all hand this one type to the engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::ages::Ages;
use crate::model::clock::{Timestamp, WallTime};
use crate::model::kind::Kind;
use crate::model::name::{Name, Remote};
use crate::model::reading::{Gap, Reading};
use crate::model::signal::{Argument, Signal};

/// How many remotes an observation tells apart; the rest is counted together and not by remote.
pub const REMOTES_MAX: usize = 32;

/// Descriptors by kind, in the order of [`Kind::ALL`].
pub type KindCounts = [u32; Kind::COUNT];

/// TCP sockets to one remote.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RemoteSurvey {
    /// The remote: as the policy names it where it does, else `address:port`.
    pub remote: Remote,
    /// All sockets to it, whatever the state.
    pub count: u32,
    /// Established.
    pub established: u32,
    /// CLOSE_WAIT.
    pub close_wait: u32,
    /// SYN_SENT.
    pub syn_sent: u32,
    /// FIN_WAIT1 and FIN_WAIT2.
    pub fin_wait: u32,
    /// New sockets per second since the full tick before.
    pub connect_rate: f64,
}

/// A field of [`RemoteSurvey`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemoteField {
    /// All sockets.
    Count,
    /// Established.
    Established,
    /// CLOSE_WAIT.
    CloseWait,
    /// SYN_SENT.
    SynSent,
    /// FIN_WAIT1 and FIN_WAIT2.
    FinWait,
}

impl RemoteField {
    /// Every field.
    pub const ALL: [Self; 5] =
        [Self::Count, Self::Established, Self::CloseWait, Self::SynSent, Self::FinWait];

    /// The word for it in policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Established => "established",
            Self::CloseWait => "close_wait",
            Self::SynSent => "syn_sent",
            Self::FinWait => "fin_wait",
        }
    }

    /// The field of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// A signal with its argument: exactly one value of an observation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SignalKey {
    /// A signal without argument.
    Plain(Signal),
    /// `fd.by_kind(kind)`.
    Kind(Kind),
    /// `socket.leaked(age)`.
    Leaked(Duration),
    /// `socket.by_remote(remote).field`.
    Remote(Remote, RemoteField),
    /// `socket.connect_rate(remote)`.
    ConnectRate(Remote),
    /// `pool["name"].field`, and so for streams, http and probes.
    Named(Signal, Name),
}

impl SignalKey {
    /// The signal it belongs to.
    pub fn signal(&self) -> Signal {
        match self {
            Self::Plain(signal) | Self::Named(signal, _) => *signal,
            Self::Kind(_) => Signal::FdByKind,
            Self::Leaked(_) => Signal::SocketLeaked,
            Self::Remote(..) => Signal::SocketByRemote,
            Self::ConnectRate(_) => Signal::SocketConnectRate,
        }
    }
}

/// All that one tick saw of one process.
#[derive(Clone, Debug)]
pub struct Observation {
    /// When, monotonic.
    pub at: Timestamp,
    /// When, civil.
    pub wall: WallTime,
    /// When the full tick was begun whose values are carried here; `at` where this is a full tick itself. An
    /// expectation that reads such a value is judged only on a survey begun after the action was done.
    pub surveyed: Timestamp,
    /// When the oldest of the questions was put whose answers by probes are carried here; `at` where there is none, and
    /// where it is not recorded.
    pub probed: Timestamp,
    /// Whether `exited` the process is gone: every other reading is then a gap or old.
    pub life: Life,
    plain: [Reading<f64>; Signal::COUNT],
    /// Descriptors by kind.
    pub kinds: Reading<Arc<KindCounts>>,
    /// Ages of CLOSE_WAIT sockets and orphans together.
    pub leaked: Reading<Arc<Ages>>,
    /// TCP sockets by remote, most sockets first, at most [`REMOTES_MAX`].
    pub remotes: Reading<Arc<Vec<RemoteSurvey>>>,
    /// What proxies and probes said: by signal and name.
    pub named: Arc<BTreeMap<(Signal, Name), Reading<f64>>>,
}

/// Whether the process lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// It runs.
    Alive,
    /// It has ended; this is the last observation of it.
    Exited,
}

impl Observation {
    /// An observation in which nothing is known for the given reason, `surveyed` and `probed` at the same moment.
    pub fn blank(at: Timestamp, wall: WallTime, gap: Gap) -> Self {
        Self {
            at,
            wall,
            surveyed: at,
            probed: at,
            life: Life::Alive,
            plain: [Reading::Unavailable(gap); Signal::COUNT],
            kinds: Reading::Unavailable(gap),
            leaked: Reading::Unavailable(gap),
            remotes: Reading::Unavailable(gap),
            named: Arc::new(BTreeMap::new()),
        }
    }

    /// Sets a signal without argument.
    pub fn set(&mut self, signal: Signal, reading: Reading<f64>) {
        debug_assert!(signal.row().argument == Argument::None, "{signal} takes an argument");
        self.plain[signal as usize] = reading;
    }

    /// Sets a signal without argument to a known value.
    pub fn know(&mut self, signal: Signal, value: f64) {
        self.set(signal, Reading::Known(value));
    }

    /// A signal without argument.
    pub fn plain(&self, signal: Signal) -> Reading<f64> {
        self.plain[signal as usize]
    }

    /// The value of a signal with its argument. A remote or kind that was surveyed and has no socket is a
    /// known zero; a name that nothing feeds is not configured.
    pub fn read(&self, key: &SignalKey) -> Reading<f64> {
        match key {
            SignalKey::Plain(signal) => self.plain(*signal),
            SignalKey::Kind(kind) => self.kinds.as_ref().map(|counts| f64::from(counts[*kind as usize])),
            SignalKey::Leaked(age) => self.leaked.as_ref().map(|ages| f64::from(ages.at_least(*age))),
            SignalKey::Remote(remote, field) => self.of_remote(remote, |survey| match field {
                RemoteField::Count => f64::from(survey.count),
                RemoteField::Established => f64::from(survey.established),
                RemoteField::CloseWait => f64::from(survey.close_wait),
                RemoteField::SynSent => f64::from(survey.syn_sent),
                RemoteField::FinWait => f64::from(survey.fin_wait),
            }),
            SignalKey::ConnectRate(remote) => self.of_remote(remote, |survey| survey.connect_rate),
            SignalKey::Named(signal, name) => self
                .named
                .get(&(*signal, name.clone()))
                .copied()
                .unwrap_or(Reading::Unavailable(Gap::NotConfigured)),
        }
    }

    fn of_remote(&self, remote: &Remote, value: impl Fn(&RemoteSurvey) -> f64) -> Reading<f64> {
        self.remotes
            .as_ref()
            .map(|surveys| surveys.iter().find(|survey| survey.remote == *remote).map_or(0.0, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_remote_is_zero_only_where_remotes_were_surveyed() {
        let mut seen = Observation::blank(Timestamp::ZERO, WallTime::default(), Gap::NotPermitted);
        let key = SignalKey::Remote(Remote::parse("db:5432").unwrap(), RemoteField::CloseWait);
        assert_eq!(seen.read(&key), Reading::Unavailable(Gap::NotPermitted));
        seen.remotes = Reading::Known(Arc::new(Vec::new()));
        assert_eq!(seen.read(&key), Reading::Known(0.0));
    }
}
