//! `throttle_connects`: a hold under which a pool lets in so many new clients a second.
//!
//! Several processes may hold the same pool: the lowest rate counts, and the pool is open again when the last of them
//! is released, has ended, or the agent stops. A pool of a new agent begins open, so nothing outlasts the agent.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::decision::Done;
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::pool::gate::Gate;
use crate::proxy::{Command, Proxies};

/// What is throttled now: by pool, who holds it at which rate.
#[derive(Debug, Default)]
pub(super) struct Throttles(Mutex<BTreeMap<Name, BTreeMap<ProcessId, f64>>>);

impl Throttles {
    /// Throttles a pool for a process.
    pub(super) async fn take(
        &self,
        proxies: Option<&Proxies>,
        (pool, process): (&Name, ProcessId),
        rate: f64,
    ) -> Result<Done, String> {
        let before = self.all().entry(pool.clone()).or_default().insert(process, rate);
        let told = self.set(proxies, pool).await;
        if told.is_err() {
            let mut all = self.all();
            let held = all.entry(pool.clone()).or_default();
            match before {
                Some(before) => held.insert(process, before),
                None => held.remove(&process),
            };
        }
        told
    }

    /// Ends that.
    pub(super) async fn release(
        &self,
        proxies: Option<&Proxies>,
        (pool, process): (&Name, ProcessId),
    ) -> Result<Done, String> {
        if let Some(held) = self.all().get_mut(pool) {
            held.remove(&process);
        }
        self.set(proxies, pool).await
    }

    /// Ends all that a process holds; does not wait for the pools.
    pub(super) fn let_go(&self, proxies: Option<&Proxies>, process: ProcessId) {
        let mut changed = Vec::new();
        for (pool, held) in self.all().iter_mut() {
            if held.remove(&process).is_some() {
                changed.push((pool.clone(), gate(held)));
            }
        }
        Self::post(proxies, changed);
    }

    /// Ends all; does not wait for the pools.
    pub(super) fn close(&self, proxies: Option<&Proxies>) {
        let all = std::mem::take(&mut *self.all());
        let held = all.into_iter().filter(|(_, held)| !held.is_empty());
        Self::post(proxies, held.map(|(pool, _)| (pool, Gate::Open)).collect());
    }

    async fn set(&self, proxies: Option<&Proxies>, pool: &Name) -> Result<Done, String> {
        let gate = self.all().get(pool).map_or(Gate::Open, gate);
        let proxies = proxies.ok_or_else(|| format!("no pool `{pool}` here"))?;
        let answer = proxies.tell(pool, Command::Admit(gate)).map_err(|error| error.to_string())?;
        answer.await.map_err(|_| "the proxies have ended".to_owned())?;
        let summary = match gate {
            Gate::Open | Gate::Scarce => format!("{pool}: new clients are let in"),
            Gate::Throttled { rate } => {
                format!("{pool}: {}/min new clients are let in beyond the reserve", rate * 60.0)
            }
        };
        Ok(Done { summary })
    }

    fn post(proxies: Option<&Proxies>, gates: Vec<(Name, Gate)>) {
        let Some(proxies) = proxies else { return };
        for (pool, gate) in gates {
            if let Err(error) = proxies.tell(&pool, Command::Admit(gate)) {
                tracing::error!(%pool, %error, "a throttle could not be lifted");
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Name, BTreeMap<ProcessId, f64>>> {
        // A panic while it was held leaves a map that still says truthfully what is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lowest rate counts.
fn gate(held: &BTreeMap<ProcessId, f64>) -> Gate {
    let lowest = held.values().copied().min_by(f64::total_cmp);
    lowest.map_or(Gate::Open, |rate| Gate::Throttled { rate })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_rate_of_all_holders_counts() {
        let process = |pid| ProcessId { pid, inode: 0, started: 0, exe: (0, 0) };
        let held = BTreeMap::from([(process(1), 3.0), (process(2), 0.5)]);
        assert_eq!(gate(&held), Gate::Throttled { rate: 0.5 });
        assert_eq!(gate(&BTreeMap::new()), Gate::Open);
    }
}
