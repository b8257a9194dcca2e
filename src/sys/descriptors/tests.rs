use std::os::fd::AsRawFd;

use super::*;
use crate::model::kind::Kind;
use crate::sys::victim::Victim;

const MANY: &str = "
import os, socket, sys
pairs = [socket.socketpair() for _ in range(1500)]
print(pairs[0][0].fileno(), flush=True)
for line in sys.stdin:
    a, b = pairs.pop()
    n = a.fileno()
    a.close()
    if line.startswith('reuse'):
        assert os.pipe()[0] == n
    print(n, flush=True)
";

/// Numbers that are looked at together.
const A_BLOCK: usize = 16;

fn walk(victim: &Victim, listing: &mut Listing, trust: impl FnMut(&Descriptor) -> Trust) {
    assert_eq!(victim.adopt().list(listing, usize::MAX, trust).unwrap(), Progress::Complete);
}

#[test]
fn both_ways_of_counting_agree_with_the_list() {
    let mut victim = Victim::python(MANY);
    victim.line();
    let adopted = victim.adopt();
    let by_listing = DescriptorDir::open(adopted.dir(), Counting::ByListing).unwrap();
    let mut listing = Listing::new();
    adopted.list(&mut listing, usize::MAX, |_| Trust::Look).unwrap();
    let listed = listing.table().len() as u64;
    assert!(listed >= 3003);
    assert_eq!(by_listing.count().unwrap(), listed);
    assert_eq!(adopted.count().unwrap(), listed);
}

#[test]
fn counting_is_found_on_our_own_table() {
    assert_eq!(Counting::detect(&ProcRoot::new("/nowhere")), Counting::ByListing);
    let own = Counting::detect(&ProcRoot::default());
    let release = nix::sys::utsname::uname().unwrap().release().to_string_lossy().into_owned();
    let version: Vec<u32> = release.split('.').take(2).map_while(|part| part.parse().ok()).collect();
    assert_eq!(own == Counting::BySize, version >= vec![6, 2], "{release}");
}

#[test]
fn every_kind_is_told_apart() {
    let mut victim = Victim::python(
        "
import os, select, signal, socket, sys, tempfile, ctypes
libc = ctypes.CDLL(None)
held = {}
held['socket'] = socket.socket().detach()
held['file'] = os.open('/etc/passwd', os.O_RDONLY)
held['directory'] = os.open('/etc', os.O_RDONLY | os.O_DIRECTORY)
held['device'] = os.open('/dev/zero', os.O_RDONLY)
held['pipe'] = os.pipe()[0]
held['epoll'] = select.epoll().detach() if hasattr(select.epoll, 'detach') else libc.epoll_create1(0)
held['eventfd'] = os.eventfd(0)
held['timerfd'] = libc.timerfd_create(1, 0)
mask = ctypes.c_ulong(1 << 9)
held['signalfd'] = libc.signalfd(-1, ctypes.byref(mask), 0)
held['inotify'] = libc.inotify_init1(0)
held['pidfd'] = os.pidfd_open(os.getpid())
held['memfd'] = os.memfd_create('x')
held['other'] = os.open('/proc/self/ns/net', os.O_RDONLY)
path = tempfile.mktemp()
held['gone'] = os.open(path, os.O_CREAT | os.O_RDWR)
os.unlink(path)
print(' '.join('%s=%d' % pair for pair in held.items()), flush=True)
sys.stdin.read()
",
    );
    let line = victim.line();
    let mut listing = Listing::new();
    walk(&victim, &mut listing, |_| Trust::Look);
    assert_eq!(line.split(' ').count(), 14);
    for (name, number) in line.split(' ').map(|pair| pair.split_once('=').unwrap()) {
        let number: u32 = number.parse().unwrap();
        let row = listing.table().iter().find(|row| row.number == number).unwrap();
        let kind = if name == "gone" { Kind::File } else { Kind::parse(name).unwrap() };
        assert_eq!((row.kind, row.deleted), (kind, name == "gone"), "{name}");
        assert_eq!(row.inode.is_some(), matches!(kind, Kind::Socket | Kind::Pipe), "{name}");
    }
}

#[test]
fn chunks_give_the_same_table_as_one_walk() {
    let mut victim = Victim::python(MANY);
    victim.line();
    let adopted = victim.adopt();
    let mut whole = Listing::new();
    adopted.list(&mut whole, usize::MAX, |_| Trust::Look).unwrap();
    for most in [1, 7, 1000, 3000] {
        let mut chunked = Listing::new();
        let mut calls = 1;
        while adopted.list(&mut chunked, most, |_| Trust::Look).unwrap() == Progress::More {
            assert!(chunked.table().is_empty(), "no table before it is complete");
            calls += 1;
        }
        assert!(calls >= whole.table().len() / most, "{most}");
        assert_eq!(chunked.table(), whole.table(), "{most}");
    }
}

#[test]
fn trusted_rows_are_not_looked_at_but_each_is_again_after_some_passes() {
    let mut victim = Victim::python(MANY);
    victim.line();
    let mut listing = Listing::new();
    walk(&victim, &mut listing, |_| Trust::Keep);
    let rows = listing.table().len();
    assert_eq!(listing.looks(), rows, "nothing is remembered at first");
    walk(&victim, &mut listing, |_| Trust::Keep);
    let few = rows / LISTING_PASSES_MAX as usize + A_BLOCK;
    assert!(listing.looks() <= few, "{} of {rows}", listing.looks());

    let reused: u32 = victim.ask("reuse").parse().unwrap();
    let kind =
        |listing: &Listing| listing.table().iter().find(|row| row.number == reused).map(|row| row.kind);
    assert_eq!(kind(&listing), Some(Kind::Socket));
    let fresh = (0..LISTING_PASSES_MAX).find(|_| {
        walk(&victim, &mut listing, |_| Trust::Keep);
        kind(&listing) == Some(Kind::Pipe)
    });
    assert!(fresh.is_some(), "every number is looked at within {LISTING_PASSES_MAX} walks");
}

#[test]
fn new_and_closed_numbers_are_seen_at_once_even_where_all_is_trusted() {
    let mut victim = Victim::python(MANY);
    victim.line();
    let mut listing = Listing::new();
    walk(&victim, &mut listing, |_| Trust::Keep);
    let rows = listing.table().len();
    let closed: u32 = victim.ask("close").parse().unwrap();
    walk(&victim, &mut listing, |_| Trust::Keep);
    assert_eq!(listing.table().len(), rows - 1);
    assert!(listing.table().iter().all(|row| row.number != closed));
}

#[test]
fn a_refresh_looks_at_few_and_says_where_it_can_not_tell() {
    let mut victim = Victim::python(MANY);
    victim.line();
    let adopted = victim.adopt();
    let mut listing = Listing::new();
    let refresh = |listing: &mut Listing, most| adopted.refresh(listing, most, |_| Trust::Keep);
    assert_eq!(refresh(&mut listing, usize::MAX).unwrap(), Refreshed::Doubtful, "nothing to build on");
    walk(&victim, &mut listing, |_| Trust::Keep);
    let rows = listing.table().len();
    assert_eq!(refresh(&mut listing, rows - 1).unwrap(), Refreshed::Doubtful, "all was looked at last time");
    walk(&victim, &mut listing, |_| Trust::Keep);
    assert_eq!(refresh(&mut listing, rows).unwrap(), Refreshed::Current);
    assert!(listing.looks() <= rows / LISTING_PASSES_MAX as usize + A_BLOCK, "{}", listing.looks());

    let closed: u32 = victim.ask("close").parse().unwrap();
    let is_there = |listing: &Listing| listing.table().iter().any(|row| row.number == closed);
    if refresh(&mut listing, rows).unwrap() == Refreshed::Doubtful {
        assert!(is_there(&listing), "the last table stays");
        walk(&victim, &mut listing, |_| Trust::Keep);
    }
    assert!(!is_there(&listing));
    assert_eq!(refresh(&mut listing, rows).unwrap(), Refreshed::Current);
    victim.end();
    assert!(matches!(refresh(&mut listing, rows), Err(ReadError::Gone)));
}

#[test]
fn a_number_that_an_accept_has_reserved_is_no_row_until_it_is_filled() {
    let mut victim = Victim::python(
        "
import socket, sys, threading, time
listener = socket.socket(); listener.bind(('127.0.0.1', 0)); listener.listen(8)
accepted = []
threading.Thread(target=lambda: accepted.append(listener.accept()), daemon=True).start()
def state(): return open('/proc/self/task/%d/stat' % threading.enumerate()[1].native_id).read().split()[2]
while state() != 'S': pass
print(listener.getsockname()[1], flush=True)
sys.stdin.readline()
while not accepted: time.sleep(0.001)
print(accepted[0][0].fileno(), flush=True)
sys.stdin.read()
",
    );
    let port: u16 = victim.line().parse().unwrap();
    let adopted = victim.adopt();
    let mut listing = Listing::new();
    let refresh = |listing: &mut Listing| adopted.refresh(listing, usize::MAX, |_| Trust::Keep).unwrap();
    walk(&victim, &mut listing, |_| Trust::Look);
    let rows = listing.table().len();
    assert_eq!(adopted.count().unwrap(), rows as u64 + 1, "the kernel counts the reserved one");
    for _ in 0..3 {
        assert_eq!(refresh(&mut listing), Refreshed::Current);
        assert_eq!(listing.table().len(), rows);
    }
    let _client = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let number: u32 = victim.ask("accepted?").parse().unwrap();
    // Within the turns in which each number is looked at.
    let mut found = false;
    for _ in 0..=32 {
        if refresh(&mut listing) != Refreshed::Current {
            walk(&victim, &mut listing, |_| Trust::Look);
        }
        found = listing.table().iter().any(|row| row.number == number && row.kind == Kind::Socket);
        if found {
            break;
        }
    }
    assert!(found);
    assert_eq!(listing.table().len(), rows + 1);
}

#[test]
fn a_kernel_that_does_not_tell_the_number_is_walked() {
    let mut victim = Victim::python(MANY);
    victim.line();
    let dir = DescriptorDir::open(victim.adopt().dir(), Counting::ByListing).unwrap();
    let mut listing = Listing::new();
    listing.next_chunk(&dir, usize::MAX, |_| Trust::Look).unwrap();
    assert_eq!(listing.refresh(&dir, usize::MAX, |_| Trust::Keep).unwrap(), Refreshed::Doubtful);
}

#[test]
fn one_descriptor_can_be_asked_about() {
    let own = crate::sys::adopted::Adopted::open(&ProcRoot::default(), std::process::id()).unwrap();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let number = u32::try_from(socket.as_raw_fd()).unwrap();
    let link = own.descriptors().look(number).unwrap().unwrap();
    let inode = fstat(&socket).unwrap().st_ino;
    assert_eq!(link, Link::Socket(inode));
    assert_eq!(own.descriptors().link_text(number).unwrap().unwrap(), format!("socket:[{inode}]"));
    assert_eq!(own.descriptors().look(u32::MAX).unwrap(), None);
    let mut info = Vec::new();
    own.descriptors().info(number, &mut info).unwrap();
    assert!(info.starts_with(b"pos:"));
    let path = own.descriptors().path_of(number);
    assert_eq!(nix::sys::stat::stat(path.as_c_str()).unwrap().st_ino, inode);
}

#[test]
fn a_path_that_changes_at_its_number_or_is_removed_is_told_again() {
    let mut victim = Victim::python(
        "
import os, sys, tempfile
folder = tempfile.mkdtemp(); path = os.path.join(folder, 'x')
n = os.open(path, os.O_CREAT | os.O_RDWR)
print(n, flush=True)
for line in sys.stdin:
    if line.startswith('directory'):
        os.dup2(os.open(folder, os.O_RDONLY | os.O_DIRECTORY), n)
    elif line.startswith('file'):
        os.dup2(os.open(path, os.O_RDWR), n)
    else:
        os.unlink(path); os.rmdir(folder)
    print('done', flush=True)
",
    );
    let number: u32 = victim.line().parse().unwrap();
    let mut listing = Listing::new();
    let steps = [
        ("directory", Kind::Directory, false),
        ("file", Kind::File, false),
        ("directory", Kind::Directory, false),
        ("remove", Kind::Directory, true),
    ];
    for (order, kind, deleted) in steps {
        assert_eq!(victim.ask(order), "done");
        for _ in 0..2 {
            walk(&victim, &mut listing, |_| Trust::Look);
            let row = listing.table().iter().find(|row| row.number == number).unwrap();
            assert_eq!((row.kind, row.deleted), (kind, deleted), "{order}");
        }
    }
}
