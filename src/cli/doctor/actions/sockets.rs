//! The two words that end sockets: tried on the child's own CLOSE_WAIT sockets, and looked into on a given process.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::{HERE, worse};
use crate::cli::doctor::finding::Finding;
use crate::model::action::Word;
use crate::model::chain::chain;
use crate::model::kind::Kind;
use crate::model::reading::Gap;
use crate::sys::ability::{Ability, Capability};
use crate::sys::adopted::Adopted;
use crate::sys::books::Books;
use crate::sys::descriptors::{Listing, Trust};
use crate::sys::destroy::{DestroyError, Destroyer, SocketFamily, SocketIdentity};
use crate::sys::ptrace::reap::{Doomed, ReapError, Verdict, close_in};
use crate::sys::sock_diag::{Detail, SockDiag, SocketRecord, States, TcpState};

/// How long the child may be stopped.
const STOP_MAX: Duration = Duration::from_secs(2);
const DESTROY_GRANT: &str = "CAP_NET_ADMIN in the user namespace that owns the network namespace";

/// One socket of the child for real; in the namespace of a given process one that is not there, which tells
/// whether the kernel offers it. The kernel looks for the socket first and asks for the privilege second.
pub(super) fn destroy(given: Option<&Adopted>, child: &Adopted) -> Finding {
    let real = destroy_one(child);
    match given {
        Some(given) => worse(real, destroy_nothing(given)),
        None => real,
    }
}

fn destroy_one(child: &Adopted) -> Finding {
    let name = Word::DestroySockets.name();
    let Some(identity) = dead(child).and_then(|(record, _)| identity(&record)) else {
        return Finding::partly(HERE, name, "not tried")
            .because("no CLOSE_WAIT socket could be made on loopback");
    };
    let destroyed = destroyer(child).and_then(|mut one| one.destroy(&identity));
    match destroyed {
        Ok(()) => Finding::works(HERE, name, "destroyed a CLOSE_WAIT socket of a child"),
        Err(error) => refused(&error, "tried to destroy a CLOSE_WAIT socket of a child"),
    }
}

fn destroy_nothing(given: &Adopted) -> Finding {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let nothing = SocketIdentity {
        family: SocketFamily::V4,
        local: anywhere,
        remote: anywhere,
        interface: 0,
        cookie: u64::MAX - 1,
        state: TcpState::CloseWait as u8,
    };
    let tried = "asked the kernel, in its network namespace, to destroy a socket that is not there";
    match destroyer(given).and_then(|mut one| one.destroy(&nothing)) {
        Ok(()) | Err(DestroyError::Gone) => Finding::works(
            HERE,
            Word::DestroySockets.name(),
            "destroyed a socket of a child; the kernel takes orders in its namespace",
        ),
        Err(error) => refused(&error, tried),
    }
}

fn refused(error: &DestroyError, tried: &str) -> Finding {
    let finding = Finding::fails(HERE, Word::DestroySockets.name(), tried).because(chain(error));
    match error {
        DestroyError::NotPermitted => finding.remedy(DESTROY_GRANT),
        DestroyError::Unsupported => finding.remedy("a kernel with CONFIG_INET_DIAG_DESTROY"),
        DestroyError::Gone
        | DestroyError::WrongFamily
        | DestroyError::NoAnswer
        | DestroyError::Failed { .. } => finding,
    }
}

fn destroyer(process: &Adopted) -> Result<Destroyer, DestroyError> {
    let diag = SockDiag::in_namespace_of(process).map_err(|error| {
        if error.gap() == Gap::NotPermitted {
            DestroyError::NotPermitted
        } else {
            DestroyError::Failed { source: std::io::Error::other(error) }
        }
    })?;
    Destroyer::over(diag.into_socket()).map_err(|source| DestroyError::Failed { source })
}

/// One descriptor of the child for real; a given process is not stopped, only asked about.
pub(super) fn reap(given: Option<&Adopted>, child: &Adopted, ability: &Ability) -> Finding {
    let real = reap_one(child);
    match given {
        Some(given) => worse(real, traceable(given, ability)),
        None => real,
    }
}

fn reap_one(child: &Adopted) -> Finding {
    let name = Word::ReapDescriptors.name();
    let Some((_, doomed)) = dead(child) else {
        return Finding::partly(HERE, name, "not tried")
            .because("no CLOSE_WAIT socket could be made on loopback");
    };
    let tried = "stopped a child by ptrace and closed a dead socket in it";
    let agreed =
        &mut |stopped: &crate::sys::ptrace::reap::Stopped<'_>| vec![Verdict::Close; stopped.candidates.len()];
    match close_in(child.pidfd(), &[doomed], STOP_MAX, agreed) {
        Ok(report) if report.closed.len() == 1 => {
            Finding::works(HERE, name, format!("{tried} ({} µs)", report.stopped_for.as_micros()))
        }
        Ok(report) => {
            let why = report
                .refused
                .first()
                .map_or_else(|| "nothing was closed".to_owned(), |(_, why)| why.to_string());
            Finding::fails(HERE, name, "stopped a child by ptrace").because(why)
        }
        Err(error) => {
            let finding =
                Finding::fails(HERE, name, "tried to close a dead socket in a child").because(chain(&error));
            if matches!(error, ReapError::NotPermitted { .. }) {
                finding.remedy("CAP_SYS_PTRACE, and a seccomp profile that lets ptrace pass")
            } else {
                finding
            }
        }
    }
}

/// Opening its memory asks for the same right as attaching, and stops nothing.
fn traceable(given: &Adopted, ability: &Ability) -> Finding {
    let name = Word::ReapDescriptors.name();
    let folder = std::path::PathBuf::from(format!("/proc/{}", given.id().pid));
    let opened = std::fs::File::open(folder.join("mem"));
    let status = std::fs::read_to_string(folder.join("status")).unwrap_or_default();
    if !given.is_alive() {
        return Finding::fails(HERE, name, "not tried").because("the process has ended");
    }
    let field = |key: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(key));
        value.and_then(|value| value.trim().parse::<u32>().ok()).unwrap_or(0)
    };
    let tried = "asked for the right to attach, without attaching";
    match (opened, field("TracerPid:"), field("Seccomp:")) {
        (Err(error), ..) => {
            let grant = if ability.has(Capability::SysPtrace) {
                "run outside of the container, in the user namespace that owns the process"
            } else {
                "the same user as the process (and Yama ptrace_scope 0), or CAP_SYS_PTRACE"
            };
            Finding::fails(HERE, name, tried).because(error.kind().to_string()).remedy(grant)
        }
        (Ok(_), tracer, _) if tracer != 0 => {
            Finding::fails(HERE, name, tried).because(format!("process {tracer} traces it already"))
        }
        (Ok(_), _, 0) => match books(given) {
            Some(books) => Finding::fails(HERE, name, "looked at what it has loaded, without attaching")
                .because(format!("{books}, so it is refused"))
                .remedy("`destroy_sockets`, which such a loop hears of, or `stop`"),
            None => Finding::works(HERE, name, "closed a dead socket in a child; may attach to it"),
        },
        (Ok(_), _, _) => Finding::fails(HERE, name, tried)
            .because("a seccomp filter watches its calls: a borrowed call could kill it, so it is refused")
            .remedy("nothing from outside; a restart by policy instead"),
    }
}

/// What keeps books by descriptor number in it, as far as that can be seen.
fn books(given: &Adopted) -> Option<Books> {
    let mut listing = Listing::new();
    given.list(&mut listing, usize::MAX, |_| Trust::Look).ok()?;
    Books::kept_by(given, listing.table()).ok()?
}

/// A CLOSE_WAIT socket of the child, with a descriptor that holds it. The last one: each trial uses one up.
fn dead(child: &Adopted) -> Option<(SocketRecord, Doomed)> {
    let mut records = Vec::new();
    SockDiag::in_namespace_of(child).ok()?.dump(States::CLOSE_WAIT, Detail::Plain, &mut records).ok()?;
    let mut listing = Listing::new();
    child.list(&mut listing, usize::MAX, |_| Trust::Look).ok()?;
    listing.table().iter().rev().filter(|row| row.kind == Kind::Socket).find_map(|row| {
        let inode = row.inode?;
        let record = records.iter().find(|record| u64::from(record.inode) == inode)?;
        Some((record.clone(), Doomed { number: row.number, inode }))
    })
}

fn identity(record: &SocketRecord) -> Option<SocketIdentity> {
    let cookie = record.cookie?;
    Some(SocketIdentity {
        family: SocketFamily::V4,
        local: record.local,
        remote: record.remote,
        interface: 0,
        cookie,
        state: record.state as u8,
    })
}
