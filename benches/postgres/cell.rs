//! What is measured: the cells of the table, and the goal of each.

use std::fmt;

use crate::common::Length;
use crate::postgres::options::Options;

/// Clients that log in over and over, and those that read and write much.
const LOGIN_CLIENTS: usize = 10;
const BULK_CLIENTS: usize = 4;
/// Idle clients.
const IDLE_FULL: usize = 900;
const IDLE_SHORT: usize = 300;

/// Goals, see the head of the bench.
const RATIO_IN_POOL: f64 = 0.90;
const RATIO_BEYOND: f64 = 0.75;
const RATIO_BULK: f64 = 1.0;
const LOGIN_MICROS: f64 = 50.0;
const IDLE_BYTES: f64 = 2_000.0;

/// How pgbench sends its queries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Protocol {
    Simple,
    Extended,
    Prepared,
}

/// What the clients do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    /// One row by its key, a transaction each.
    Select(Protocol),
    /// Log in, ask something trivial, leave.
    Login,
    /// 20,000 rows, about 2 MB.
    Rows,
    /// The same by COPY.
    CopyOut,
    /// 2 MB into the server.
    CopyIn,
    /// One query each, then nothing.
    Idle,
}

/// One line of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cell {
    pub(crate) work: Work,
    pub(crate) clients: usize,
    /// Connections that the pooler may hold to the server.
    pub(crate) pool: usize,
}

/// What the figure of the one that is measured must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// At most this share of the other's.
    Ratio(f64),
    /// At most this.
    Most(f64),
}

impl Protocol {
    /// As pgbench calls it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Extended => "extended",
            Self::Prepared => "prepared",
        }
    }
}

impl Cell {
    /// All that were asked for, those of one pool size together.
    pub(crate) fn all(options: &Options) -> Vec<Self> {
        let (pools, clients, protocols, idle): (&[usize], &[usize], &[Protocol], usize) =
            match options.args.length {
                Length::Short => (&[10], &[10, 50], &[Protocol::Simple, Protocol::Prepared], IDLE_SHORT),
                Length::Full => (
                    &[10, 2],
                    &[1, 10, 50, 200],
                    &[Protocol::Simple, Protocol::Extended, Protocol::Prepared],
                    IDLE_FULL,
                ),
            };
        let mut cells = Vec::new();
        for &pool in pools {
            for &protocol in protocols {
                cells.extend(clients.iter().map(|&clients| Self {
                    work: Work::Select(protocol),
                    clients,
                    pool,
                }));
            }
            if pool == pools[0] {
                let rest = [
                    (Work::Login, LOGIN_CLIENTS),
                    (Work::Rows, BULK_CLIENTS),
                    (Work::CopyOut, BULK_CLIENTS),
                    (Work::CopyIn, BULK_CLIENTS),
                    (Work::Idle, idle),
                ];
                cells.extend(rest.map(|(work, clients)| Self { work, clients, pool }));
            }
        }
        let wanted = |cell: &Self| {
            let name = cell.to_string();
            options.only.is_empty() || options.only.iter().any(|part| name.contains(part.as_str()))
        };
        cells.retain(wanted);
        cells
    }

    pub(crate) fn goal(&self) -> Goal {
        match self.work {
            Work::Select(_) if self.clients <= self.pool => Goal::Ratio(RATIO_IN_POOL),
            Work::Select(_) => Goal::Ratio(RATIO_BEYOND),
            Work::Rows | Work::CopyOut | Work::CopyIn => Goal::Ratio(RATIO_BULK),
            Work::Login => Goal::Most(LOGIN_MICROS),
            Work::Idle => Goal::Most(IDLE_BYTES),
        }
    }

    /// The unit of the figure that is judged.
    pub(crate) fn unit(&self) -> &'static str {
        match self.work {
            Work::Idle => "B each",
            Work::Select(_) | Work::Login | Work::Rows | Work::CopyOut | Work::CopyIn => "µs",
        }
    }
}

impl fmt::Display for Cell {
    /// Its name, which `--only` looks into.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.work {
            Work::Select(protocol) => protocol.word(),
            Work::Login => "login",
            Work::Rows => "rows",
            Work::CopyOut => "copy-out",
            Work::CopyIn => "copy-in",
            Work::Idle => "idle",
        };
        write!(f, "{word}/c{}/pool{}", self.clients, self.pool)
    }
}
