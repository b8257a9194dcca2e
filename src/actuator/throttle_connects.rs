//! `throttle_connects`: a hold under which a pool lets in so many new clients a second.
//!
//! Several processes may hold the same pool: the lowest rate counts, and the pool is open again when the last of them
//! is released, has ended, or the agent stops. A pool of a new agent begins open, so nothing outlasts the agent.

use crate::model::decision::Done;
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::pool::gate::Gate;
use crate::proxy::{Command, Proxies};

use super::holders::{Held, Holders};

/// What is throttled now: by pool, who holds it at which rate.
#[derive(Debug, Default)]
pub(super) struct Throttles(Holders<f64>);

impl Throttles {
    /// Throttles a pool for a process.
    pub(super) async fn take(
        &self,
        proxies: Option<&Proxies>,
        (pool, process): (&Name, ProcessId),
        rate: f64,
    ) -> Result<Done, String> {
        let before = self.0.hold(pool, process, rate);
        let told = self.set(proxies, pool).await;
        if told.is_err() {
            self.0.restore(pool, process, before);
        }
        told
    }

    /// Ends that.
    pub(super) async fn release(
        &self,
        proxies: Option<&Proxies>,
        (pool, process): (&Name, ProcessId),
    ) -> Result<Done, String> {
        self.0.release(pool, process);
        self.set(proxies, pool).await
    }

    /// Ends all that a process holds; does not wait for the pools.
    pub(super) fn let_go(&self, proxies: Option<&Proxies>, process: ProcessId) {
        Self::post(proxies, self.0.let_go(process, gate));
    }

    /// Ends all; does not wait for the pools.
    pub(super) fn close(&self, proxies: Option<&Proxies>) {
        Self::post(proxies, self.0.clear().into_iter().map(|pool| (pool, Gate::Open)).collect());
    }

    async fn set(&self, proxies: Option<&Proxies>, pool: &Name) -> Result<Done, String> {
        let gate = self.0.sum(pool, gate);
        let proxies = proxies.ok_or_else(|| format!("no pool `{pool}` here"))?;
        let answer = proxies.tell(pool, Command::Admit(gate)).map_err(|error| error.to_string())?;
        answer.await.map_err(|_| "the proxies have ended".to_owned())?;
        let summary = match gate {
            Gate::Open => format!("{pool}: new clients are let in"),
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
}

/// The lowest rate counts.
fn gate(held: &Held<f64>) -> Gate {
    let lowest = held.values().copied().min_by(f64::total_cmp);
    lowest.map_or(Gate::Open, |rate| Gate::Throttled { rate })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_rate_of_all_holders_counts() {
        let process = |pid| ProcessId { pid, inode: 0, started: 0, exe: (0, 0) };
        let held = Held::from([(process(1), 3.0), (process(2), 0.5)]);
        assert_eq!(gate(&held), Gate::Throttled { rate: 0.5 });
        assert_eq!(gate(&Held::new()), Gate::Open);
    }
}
