//! Where clients of a forward proxy want to go: each place is a key of the pool, numbered as it comes up.
//!
//! A connection that was made for requests in the clear and one for a tunnel are never exchanged, so the same host and port
//! may have two keys. Numbers are bounded: the one not asked for longest, of which nothing is left, is taken for the next.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use crate::config::proxy::{Forward, Listen};
use crate::model::clock::Timestamp;
use crate::model::destination::{Destination, Pattern, is_allowed, may_be_at};
use crate::pool::Pool;
use crate::pool::id::Key;

/// The most places at a time.
const GOALS_MAX: usize = 1_024;

/// What a forward proxy is set to.
pub(super) struct ForwardSettings {
    allow: Vec<Pattern>,
    /// A tunnel ends at this age.
    pub(super) lifetime: Option<Duration>,
    /// One that has rested for so long makes room for a client that waits.
    pub(super) spare: Option<Duration>,
    /// Where the proxy itself listens.
    own: Vec<SocketAddr>,
}

/// How connections to a place are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(super) enum Way {
    /// For requests and answers, one after the other.
    Plain,
    /// For one tunnel.
    Tunnel,
}

/// Where a client wants to go.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub(super) struct Goal {
    pub(super) to: Destination,
    pub(super) way: Way,
}

/// Why a place could not be reached, in words for the client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Trouble {
    /// It did not answer, or not well.
    Unreachable(String),
    /// It did not answer in time.
    Late(String),
    /// It is at an address to which nobody is led.
    Denied(String),
}

impl ForwardSettings {
    pub(super) fn of(forward: &Forward, listen: &[Listen]) -> Self {
        let own = listen.iter().filter_map(|place| match place {
            Listen::Tcp(address) => Some(*address),
            Listen::Unix(_) | Listen::Systemd(_) => None,
        });
        Self {
            allow: forward.allow.clone(),
            lifetime: forward.lifetime,
            spare: forward.spare,
            own: own.collect(),
        }
    }

    /// Whether a client may ask to go there.
    pub(super) fn allows(&self, to: &Destination) -> bool {
        is_allowed(&self.allow, to)
    }

    /// Whether the place may be at this address. Its own door it may never be: each turn through it would open another.
    pub(super) fn leads_to(&self, to: &Destination, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        let is_own = |own: &SocketAddr| own.port() == address.port() && is_at(ip, own.ip().to_canonical());
        may_be_at(&self.allow, to, address.ip()) && !self.own.iter().any(is_own)
    }
}

/// Whether a listener at `own` is reached by `ip`.
fn is_at(ip: IpAddr, own: IpAddr) -> bool {
    ip == own || (own.is_unspecified() && (ip.is_loopback() || ip.is_unspecified()))
}

/// A place that has a number.
struct Known {
    goal: Rc<Goal>,
    asked: Timestamp,
    trouble: Option<Trouble>,
}

/// The places that have one.
#[derive(Default)]
pub(super) struct Goals {
    known: Vec<Known>,
    keys: HashMap<Rc<Goal>, Key>,
}

impl Goals {
    /// The key of a place, for which the pool is asked next; none while all numbers are in use.
    pub(super) fn key(&mut self, goal: &Rc<Goal>, pool: &mut Pool, now: Timestamp) -> Option<Key> {
        if let Some(key) = self.keys.get(goal) {
            self.known[key.index()].asked = now;
            return Some(*key);
        }
        let fresh = Known { goal: Rc::clone(goal), asked: now, trouble: None };
        let key = match u16::try_from(self.known.len()) {
            Ok(number) if self.known.len() < GOALS_MAX => {
                self.known.push(fresh);
                Key(number)
            }
            Ok(_) | Err(_) => {
                let key = self.unused(pool)?;
                let old = std::mem::replace(&mut self.known[key.index()], fresh);
                self.keys.remove(&old.goal);
                key
            }
        };
        self.keys.insert(Rc::clone(goal), key);
        Some(key)
    }

    fn unused(&self, pool: &mut Pool) -> Option<Key> {
        let mut all: Vec<(Timestamp, Key)> =
            (0..u16::MAX).zip(&self.known).map(|(number, known)| (known.asked, Key(number))).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, key)| key).find(|key| pool.give_up(*key))
    }

    /// The place that a key stands for.
    pub(super) fn of(&self, key: Key) -> Option<&Rc<Goal>> {
        self.known.get(key.index()).map(|known| &known.goal)
    }

    /// Notes what came of a connect.
    pub(super) fn note(&mut self, goal: &Rc<Goal>, trouble: Option<Trouble>) {
        if let Some(key) = self.keys.get(goal) {
            self.known[key.index()].trouble = trouble;
        }
    }

    /// Why a place could not be reached, where the last connect to it failed.
    pub(super) fn trouble(&self, goal: &Rc<Goal>) -> Option<&Trouble> {
        self.keys.get(goal).and_then(|key| self.known[key.index()].trouble.as_ref())
    }
}

impl Trouble {
    /// In words for people.
    pub(super) fn why(&self) -> &str {
        match self {
            Self::Unreachable(why) | Self::Late(why) | Self::Denied(why) => why,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::check_out::CheckOut;
    use crate::pool::id::ClientId;
    use crate::pool::limits::Limits;
    use crate::pool::state::Settings;
    use crate::pool::upstream::{Balance, Blame};

    fn goal(number: usize) -> Rc<Goal> {
        let to = Destination::parse(&format!("h{number}:443"), None).unwrap();
        Rc::new(Goal { to, way: Way::Tunnel })
    }

    #[test]
    fn numbers_are_bounded_and_the_one_not_asked_for_longest_is_used_again() {
        let (blame, balance) = (Blame::Key, Balance::Equal);
        let settings = Settings { limits: Limits::default(), upstreams: Vec::new(), balance, blame };
        let at = |second: usize| Timestamp::from_millis(1_000_000 + 1_000 * second as u64);
        let mut pool = Pool::new(&settings, 1, at(0));
        let mut goals = Goals::default();
        for number in 0..GOALS_MAX {
            goals.key(&goal(number), &mut pool, at(number)).unwrap();
        }
        // The oldest is waited for, the next one was asked for again: the third goes.
        pool.attach(ClientId(0), at(0)).unwrap();
        assert_eq!(pool.check_out(ClientId(0), Key(0), at(0)), CheckOut::Wait);
        goals.key(&goal(1), &mut pool, at(GOALS_MAX)).unwrap();
        let fresh = goal(GOALS_MAX);
        assert_eq!(goals.key(&fresh, &mut pool, at(GOALS_MAX)), Some(Key(2)));
        assert_eq!(goals.of(Key(2)), Some(&fresh));
        assert_eq!(goals.trouble(&goal(2)), None);
        assert_eq!(goals.key(&goal(0), &mut pool, at(GOALS_MAX)), Some(Key(0)));
        assert_eq!((goals.known.len(), goals.keys.len()), (GOALS_MAX, GOALS_MAX));
    }

    #[test]
    fn a_proxy_does_not_lead_to_its_own_door() {
        let allow = vec![Pattern::parse("127.0.0.1:*").unwrap(), Pattern::parse("localhost:*").unwrap()];
        let listen = [Listen::Tcp("0.0.0.0:8080".parse().unwrap())];
        let settings = ForwardSettings::of(&Forward { allow, lifetime: None, spare: None }, &listen);
        for (asked, address, leads) in [
            ("127.0.0.1:8080", "127.0.0.1:8080", false),
            ("127.0.0.1:8081", "127.0.0.1:8081", true),
            ("localhost:8080", "[::1]:8080", false),
            ("localhost:8081", "[::1]:8081", true),
            ("localhost:8081", "192.0.2.1:8081", true),
        ] {
            let to = Destination::parse(asked, None).unwrap();
            assert_eq!(settings.leads_to(&to, address.parse().unwrap()), leads, "{asked} {address}");
        }
    }
}
