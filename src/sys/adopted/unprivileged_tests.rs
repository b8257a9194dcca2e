//! What an agent without privileges sees of another user's process. A thread alone gives its user up: in the
//! kernel credentials belong to threads, only the C library spreads a change to all.
#![expect(unsafe_code, reason = "the C library's setresuid would change the user of all tests")]

use nix::errno::Errno;
use nix::libc;

use super::*;
use crate::model::reading::Gap;
use crate::sys::io::Io;
use crate::sys::net_text;
use crate::sys::sock_diag::{Detail, SockDiag, States};
use crate::sys::socket_protocol::Protocol;
use crate::sys::stat::Status;
use crate::sys::victim::Victim;

const NOBODY: libc::uid_t = 65_534;

/// Runs a check as nobody, where we are root; else as who we are, who is not root either.
fn as_nobody(check: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if nix::unistd::geteuid().is_root() {
                // SAFETY: three integers; only this thread changes its user, and it ends with the check.
                let changed = unsafe { libc::syscall(libc::SYS_setresuid, NOBODY, NOBODY, NOBODY) };
                Errno::result(changed).expect("root may become nobody");
            }
            check();
        });
        thread.join().expect("the check holds");
    });
}

/// A process of root: one of ours where we are root, else the first of all.
fn of_root() -> (Option<Victim>, u32) {
    if nix::unistd::geteuid().is_root() {
        let mut victim = Victim::python("import sys; print('ready', flush=True); sys.stdin.read()");
        victim.line();
        let pid = victim.pid();
        (Some(victim), pid)
    } else {
        (None, 1)
    }
}

#[test]
fn counts_limits_and_memory_of_anothers_process_are_seen_and_its_descriptors_are_refused() {
    let (_held, pid) = of_root();
    as_nobody(|| {
        let adopted = Adopted::open(&ProcRoot::default(), pid).unwrap();
        if Counting::detect(&ProcRoot::default()) == Counting::BySize {
            assert!(adopted.count().unwrap() >= 3);
        }
        assert!(adopted.nofile().unwrap().hard > 0);
        assert!(Stat::read(&adopted).unwrap().threads >= 1);
        assert_eq!(Status::read(&adopted).unwrap().uid, 0);
        assert_eq!(adopted.id().exe, (0, 0), "not shown");

        let gap = |error: Option<ReadError>| error.expect("refused").gap();
        let mut listing = Listing::new();
        assert!(!adopted.descriptors().is_listable());
        assert_eq!(gap(adopted.list(&mut listing, 10, |_| Trust::Look).err()), Gap::NotPermitted);
        assert_eq!(gap(adopted.descriptors().look(0).err()), Gap::NotPermitted);
        assert_eq!(gap(adopted.executable().err()), Gap::NotPermitted);
        assert_eq!(gap(Io::read(&adopted).err()), Gap::NotPermitted);
        assert_eq!(gap(Protocol::of(&adopted, 0, 1).err()), Gap::NotPermitted);
    });
}

#[test]
fn sockets_are_seen_by_text_where_the_namespace_may_not_be_entered() {
    let (_held, pid) = of_root();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = SockDiag::open().unwrap().namespace();
    let targets = nix::sys::stat::stat(&*ProcRoot::default().process(pid).join("ns/net"));
    as_nobody(|| {
        let adopted = Adopted::open(&ProcRoot::default(), pid).unwrap();
        let entered = SockDiag::in_namespace_of(&adopted).map(|_| ());
        assert_eq!(entered.unwrap_err().gap(), Gap::NotPermitted);
        let mut records = Vec::new();
        net_text::read(&adopted, States::ALL, &mut records).unwrap();
        let seen = records.iter().any(|record| record.local == listener.local_addr().unwrap());
        assert_eq!(seen, targets.is_ok_and(|stat| stat.st_ino == ours));

        SockDiag::open().unwrap().dump(States::ALL, Detail::TcpInfo, &mut records).unwrap();
        let found = records.iter().find(|record| record.local == listener.local_addr().unwrap());
        assert!(found.is_some_and(|record| record.inode != 0), "our own namespace asks for no privilege");
    });
}

#[test]
fn a_process_of_the_same_user_is_seen_whole() {
    as_nobody(|| {
        let mut victim = Victim::python(
            "import socket, sys; s = socket.socket(); print(s.fileno(), flush=True); sys.stdin.read()",
        );
        let number: u32 = victim.line().parse().unwrap();
        let adopted = victim.adopt();
        let mut listing = Listing::new();
        adopted.list(&mut listing, usize::MAX, |_| Trust::Look).unwrap();
        let socket = listing.table().iter().find(|row| row.number == number).unwrap();
        let protocol = Protocol::of(&adopted, number, socket.inode.unwrap()).unwrap();
        assert_eq!(protocol, Some(Protocol::Tcp));
        assert!(SockDiag::in_namespace_of(&adopted).is_ok());
        assert_ne!(adopted.id().exe, (0, 0));
        assert!(Io::read(&adopted).is_ok());
    });
}
