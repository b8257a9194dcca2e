//! The groups of signals, each read once from the process.

use crate::cli::doctor::finding::{Finding, Section};
use crate::model::chain::chain;
use crate::model::kind::Kind;
use crate::sampler::eye;
use crate::sys::ability::{Ability, Capability};
use crate::sys::adopted::Adopted;
use crate::sys::descriptors::{Counting, Descriptor, Listing, Progress, Trust};
use crate::sys::io::Io;
use crate::sys::net_text;
use crate::sys::proc_root::ProcRoot;
use crate::sys::read_error::ReadError;
use crate::sys::sock_diag::{Detail, SockDiag, SocketRecord, States};
use crate::sys::socket_protocol::Protocol;
use crate::sys::stat::{Stat, Status};

const HERE: Section = Section::Signals;

/// Reads everything from `process` once.
pub(super) fn tried(process: &Adopted, ability: &Ability) -> Vec<Finding> {
    let table = table(process);
    let sockets = sockets(process);
    vec![
        count(process),
        limits(process),
        slope(process),
        kinds(&table, ability),
        by_remote(&sockets, ability),
        leaked(process, &table, &sockets, ability),
        epoll(process, &table, ability),
        load(process, ability),
        identity(process),
    ]
}

fn count(process: &Adopted) -> Finding {
    let name = "fd.open";
    match (process.count(), eye::counting(&ProcRoot::default())) {
        (Ok(count), Counting::BySize) => {
            Finding::works(HERE, name, format!("counted {count} by the size of /proc/PID/fd")).needed()
        }
        (Ok(count), Counting::ByListing) => {
            Finding::partly(HERE, name, format!("counted {count} by listing"))
                .because("this kernel does not tell the size of /proc/PID/fd, so each count costs a listing")
                .remedy("Linux 6.2 or later")
                .needed()
        }
        (Err(error), _) => Finding::fails(HERE, name, "tried to count").because(chain(&error)).needed(),
    }
}

fn limits(process: &Adopted) -> Finding {
    let name = "fd.limit";
    match process.nofile() {
        Ok(limits) => {
            Finding::works(HERE, name, format!("read soft {} and hard {}", limits.soft, limits.hard)).needed()
        }
        Err(error) => Finding::fails(HERE, name, "tried to read").because(chain(&error)).needed(),
    }
}

fn slope(process: &Adopted) -> Finding {
    if process.count().is_ok() && process.nofile().is_ok() {
        Finding::works(HERE, "fd.tte, fd.rate", "follow from the count and the limit").needed()
    } else {
        Finding::fails(HERE, "fd.tte, fd.rate", "need the count and the limit").needed()
    }
}

fn table(process: &Adopted) -> Result<Vec<Descriptor>, ReadError> {
    let mut listing = Listing::new();
    match process.list(&mut listing, usize::MAX, |_| Trust::Look)? {
        Progress::Complete => Ok(listing.table().to_vec()),
        Progress::More => Err(ReadError::Late { what: "the table of descriptors" }),
    }
}

fn kinds(table: &Result<Vec<Descriptor>, ReadError>, ability: &Ability) -> Finding {
    let name = "fd by kind";
    match table {
        Ok(rows) => Finding::works(HERE, name, format!("listed {} descriptors", rows.len())),
        Err(error) => Finding::fails(HERE, name, "tried to list the descriptors")
            .because(chain(error))
            .remedy(trace_grant(error, ability)),
    }
}

/// The socket tables of the process's network namespace, and whether they came from text files.
fn sockets(process: &Adopted) -> (Result<Vec<SocketRecord>, ReadError>, Option<ReadError>) {
    let mut records = Vec::new();
    let asked = SockDiag::in_namespace_of(process)
        .and_then(|mut diag| diag.dump(States::ALL, Detail::Plain, &mut records));
    match asked {
        Ok(()) => (Ok(records), None),
        Err(error) => (net_text::read(process, States::ALL, &mut records).map(|()| records), Some(error)),
    }
}

type Sockets = (Result<Vec<SocketRecord>, ReadError>, Option<ReadError>);

fn by_remote((records, refused): &Sockets, ability: &Ability) -> Finding {
    let name = "socket states";
    match (records, refused) {
        (Ok(records), None) => {
            Finding::works(HERE, name, format!("dumped {} TCP sockets by sock_diag", records.len()))
        }
        (Ok(records), Some(refused)) => {
            Finding::partly(HERE, name, format!("read {} TCP sockets from text files", records.len()))
                .because(format!("sock_diag: {}", chain(refused)))
                .remedy(namespace_grant(refused, ability))
        }
        (Err(error), _) => Finding::fails(HERE, name, "tried sock_diag and /proc/PID/net/tcp")
            .because(chain(error))
            .remedy(namespace_grant(error, ability)),
    }
}

/// Ages, orphans, unread ends: the table and the dump joined, and the protocol of what no dump knows.
fn leaked(
    process: &Adopted,
    table: &Result<Vec<Descriptor>, ReadError>,
    (records, _): &Sockets,
    ability: &Ability,
) -> Finding {
    let name = "socket.leaked";
    let rows = match table {
        Ok(rows) => rows,
        Err(error) => {
            return Finding::fails(HERE, name, "needs the table of descriptors")
                .because(chain(error))
                .remedy(trace_grant(error, ability))
                .needed();
        }
    };
    if let Err(error) = records {
        return Finding::fails(HERE, name, "needs the socket tables").because(chain(error)).needed();
    }
    let socket = rows.iter().find(|row| row.kind == Kind::Socket);
    let told = socket.and_then(|row| Some(Protocol::of(process, row.number, row.inode?)));
    match told {
        Some(Err(error)) => Finding::partly(HERE, name, "told CLOSE_WAIT, not orphans")
            .because(format!("the protocol of a socket: {}", chain(&error)))
            .needed(),
        Some(Ok(_)) => {
            Finding::works(HERE, name, "joined descriptors and sockets, told a socket's protocol").needed()
        }
        None => Finding::works(HERE, name, "joined descriptors and sockets; it has no socket").needed(),
    }
}

fn epoll(process: &Adopted, table: &Result<Vec<Descriptor>, ReadError>, ability: &Ability) -> Finding {
    let name = "socket.unwatched";
    let read = match table {
        Ok(rows) => match rows.iter().find(|row| row.kind == Kind::Epoll).or(rows.first()) {
            Some(row) => process.descriptors().info(row.number, &mut Vec::new()),
            None => Ok(()),
        },
        Err(_) => Err(ReadError::Denied { what: "fdinfo" }),
    };
    match read {
        Ok(()) => Finding::works(HERE, name, "read fdinfo, where epoll sets name what they watch"),
        Err(error) => Finding::fails(HERE, name, "tried to read fdinfo")
            .because(chain(&error))
            .remedy(trace_grant(&error, ability)),
    }
}

fn load(process: &Adopted, ability: &Ability) -> Finding {
    let name = "process.*";
    if let Err(error) = Stat::read(process).and(Status::read(process).map(drop)) {
        return Finding::fails(HERE, name, "tried stat and status").because(chain(&error));
    }
    match Io::read(process) {
        Ok(_) => Finding::works(HERE, name, "read stat, status and io"),
        Err(error) => Finding::partly(HERE, name, "read stat and status; not process.io")
            .because(chain(&error))
            .remedy(trace_grant(&error, ability)),
    }
}

fn identity(process: &Adopted) -> Finding {
    let name = "identity";
    if process.id().inode == 0 {
        Finding::partly(HERE, name, "held by a pidfd")
            .because("pidfds of this kernel have no inode: after a restart of the agent a target is known by start and executable alone")
            .remedy("Linux 6.9 or later")
    } else {
        Finding::works(HERE, name, "held by a pidfd whose inode is unique until the next boot")
    }
}

fn trace_grant(error: &ReadError, ability: &Ability) -> String {
    match error {
        ReadError::Denied { .. } if ability.has(Capability::SysPtrace) => {
            "run outside of the container, in the user namespace that owns the process".to_owned()
        }
        ReadError::Denied { .. } => "the same user as the process, or CAP_SYS_PTRACE".to_owned(),
        ReadError::Gone => "a process that lives".to_owned(),
        ReadError::Unsupported { .. } => format!("a newer kernel than {}", ability.release),
        ReadError::NoRoom { .. } => "a higher limit on fdguard's own descriptors".to_owned(),
        ReadError::Late { .. } | ReadError::Malformed { .. } | ReadError::Failed { .. } => {
            "try again".to_owned()
        }
    }
}

fn namespace_grant(error: &ReadError, ability: &Ability) -> String {
    match error {
        ReadError::Denied { .. } if !ability.has(Capability::SysPtrace) => {
            "the same user as the process, or CAP_SYS_PTRACE; and CAP_SYS_ADMIN where it has a network namespace of \
             its own"
                .to_owned()
        }
        ReadError::Denied { .. } => "CAP_SYS_ADMIN, to enter the process's network namespace".to_owned(),
        ReadError::Unsupported { .. } => "a kernel with CONFIG_INET_DIAG (module inet_diag, tcp_diag)".to_owned(),
        ReadError::Gone
        | ReadError::Late { .. }
        | ReadError::NoRoom { .. }
        | ReadError::Malformed { .. }
        | ReadError::Failed { .. } => trace_grant(error, ability),
    }
}
