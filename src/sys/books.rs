//! Event loops that keep books by descriptor number, and so must not have one closed under them.
//!
//! asyncio holds a transport for each number, and refuses a new connection whose number still has one ("File
//! descriptor 7 is used by transport"). libuv (uvloop, Node.js) and libev (gevent) index their watchers by number:
//! the close of the stale object takes the new connection away. A socket that such a loop has stopped reading from is
//! in none of its epoll sets, and in its books all the same. From outside only the libraries can be seen; whether a
//! dead socket is the loop's or some other thread's can't.

use std::fmt;

use crate::model::kind::Kind;
use crate::sys::adopted::Adopted;
use crate::sys::descriptors::Descriptor;
use crate::sys::read_error::ReadError;

const WHAT: &str = "maps";
/// No more of the list of mappings is read: a Python with everything loaded has some 300 KiB.
const MAPS_MAX: usize = 4 << 20;

/// What keeps them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Books {
    /// asyncio of CPython.
    Asyncio,
    /// libuv: uvloop, Node.js, others.
    Libuv,
    /// libev: gevent.
    Libev,
}

impl Books {
    /// What keeps such books in a process with this table: loaded, and with an epoll set to keep them for. `None`
    /// where nothing known is: no promise.
    pub fn kept_by(process: &Adopted, table: &[Descriptor]) -> Result<Option<Self>, ReadError> {
        if table.iter().all(|row| row.kind != Kind::Epoll) {
            return Ok(None);
        }
        Ok(Self::in_maps(&String::from_utf8_lossy(&process.bytes(WHAT, MAPS_MAX)?)))
    }

    fn in_maps(maps: &str) -> Option<Self> {
        let path = |line: &str| line.find('/').map(|at| line[at..].to_owned());
        maps.lines().filter_map(path).find_map(|path| Self::of_file(&path))
    }

    fn of_file(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or_default();
        let is = |library: &str| {
            name.strip_prefix(library).is_some_and(|rest| rest.starts_with(['.', '-']) || rest.is_empty())
        };
        if is("_asyncio") {
            return Some(Self::Asyncio);
        }
        if is("libuv") || is("node") || is("nodejs") || path.contains("/uvloop/") {
            return Some(Self::Libuv);
        }
        let is_libev = is("libev") || path.contains("/gevent/libev/") || path.contains("/gevent/libuv/");
        is_libev.then_some(Self::Libev)
    }
}

impl fmt::Display for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Asyncio => "asyncio",
            Self::Libuv => "libuv (uvloop, Node.js)",
            Self::Libev => "libev or libuv under gevent",
        };
        write!(f, "it has loaded {name}, which keeps books by descriptor number: ")?;
        write!(f, "a number closed under it breaks the next connection that gets it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::descriptors::{Listing, Progress, Trust};
    use crate::sys::victim::Victim;

    #[test]
    fn loops_are_known_by_their_files() {
        let line = |path: &str| format!("7f00-7f01 r-xp 00000000 08:01 13                 {path}\n");
        for (path, books) in [
            (
                "/usr/lib/python3.13/lib-dynload/_asyncio.cpython-313-x86_64-linux-gnu.so",
                Some(Books::Asyncio),
            ),
            (
                "/venv/lib/python3.12/site-packages/uvloop/loop.cpython-312-x86_64-linux-gnu.so",
                Some(Books::Libuv),
            ),
            ("/usr/lib/x86_64-linux-gnu/libuv.so.1.0.0", Some(Books::Libuv)),
            ("/usr/bin/node", Some(Books::Libuv)),
            ("/venv/site-packages/gevent/libev/corecext.cpython-312.so", Some(Books::Libev)),
            ("/usr/lib/x86_64-linux-gnu/libevent-2.1.so.7", None),
            ("/usr/bin/node_exporter", None),
            ("/usr/bin/python3.13", None),
            ("[vdso]", None),
        ] {
            assert_eq!(Books::in_maps(&line(path)), books, "{path}");
        }
    }

    #[test]
    fn a_python_is_told_by_what_it_has_imported_and_by_its_sets() {
        let script = |begin: &str| {
            format!("import select, sys\n{begin}\nprint('ready', flush=True)\nsys.stdin.read()\n")
        };
        for (begin, books) in [
            ("one = select.epoll()", None),
            ("import asyncio", None),
            ("import asyncio; loop = asyncio.new_event_loop()", Some(Books::Asyncio)),
        ] {
            let mut victim = Victim::python(&script(begin));
            assert_eq!(victim.line(), "ready");
            let (process, mut listing) = (victim.adopt(), Listing::new());
            let listed = process.list(&mut listing, usize::MAX, |_| Trust::Look).expect("listed");
            assert_eq!(listed, Progress::Complete);
            assert_eq!(Books::kept_by(&process, listing.table()).expect("read"), books, "{begin}");
            victim.end();
        }
    }
}
