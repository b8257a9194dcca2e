//! The catalogue of signals: every value that a policy may use, one row each.
//!
//! From this table come the type check of policies, the documentation, the completions and the recording.
//! Every value is carried as an `f64` in the base unit of its row: counts as they are, durations in seconds,
//! sizes in bytes, ratios as fractions, rates per second, flags as 0 or 1, words as their place in the list.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The type and unit of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// A plain number.
    Count,
    /// Seconds.
    Duration,
    /// Bytes.
    Bytes,
    /// A fraction; 1.0 is 100 %.
    Ratio,
    /// Per second.
    Rate,
    /// Bytes per second.
    ByteRate,
    /// True or false.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// What stands in parentheses or brackets after the name of a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Argument {
    /// Nothing: `fd.open`.
    None,
    /// A duration: `socket.leaked(2m)`.
    Age,
    /// A kind of descriptor: `fd.by_kind(socket)`.
    Kind,
    /// A remote, then a field: `socket.by_remote("db:5432").close_wait`.
    RemoteField,
    /// A remote: `socket.connect_rate("db:5432")`.
    Remote,
    /// The name of a proxy, stream or probe in brackets before the field: `pool["orders-db"].waiting`.
    Named,
    /// Opening hours: `clock.session("09:30-16:00 America/New_York")`.
    Session,
}

/// Where a value comes from, which is also how fresh it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// Every tick.
    FastTick,
    /// The last full tick.
    FullTick,
    /// The kernel's view of the whole host, with the full tick.
    Host,
    /// A proxy of this agent.
    Proxy,
    /// A probe declared in the agent's file.
    Probe,
    /// The civil clock.
    Clock,
}

/// One row of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The signal.
    pub signal: Signal,
    /// Its name in policies: `fd.open`; for [`Argument::Named`] `pool[].waiting`.
    pub name: &'static str,
    /// What must follow the name.
    pub argument: Argument,
    /// Type and unit.
    pub unit: Unit,
    /// Where it comes from.
    pub source: Source,
    /// What it means, one sentence.
    pub meaning: &'static str,
}

/// States of a process, in the order of `process.state`.
pub const PROCESS_STATES: &[&str] = &["running", "sleeping", "disk", "stopped", "zombie", "dead", "idle"];
/// States of a breaker.
pub const BREAKER_STATES: &[&str] = &["closed", "half_open", "open"];
/// States of a stream.
pub const STREAM_STATES: &[&str] =
    &["disconnected", "connecting", "connected", "reconnecting", "polling", "failed"];
/// States of trading, weakest first.
pub const TRADING_STATES: &[&str] = &["active", "reducing", "halted"];
/// Days, as `clock.weekday` gives them.
pub const WEEKDAYS: &[&str] = &["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

macro_rules! catalogue {
    ($($variant:ident $name:literal $argument:ident $unit:expr, $source:ident, $meaning:literal;)*) => {
        /// A signal, without its argument.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        #[repr(u8)]
        pub enum Signal { $(#[doc = $meaning] $variant,)* }

        /// Every row, in the order of [`Signal`].
        pub const CATALOGUE: &[Row] = &[$(Row {
            signal: Signal::$variant,
            name: $name,
            argument: Argument::$argument,
            unit: $unit,
            source: Source::$source,
            meaning: $meaning,
        },)*];
    };
}

catalogue! {
    FdOpen "fd.open" None Unit::Count, FastTick, "Open descriptors.";
    FdLimit "fd.limit" None Unit::Count, FastTick, "Soft limit on descriptors (RLIMIT_NOFILE).";
    FdHardLimit "fd.hard_limit" None Unit::Count, FastTick, "Hard limit on descriptors.";
    FdRatio "fd.ratio" None Unit::Ratio, FastTick, "Open descriptors over the soft limit.";
    FdTte "fd.tte" None Unit::Duration, FastTick, "Time to exhaustion: headroom over the slope of a steady rise; infinite where nothing leaks, unknown until that can be told.";
    FdRate "fd.rate" None Unit::Rate, FastTick, "Robust slope of open descriptors.";
    FdByKind "fd.by_kind" Kind Unit::Count, FullTick, "Descriptors of one kind.";
    FdSockets "fd.sockets" None Unit::Count, FullTick, "Descriptors that are sockets.";
    FdFiles "fd.files" None Unit::Count, FullTick, "Descriptors that are regular files.";
    FdPipes "fd.pipes" None Unit::Count, FullTick, "Descriptors that are pipes.";
    FdEpoll "fd.epoll" None Unit::Count, FullTick, "Descriptors that are epoll sets.";
    FdEventfd "fd.eventfd" None Unit::Count, FullTick, "Descriptors that are event counters.";
    FdDeleted "fd.deleted" None Unit::Count, FullTick, "Descriptors of files that have been deleted.";
    FdOpened "fd.opened" None Unit::Rate, FullTick, "Descriptors that were new since the full tick before, per second.";
    FdClosed "fd.closed" None Unit::Rate, FullTick, "Descriptors that were gone since the full tick before, per second.";
    FdChurn "fd.churn" None Unit::Rate, FullTick, "Descriptors opened and closed between full ticks, per second.";
    SocketCloseWait "socket.close_wait" None Unit::Count, FullTick, "TCP sockets whose peer has closed and which the process has not. A healthy idle keep-alive pool shows some.";
    SocketCloseWaitOldest "socket.close_wait_oldest" None Unit::Duration, FullTick, "Age of the oldest CLOSE_WAIT, from first sight.";
    SocketLeaked "socket.leaked" Age Unit::Count, FullTick, "CLOSE_WAIT sockets and orphans that are older than the age.";
    SocketOrphans "socket.orphans" None Unit::Count, FullTick, "Socket descriptors that no protocol table knows any more.";
    SocketEstablished "socket.established" None Unit::Count, FullTick, "Established TCP sockets.";
    SocketSynSent "socket.syn_sent" None Unit::Count, FullTick, "TCP sockets still connecting.";
    SocketFinWait "socket.fin_wait" None Unit::Count, FullTick, "TCP sockets in FIN_WAIT1 or FIN_WAIT2 that the process still holds.";
    SocketTimeWait "socket.time_wait" None Unit::Count, FullTick, "TIME_WAIT sockets of the network namespace; they belong to no process.";
    SocketByRemote "socket.by_remote" RemoteField Unit::Count, FullTick, "TCP sockets to one remote: .count .established .close_wait .syn_sent .fin_wait";
    SocketRecvQueue "socket.recv_queue" None Unit::Bytes, FullTick, "Bytes received and not read, over all TCP sockets; up to three full ticks old where there are hundreds and nothing connects or ends.";
    SocketUnreadEof "socket.unread_eof" None Unit::Count, FullTick, "CLOSE_WAIT sockets whose end the process never read.";
    SocketUnwatched "socket.unwatched" None Unit::Count, FullTick, "CLOSE_WAIT sockets that no epoll set of the process watches.";
    SocketConnects "socket.connects" None Unit::Rate, FullTick, "New outgoing TCP sockets, per second.";
    SocketConnectRate "socket.connect_rate" Remote Unit::Rate, FullTick, "New TCP sockets to one remote, per second.";
    ProcessRss "process.rss" None Unit::Bytes, FullTick, "Resident memory.";
    ProcessRssRate "process.rss_rate" None Unit::ByteRate, FullTick, "Robust slope of resident memory.";
    ProcessSwap "process.swap" None Unit::Bytes, FullTick, "Swapped-out memory.";
    ProcessThreads "process.threads" None Unit::Count, FullTick, "Threads.";
    ProcessCpu "process.cpu" None Unit::Ratio, FullTick, "CPU used since the full tick before; 100 % is one core.";
    ProcessUptime "process.uptime" None Unit::Duration, FastTick, "Age of the process.";
    ProcessState "process.state" None Unit::Word(PROCESS_STATES), FullTick, "Scheduler state: running, sleeping, disk, stopped, zombie, dead, idle.";
    ProcessMajfaults "process.majfaults" None Unit::Rate, FullTick, "Major page faults, per second.";
    ProcessIo "process.io" None Unit::ByteRate, FullTick, "Bytes read and written by system calls, per second.";
    ProcessChildren "process.children" None Unit::Count, FullTick, "Child processes.";
    ProcessExitCode "process.exit_code" None Unit::Count, FastTick, "Exit code, or 128 and the signal's number; unknown while the process lives or where only its parent may know.";
    PoolActive "pool[].active" Named Unit::Count, Proxy, "Upstream connections in use.";
    PoolIdle "pool[].idle" Named Unit::Count, Proxy, "Upstream connections idle.";
    PoolWaiting "pool[].waiting" Named Unit::Count, Proxy, "Clients waiting for a connection.";
    PoolMaxWait "pool[].max_wait" Named Unit::Duration, Proxy, "Wait of the oldest waiter.";
    PoolConnects "pool[].connects" Named Unit::Count, Proxy, "Upstream connections made so far.";
    PoolErrors "pool[].errors" Named Unit::Count, Proxy, "Upstream errors so far.";
    PoolQueries "pool[].queries" Named Unit::Count, Proxy, "Units of work so far.";
    PoolBreaker "pool[].breaker" Named Unit::Word(BREAKER_STATES), Proxy, "State of the breaker: closed passes, open is tripped.";
    PoolClients "pool[].clients" Named Unit::Count, Proxy, "Client connections.";
    PoolClientOldestIdle "pool[].client_oldest_idle" Named Unit::Duration, Proxy, "Idle time of the client longest idle.";
    PoolAbandoned "pool[].abandoned" Named Unit::Count, Proxy, "Descriptors of the process that are clients which the pool has closed: the latest 256 are looked for.";
    StreamState "stream[].state" Named Unit::Word(STREAM_STATES), Proxy, "State of the stream.";
    StreamSilence "stream[].silence" Named Unit::Duration, Proxy, "Time since the last message of data.";
    StreamMessages "stream[].messages" Named Unit::Count, Proxy, "Messages so far.";
    StreamReconnects "stream[].reconnects" Named Unit::Count, Proxy, "Reconnects so far.";
    StreamLag "stream[].lag" Named Unit::Duration, Proxy, "Age of the newest message by its own stamp.";
    StreamDropped "stream[].dropped" Named Unit::Count, Proxy, "Messages dropped so far.";
    StreamSequenceGaps "stream[].sequence_gaps" Named Unit::Count, Proxy, "Gaps seen in sequence numbers so far.";
    HttpInFlight "http[].in_flight" Named Unit::Count, Proxy, "Requests in flight.";
    HttpErrors "http[].errors" Named Unit::Count, Proxy, "Failed requests so far.";
    HttpLatency "http[].latency" Named Unit::Duration, Proxy, "Median latency of the last minute.";
    HostMemoryAvailable "host.memory_available" None Unit::Bytes, Host, "Memory that can be had without swapping.";
    HostPsiMemory "host.psi_memory" None Unit::Ratio, Host, "Share of the last 10 s in which some task waited for memory.";
    HostPsiCpu "host.psi_cpu" None Unit::Ratio, Host, "Share of the last 10 s in which some task waited for a CPU.";
    HostCpu "host.cpu" None Unit::Ratio, Host, "CPU in use over all cores.";
    HostLoad "host.load" None Unit::Count, Host, "Load average of the last minute.";
    HostFdUsed "host.fd_used" None Unit::Ratio, Host, "Open files of the host over its limit.";
    ProbeValue "probe[].value" Named Unit::Count, Probe, "What a probe of the agent's file said last.";
    TradingState "trading.state" None Unit::Word(TRADING_STATES), Proxy, "State of the order gate: active, reducing, halted.";
    OrdersOpen "orders.open" None Unit::Count, Probe, "Orders live at the venue, by the probe that feeds it.";
    DeadmanArmed "deadman.armed" None Unit::Flag, Probe, "Whether the venue's dead-man countdown runs, by the probe that feeds it.";
    ClockSession "clock.session" Session Unit::Flag, Clock, "Whether the given opening hours hold now.";
    ClockWeekday "clock.weekday" None Unit::Word(WEEKDAYS), Clock, "Day of the week in UTC.";
}

impl Signal {
    /// How many there are.
    pub const COUNT: usize = CATALOGUE.len();

    /// Its row.
    pub fn row(self) -> &'static Row {
        &CATALOGUE[self as usize]
    }

    /// Its name: `fd.open`, `pool[].waiting`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The signal of that name.
    pub fn parse(name: &str) -> Option<Self> {
        CATALOGUE.iter().find(|row| row.name == name).map(|row| row.signal)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Signal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Signal {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| serde::de::Error::custom(format!("no signal `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_at_their_signal_and_names_are_unique() {
        for (place, row) in CATALOGUE.iter().enumerate() {
            assert_eq!(row.signal as usize, place);
            assert_eq!(Signal::parse(row.name), Some(row.signal), "{}", row.name);
            assert_eq!(row.name.contains("[]"), row.argument == Argument::Named, "{}", row.name);
        }
    }
}
