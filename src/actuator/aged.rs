//! Which of the dead sockets of a process an action may touch.

use std::time::Duration;

use super::order::Protection;
use crate::model::aged::{AgedSocket, AgedSockets};

/// Picks among dead sockets.
pub(super) trait Pick {
    /// Those at least so old that `fits` accepts and that are not protected, oldest first.
    fn pick<'a>(
        &'a self,
        older: Duration,
        protection: &Protection,
        fits: impl Fn(&AgedSocket) -> bool,
    ) -> Vec<&'a AgedSocket>;
}

impl Pick for AgedSockets {
    fn pick<'a>(
        &'a self,
        older: Duration,
        protection: &Protection,
        fits: impl Fn(&AgedSocket) -> bool,
    ) -> Vec<&'a AgedSocket> {
        let free = |socket: &AgedSocket| socket.remote.is_none_or(|remote| !protection.covers(remote));
        let mut picked: Vec<_> = self
            .sockets
            .iter()
            .filter(|socket| socket.age >= older && free(socket) && fits(socket))
            .collect();
        picked.sort_by_key(|socket| (std::cmp::Reverse(socket.age), socket.number));
        picked
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::aged::{Death, Watched};
    use crate::model::name::Remote;

    pub(crate) fn aged(number: u32, remote: &str, age: u64) -> AgedSocket {
        AgedSocket {
            cookie: Some(u64::from(number)),
            inode: 1_000 + u64::from(number),
            number,
            remote: Some(remote.parse().unwrap()),
            named: None,
            age: Duration::from_secs(age),
            death: Death::CloseWait,
            watched: Watched::No,
        }
    }

    #[test]
    fn the_oldest_come_first_and_the_protected_not_at_all() {
        let all = AgedSockets {
            sockets: vec![
                aged(1, "10.0.0.1:80", 50),
                aged(2, "10.0.0.2:443", 500),
                aged(3, "10.0.0.1:80", 90),
            ],
        };
        let protection =
            Protection { addresses: vec![("10.0.0.2".parse().unwrap(), None)], ..Protection::default() };
        let picked = |older, protection: &Protection| -> Vec<u32> {
            all.pick(Duration::from_secs(older), protection, |_| true).iter().map(|s| s.number).collect()
        };
        assert_eq!(picked(50, &Protection::default()), [2, 3, 1]);
        assert_eq!(picked(51, &protection), [3]);
    }

    #[test]
    fn a_remote_is_met_by_name_address_or_host() {
        let mut socket = aged(1, "[::ffff:10.0.0.1]:5432", 1);
        socket.named = Some(Remote::parse("db:5432").unwrap());
        for (wanted, met) in
            [("db:5432", true), ("10.0.0.1:5432", true), ("10.0.0.1:*", true), ("10.0.0.1:80", false)]
        {
            assert_eq!(socket.is_to(&Remote::parse(wanted).unwrap()), met, "{wanted}");
        }
    }
}
