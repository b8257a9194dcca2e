//! `poll_stream`: a hold under which all streams of a proxy poll instead of keeping a connection.
//!
//! Several processes may hold the same proxy: the longest time between polls counts, and its streams are live again when
//! the last of them is released, has ended, or the agent stops. Streams of a new agent begin live, so nothing outlasts the
//! agent.

use std::time::Duration;

use crate::model::decision::Done;
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::model::units::format_span;
use crate::proxy::{Command, Proxies, StreamWork};
use crate::stream::order::Wanted;

use super::holders::{Held, Holders};

/// What is held in polls now: by proxy, who holds it and how often it is polled for that.
#[derive(Debug, Default)]
pub(super) struct Polls(Holders<Duration>);

impl Polls {
    /// Holds the streams of a proxy in polls for a process.
    pub(super) async fn take(
        &self,
        proxies: Option<&Proxies>,
        (stream, process): (&Name, ProcessId),
        every: Duration,
    ) -> Result<Done, String> {
        let before = self.0.hold(stream, process, every);
        let told = self.set(proxies, stream).await;
        if told.is_err() {
            self.0.restore(stream, process, before);
        }
        told
    }

    /// Ends that.
    pub(super) async fn release(
        &self,
        proxies: Option<&Proxies>,
        (stream, process): (&Name, ProcessId),
    ) -> Result<Done, String> {
        self.0.release(stream, process);
        self.set(proxies, stream).await
    }

    /// Ends all that a process holds; does not wait for the streams.
    pub(super) fn let_go(&self, proxies: Option<&Proxies>, process: ProcessId) {
        Self::post(proxies, self.0.let_go(process, wanted));
    }

    /// Ends all; does not wait for the streams.
    pub(super) fn close(&self, proxies: Option<&Proxies>) {
        Self::post(proxies, self.0.clear().into_iter().map(|stream| (stream, Wanted::Live)).collect());
    }

    async fn set(&self, proxies: Option<&Proxies>, stream: &Name) -> Result<Done, String> {
        let wanted = self.0.sum(stream, wanted);
        let proxies = proxies.ok_or_else(|| format!("no stream `{stream}` here"))?;
        let command = Command::Stream(StreamWork::Want(wanted));
        let answer = proxies.tell(stream, command).map_err(|error| error.to_string())?;
        let done = answer.await.map_err(|_| "the proxies have ended".to_owned())?;
        if done.streams.is_none() {
            return Err(format!("`{stream}` carries no streams"));
        }
        let summary = match wanted {
            Wanted::Live => format!("{stream}: live again once the upstream is ready"),
            Wanted::Polls { every, .. } => format!("{stream}: polled every {}", format_span(every)),
        };
        Ok(Done { summary })
    }

    fn post(proxies: Option<&Proxies>, all: Vec<(Name, Wanted)>) {
        let Some(proxies) = proxies else { return };
        for (stream, wanted) in all {
            if let Err(error) = proxies.tell(&stream, Command::Stream(StreamWork::Want(wanted))) {
                tracing::error!(%stream, %error, "a stream could not be told");
            }
        }
    }
}

/// The longest time between polls counts.
fn wanted(held: &Held<Duration>) -> Wanted {
    let longest = held.values().copied().max();
    longest.map_or(Wanted::Live, |every| Wanted::Polls { every })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_time_of_all_holders_counts() {
        let process = |pid| ProcessId { pid, inode: 0, started: 0, exe: (0, 0) };
        let mut held =
            Held::from([(process(1), Duration::from_secs(2)), (process(2), Duration::from_secs(5))]);
        let polls = |seconds| Wanted::Polls { every: Duration::from_secs(seconds) };
        assert_eq!(wanted(&held), polls(5));
        held.remove(&process(2));
        assert_eq!(wanted(&held), polls(2));
        held.clear();
        assert_eq!(wanted(&held), Wanted::Live);
    }

    #[tokio::test]
    async fn without_proxies_nothing_is_held() {
        let polls = Polls::default();
        let (stream, process) =
            (Name::parse("quotes").unwrap(), ProcessId { pid: 1, inode: 0, started: 0, exe: (0, 0) });
        let told = polls.take(None, (&stream, process), Duration::from_secs(1)).await;
        assert_eq!(told.unwrap_err(), "no stream `quotes` here");
        assert!(polls.0.clear().is_empty());
    }
}
