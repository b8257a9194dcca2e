//! Who holds what: several processes may hold the same thing of the same proxy, each with a value of its own.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::name::Name;
use crate::model::process::ProcessId;

/// The values of all who hold one thing.
pub(super) type Held<V> = BTreeMap<ProcessId, V>;

/// What is held now: by proxy, who holds it at which value.
#[derive(Debug)]
pub(super) struct Holders<V>(Mutex<BTreeMap<Name, Held<V>>>);

impl<V> Default for Holders<V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<V: Copy> Holders<V> {
    /// A process holds it from now on; gives what it held before.
    pub(super) fn hold(&self, proxy: &Name, process: ProcessId, value: V) -> Option<V> {
        self.all().entry(proxy.clone()).or_default().insert(process, value)
    }

    /// Puts back what a process held before a hold that failed.
    pub(super) fn restore(&self, proxy: &Name, process: ProcessId, before: Option<V>) {
        match before {
            Some(before) => drop(self.hold(proxy, process, before)),
            None => self.release(proxy, process),
        }
    }

    /// A process holds it no more.
    pub(super) fn release(&self, proxy: &Name, process: ProcessId) {
        if let Some(held) = self.all().get_mut(proxy) {
            held.remove(&process);
        }
    }

    /// What all together come to, by `sum`; without holders it is that of nobody.
    pub(super) fn sum<T>(&self, proxy: &Name, sum: impl Fn(&Held<V>) -> T) -> T {
        self.all().get(proxy).map_or_else(|| sum(&Held::new()), &sum)
    }

    /// A process holds nothing any more: the proxies whose holders have changed, with what these come to now.
    pub(super) fn let_go<T>(&self, process: ProcessId, sum: impl Fn(&Held<V>) -> T) -> Vec<(Name, T)> {
        let mut all = self.all();
        let changed = all.iter_mut().filter_map(|(proxy, held)| {
            held.remove(&process)?;
            Some((proxy.clone(), sum(held)))
        });
        changed.collect()
    }

    /// Nobody holds anything any more: the proxies where somebody did.
    pub(super) fn clear(&self) -> Vec<Name> {
        let all = std::mem::take(&mut *self.all());
        all.into_iter().filter(|(_, held)| !held.is_empty()).map(|(proxy, _)| proxy).collect()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Name, Held<V>>> {
        // A panic while it was held leaves a map that still says truthfully what is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32) -> ProcessId {
        ProcessId { pid, inode: 0, started: 0, exe: (0, 0) }
    }

    #[test]
    fn what_holders_come_to_follows_them() {
        let holders = Holders::default();
        let pool = Name::parse("db").unwrap();
        let most = |held: &Held<u32>| held.values().copied().max().unwrap_or_default();
        assert_eq!(holders.sum(&pool, most), 0);
        assert_eq!(holders.hold(&pool, process(1), 3), None);
        assert_eq!(holders.hold(&pool, process(2), 5), None);
        assert_eq!(holders.sum(&pool, most), 5);
        let before = holders.hold(&pool, process(2), 9);
        holders.restore(&pool, process(2), before);
        assert_eq!(holders.sum(&pool, most), 5);
        assert_eq!(holders.let_go(process(2), most), [(pool.clone(), 3)]);
        assert_eq!(holders.let_go(process(2), most), []);
        holders.restore(&pool, process(1), None);
        assert_eq!((holders.sum(&pool, most), holders.clear()), (0, Vec::new()));
        holders.hold(&pool, process(1), 3);
        assert_eq!(holders.clear(), [pool]);
    }
}
