//! `fdguard ctl pool …`: what PgBouncer's users do to a database on its console.

use clap::Subcommand;

use crate::model::name::Name;

/// What a pool as a whole can be told.
#[derive(Subcommand, Debug)]
pub enum PoolVerb {
    /// New work waits; server connections are closed as they come free
    Pause {
        /// The pool.
        pool: Name,
    },
    /// Back to work, after a pause or a kill
    Resume {
        /// The pool.
        pool: Name,
    },
    /// Replace all server connections as they come free
    Reconnect {
        /// The pool.
        pool: Name,
    },
    /// Refuse new clients and new work; what is at work goes on
    Disable {
        /// The pool.
        pool: Name,
    },
    /// End that
    Enable {
        /// The pool.
        pool: Name,
    },
    /// Close all clients and server connections now, and pause
    Kill {
        /// The pool.
        pool: Name,
    },
    /// Drop what the read cache keeps, after a change past the proxy
    FlushCache {
        /// The pool.
        pool: Name,
    },
}
