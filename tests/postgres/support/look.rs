//! Looking at the server and at the agent from outside.

use std::collections::BTreeSet;

use fdguard::sys::pidfd::PidFd;

use super::proxy::Proxy;
use super::server::Server;
use super::wait::wait_until;
use super::wire::Wire;

/// Sessions of a database, seen from another.
#[derive(Debug)]
pub(crate) struct Look {
    wire: Wire,
    database: String,
}

impl Look {
    pub(crate) fn at(server: &Server, database: &str) -> Self {
        Self { wire: server.admin(), database: database.to_owned() }
    }

    /// How many sessions are in a state that SQL tells, e.g. `state = 'active'`.
    pub(crate) fn count(&mut self, condition: &str) -> u32 {
        let sql = format!(
            "select count(*) from pg_stat_activity where datname = '{}' and ({condition})",
            self.database
        );
        self.wire.value(&sql).parse().unwrap()
    }

    /// The numbers of the processes of all sessions.
    pub(crate) fn backends(&mut self) -> BTreeSet<u32> {
        let sql = format!("select pid from pg_stat_activity where datname = '{}'", self.database);
        self.wire.run(&sql).rows.iter().map(|row| row[0].as_ref().unwrap().parse().unwrap()).collect()
    }

    /// Waits until so many sessions are in that state.
    pub(crate) fn wait(&mut self, condition: &str, count: u32) {
        wait_until(&format!("{count} sessions with {condition}"), || self.count(condition) == count);
    }

    /// Ends all sessions of the database, and waits until their processes are gone.
    pub(crate) fn terminate(&mut self) {
        let sql = format!(
            "select pid, pg_terminate_backend(pid) from pg_stat_activity where datname = '{}'",
            self.database
        );
        for row in self.wire.run(&sql).rows {
            let pid: i32 = row[0].as_ref().unwrap().parse().unwrap();
            wait_until("the server process ends", || {
                !PidFd::open(pid).is_ok_and(|process| process.is_alive())
            });
        }
    }
}

/// A number of kilobytes from the status of the agent's process.
pub(crate) fn memory(proxy: &Proxy, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", proxy.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
