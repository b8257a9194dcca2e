//! What is measured: which upstream, which answers, how many connections.

use std::fmt;

use crate::common::Args;
use crate::common::contest::chosen;
use crate::common::contest::subject::Upstream;

/// Bytes of a small answer and of a large one.
pub(crate) const SMALL: usize = 248;
pub(crate) const LARGE: usize = 100_000;

/// One line of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cell {
    pub(crate) upstream: Upstream,
    pub(crate) body: usize,
    pub(crate) connections: usize,
}

impl Cell {
    /// All of them; those that `--only` names a part of, where it does.
    pub(crate) fn all(args: Args) -> Vec<Self> {
        let mut cells = Vec::new();
        for upstream in [Upstream::Plain, Upstream::Tls] {
            for body in [SMALL, LARGE] {
                for connections in args.pick(vec![10], vec![1, 10, 100]) {
                    cells.push(Self { upstream, body, connections });
                }
            }
        }
        cells.retain(|cell| chosen(&cell.to_string()));
        cells
    }

    /// Whether it is the one that has a budget in microseconds.
    pub(crate) fn is_the_measure(&self) -> bool {
        self.upstream == Upstream::Plain && self.body == SMALL && self.connections == 100
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.upstream {
            Upstream::Plain => "http",
            Upstream::Tls => "https",
        };
        let size = if self.body == SMALL { "small" } else { "100kB" };
        write!(f, "{scheme}/{size}/c{}", self.connections)
    }
}
