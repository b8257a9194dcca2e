//! What is measured: which upstream, and who says how much.

use std::fmt;
use std::time::Duration;

use crate::common::Args;
use crate::common::contest::chosen;
use crate::common::contest::subject::Upstream;

/// Connections of each cell.
pub(crate) const CONNECTIONS: usize = 100;

/// Who says what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Talk {
    /// Each client has so many messages under way, and says one more for each that comes back.
    Echo(usize),
    /// Each client asks once; then the upstream says so many at once to one connection after the other, so often.
    Feed(usize, Duration),
}

impl Talk {
    /// Messages that are due in a second, where that does not depend on who is asked.
    pub(crate) fn rate(self) -> Option<f64> {
        match self {
            Self::Echo(_) => None,
            Self::Feed(burst, every) => Some(burst as f64 / every.as_secs_f64()),
        }
    }
}

/// One line of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cell {
    pub(crate) upstream: Upstream,
    pub(crate) talk: Talk,
}

/// One message on its way, there and back.
pub(crate) const ECHO: Talk = Talk::Echo(1);
/// Sixteen of them.
const DEEP: Talk = Talk::Echo(16);
/// 10,000 messages a second.
const PACED: Talk = Talk::Feed(1, Duration::from_micros(100));
/// 40,000 a second, eight at once.
const BURSTS: Talk = Talk::Feed(8, Duration::from_micros(200));

impl Cell {
    /// All of them; those that `--only` names a part of, where it does.
    pub(crate) fn all(args: Args) -> Vec<Self> {
        let mut cells: Vec<Self> = [Upstream::Plain, Upstream::Tls]
            .into_iter()
            .flat_map(|upstream| [ECHO, DEEP, PACED, BURSTS].map(|talk| Self { upstream, talk }))
            .collect();
        let short = |cell: &Self| cell.upstream == Upstream::Plain || cell.talk == PACED;
        cells.retain(|cell| chosen(&cell.to_string()) && args.pick(short(cell), true));
        cells
    }

    /// Whether it is the one that has a budget in microseconds.
    pub(crate) fn is_the_measure(&self) -> bool {
        self.upstream == Upstream::Plain && self.talk == PACED
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.upstream {
            Upstream::Plain => "ws",
            Upstream::Tls => "wss",
        };
        match self.talk {
            Talk::Echo(depth) => write!(f, "{scheme}/echo-{depth}"),
            Talk::Feed(1, _) => write!(f, "{scheme}/paced"),
            Talk::Feed(burst, _) => write!(f, "{scheme}/bursts-{burst}"),
        }
    }
}
