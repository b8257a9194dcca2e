//! COPY into the server: which Syncs it reads, and what is asked where that can't be known.
//!
//! A COPY that failed has read a Sync that was sent into it, or the Sync came after the failure and is answered: only the
//! server knows. So it is asked by a Close of no portal and a Sync of ours, which change nothing: what was to be answered is
//! answered before them. In a batch another Sync goes before, since the server skips all else; where it turns out that the
//! client's own was read by the COPY, the client is still in a batch that failed, and what it sends up to its next Sync is
//! dropped here.
//!
//! ```text
//!   COPY  S  bad row         E ──► S* C S ──►   Z     3 Z   our own, then the probe's: the client's was read by the COPY
//!                                               Z Z   3 Z   one more: the client's was answered
//!   (* in a batch)
//! ```

use super::{Exchange, Owed, Reply, Verdict, verdict};
use crate::wire::postgres::backend::ready_for_query;

/// Whether the server takes COPY data from the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CopyIn {
    Off,
    On,
    /// And a Sync was sent meanwhile: whether the COPY read it depends on when that failed.
    OnWithSync,
}

/// Where the question stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Probe {
    /// All is known.
    #[default]
    Off,
    /// To be asked once nothing else is owed.
    Wanted(Case),
    /// Asked.
    Asked(Case),
    /// And the Close is answered.
    Heard(Case),
}

/// What is known of a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Case {
    place: In,
    /// So many of the client's Syncs were answered.
    answered: u32,
    /// The answer to our own Sync is still to come.
    own: u32,
}

/// In what the COPY failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum In {
    /// In a simple query.
    Query,
    /// In a batch, whose rest the server skips.
    Batch,
}

impl Probe {
    /// A COPY has failed there.
    pub(super) fn wanted(place: In) -> Self {
        let own = match place {
            In::Query => 0,
            In::Batch => 1,
        };
        Self::Wanted(Case { place, answered: 0, own })
    }
}

impl Exchange {
    /// Whether the server takes COPY data.
    pub fn copying_in(&self) -> bool {
        self.copy_in != CopyIn::Off
    }

    /// COPY data is asked for. Syncs sent before its end are read by the COPY and have no answer.
    pub(super) fn copy_in(&mut self) -> Verdict {
        let front = self.owed.front().copied();
        let reply = match front {
            Some(Owed::Query(reply)) => reply,
            Some(Owed::Execute) => Reply::Pass,
            Some(_) | None => return self.doubted(),
        };
        let end = self.owed.iter().position(|request| matches!(request, Owed::CopyEnd));
        let until = end.unwrap_or(self.owed.len());
        if self.owed.range(1..until).any(|request| !matches!(request, Owed::Sync(_))) {
            return self.doubted();
        }
        self.owed.drain(1..until);
        self.copy_in = if end.is_none() { CopyIn::On } else { CopyIn::Off };
        verdict(reply)
    }

    /// Whether the server is to be asked now, by what [`Exchange::asked`] says was sent.
    pub fn must_ask(&self) -> Option<In> {
        match self.probe {
            Probe::Wanted(case) if self.owed.is_empty() => Some(case.place),
            Probe::Wanted(_) | Probe::Off | Probe::Asked(_) | Probe::Heard(_) => None,
        }
    }

    /// A Sync, where it was in a batch, a Close of no portal and a Sync were sent.
    pub fn asked(&mut self) {
        if let Probe::Wanted(case) = self.probe {
            self.probe = Probe::Asked(case);
            self.owed.push_back(Owed::Probe);
        }
    }

    /// Whether the client's next request has to wait for that.
    pub(super) fn is_probing(&self) -> bool {
        self.probe != Probe::Off
    }

    /// A message while nothing else is owed and the probe is to be asked, or its answer is due.
    pub(super) fn probed(&mut self, tag: u8, body: &[u8]) -> Verdict {
        if tag == b'Z' {
            match ready_for_query(body) {
                Ok(transaction) => self.transaction = transaction,
                Err(_) => return self.doubted(),
            }
        }
        match (&mut self.probe, tag) {
            // One of those of a batch is the answer to ours; they are all alike.
            (Probe::Asked(case), b'Z') if case.own > 0 => {
                case.own = 0;
                Verdict::Swallow
            }
            (Probe::Wanted(case) | Probe::Asked(case), b'Z') => {
                case.answered += 1;
                Verdict::Pass
            }
            (Probe::Asked(case), b'3') => {
                self.probe = Probe::Heard(*case);
                Verdict::Swallow
            }
            (Probe::Heard(case), b'Z') => {
                let Case { place, answered, .. } = *case;
                self.owed.pop_front();
                self.probe = Probe::Off;
                match (place, answered) {
                    (In::Batch, 0) => self.client_skips = true,
                    (In::Batch, _) => self.end_batch(),
                    (In::Query, _) => {}
                }
                Verdict::Swallow
            }
            _ => self.doubted(),
        }
    }

    /// Whether the client is in a batch that failed, and the server is not: what it sends is dropped up to a Sync.
    pub fn client_skips(&self) -> bool {
        self.client_skips
    }
}
