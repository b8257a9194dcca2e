//! Logins that failed, by where they came from: whoever fails too often is not asked any more for a while.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::net::IpAddr;

use crate::model::clock::Timestamp;
use crate::model::units::Quota;
use crate::proxy::guests::Origin;

/// The most places that are remembered.
const SOURCES_MAX: usize = 4_096;

/// Whose tries are counted together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Source {
    User(u32),
    Address(IpAddr),
    Unknown,
}

/// The failures of one proxy.
#[derive(Debug)]
pub(crate) struct Tries {
    quota: Quota,
    failed: HashMap<Source, VecDeque<Timestamp>>,
}

impl Tries {
    pub(crate) fn new(quota: Quota) -> Self {
        Self { quota, failed: HashMap::new() }
    }

    /// Whether one from there may try.
    pub(crate) fn may(&mut self, origin: &Origin, now: Timestamp) -> bool {
        let (quota, source) = (self.quota, source(origin));
        let Some(failed) = self.failed.get_mut(&source) else { return quota.count > 0 };
        while failed.front().is_some_and(|then| now.since(*then) >= quota.per) {
            failed.pop_front();
        }
        failed.len() < quota.count as usize
    }

    /// One from there has failed.
    pub(crate) fn failed(&mut self, origin: &Origin, now: Timestamp) {
        if self.failed.len() >= SOURCES_MAX {
            self.make_room(now);
        }
        let failed = self.failed.entry(source(origin)).or_default();
        failed.push_back(now);
        if failed.len() > self.quota.count as usize {
            failed.pop_front();
        }
    }

    /// Forgets what no longer counts; where all of it does, the one that has been quiet for longest.
    fn make_room(&mut self, now: Timestamp) {
        let per = self.quota.per;
        self.failed.retain(|_, failed| failed.back().is_some_and(|then| now.since(*then) < per));
        if self.failed.len() >= SOURCES_MAX {
            let quiet = self.failed.iter().min_by_key(|(_, failed)| failed.back().copied());
            if let Some(source) = quiet.map(|(source, _)| *source) {
                self.failed.remove(&source);
            }
        }
    }
}

/// A user of this machine by its number, whatever its addresses; others by their address, of IPv6 by their network.
fn source(origin: &Origin) -> Source {
    match (origin.uid, origin.address.map(|address| address.ip().to_canonical())) {
        (Some(uid), _) => Source::User(uid),
        (None, Some(IpAddr::V6(ip))) => Source::Address(IpAddr::V6((ip.to_bits() >> 64 << 64).into())),
        (None, Some(address)) => Source::Address(address),
        (None, None) => Source::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn user(uid: u32) -> Origin {
        Origin { uid: Some(uid), ..Origin::default() }
    }

    fn address(text: &str) -> Origin {
        Origin { address: Some(text.parse().unwrap()), ..Origin::default() }
    }

    #[test]
    fn so_many_may_fail_in_a_time() {
        let mut tries = Tries::new(Quota::parse("2/min").unwrap());
        assert!(tries.may(&user(1), at(0)));
        tries.failed(&user(1), at(0));
        assert!(tries.may(&user(1), at(1)));
        tries.failed(&user(1), at(10));
        assert!(!tries.may(&user(1), at(59)));
        assert!(tries.may(&user(2), at(59)), "others are not concerned");
        assert!(tries.may(&user(1), at(60)), "the window slides");
    }

    #[test]
    fn an_address_counts_without_its_port_and_a_network_as_one() {
        let mut tries = Tries::new(Quota::parse("1/min").unwrap());
        tries.failed(&address("10.0.0.1:1"), at(0));
        assert!(!tries.may(&address("10.0.0.1:2"), at(0)));
        assert!(tries.may(&address("10.0.0.2:1"), at(0)));
        tries.failed(&address("[2001:db8::1]:1"), at(0));
        assert!(!tries.may(&address("[2001:db8::2]:1"), at(0)));
        assert!(tries.may(&address("[2001:db8:0:1::1]:1"), at(0)));
    }

    #[test]
    fn memory_is_bounded_and_the_quiet_are_forgotten_first() {
        let mut tries = Tries::new(Quota::parse("1/min").unwrap());
        let most = u32::try_from(SOURCES_MAX).unwrap();
        for uid in 0..=most {
            tries.failed(&user(uid), Timestamp::from_millis(u64::from(uid) * 10));
        }
        assert_eq!(tries.failed.len(), SOURCES_MAX);
        assert!(tries.may(&user(0), at(42)) && !tries.may(&user(most), at(42)));
        tries.failed(&user(most + 1), at(200));
        assert_eq!(tries.failed.len(), 1, "what is over is forgotten at once");
    }
}
