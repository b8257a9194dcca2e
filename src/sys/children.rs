//! The children of a process.
//!
//! Cheapest by `/proc/PID/task/TID/children` of each thread, where the kernel has it; else by the parent that each
//! process on the host names in its `stat`, which costs some 6 µs a process: for every nth tick.

use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use crate::sys::adopted::Adopted;
use crate::sys::proc_root::{ProcRoot, bounded_text};
use crate::sys::read_error::ReadError;
use crate::sys::stat::{Stat, number, words};

const WHAT: &str = "children";
/// So many threads or processes are looked at; where there are more, the answer is that there is no room.
pub const LOOKS_MAX: usize = 8192;
const TEXT_MAX: u64 = 1 << 20;

/// The numbers of the live and zombie children, ascending.
pub fn read(root: &ProcRoot, process: &Adopted) -> Result<Vec<u32>, ReadError> {
    let children = match by_thread(process) {
        Err(ReadError::Unsupported { .. }) => by_scan(root, process),
        other => other,
    };
    // Only where it outlived the walk did the numbers mean this process all along.
    if !process.is_alive() {
        return Err(ReadError::Gone);
    }
    let mut children = children?;
    children.sort_unstable();
    Ok(children)
}

fn by_thread(process: &Adopted) -> Result<Vec<u32>, ReadError> {
    // Through our own descriptor of its directory: never another process's threads.
    let tasks = Path::new("/proc/self/fd").join(process.dir().as_raw_fd().to_string()).join("task");
    let entries = std::fs::read_dir(&tasks).map_err(|error| ReadError::of_io(WHAT, error))?;
    let threads: Vec<_> = entries.map_while(|entry| Some(entry.ok()?.path())).take(LOOKS_MAX + 1).collect();
    if threads.len() > LOOKS_MAX {
        return Err(ReadError::NoRoom { what: WHAT });
    }
    let mut text = String::new();
    let mut answered = 0;
    for thread in threads {
        match bounded_text(&thread.join("children"), TEXT_MAX) {
            Ok(children) => {
                answered += 1;
                text.push_str(&children);
            }
            // The thread has ended, or no thread has the file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.raw_os_error() == Some(nix::libc::ESRCH) => {}
            Err(error) => return Err(ReadError::of_io(WHAT, error)),
        }
    }
    match (answered, process.is_alive()) {
        (_, false) => Err(ReadError::Gone),
        (0, true) => Err(ReadError::Unsupported { what: WHAT }),
        (_, true) => {
            Ok(words(text.as_bytes()).filter_map(|word| u32::try_from(number(word)?).ok()).collect())
        }
    }
}

fn by_scan(root: &ProcRoot, process: &Adopted) -> Result<Vec<u32>, ReadError> {
    const STAT_MAX: u64 = 4096;
    let pids = root.pids(LOOKS_MAX + 1).map_err(|error| ReadError::of_io(WHAT, error))?;
    if pids.len() > LOOKS_MAX {
        return Err(ReadError::NoRoom { what: WHAT });
    }
    let parent = |pid: u32| {
        let text = bounded_text(&root.process(pid).join("stat"), STAT_MAX).ok()?;
        Some(Stat::parse(text.as_bytes()).ok()?.parent)
    };
    let own = process.id().pid;
    Ok(pids.into_iter().filter(|pid| parent(*pid) == Some(own)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::victim::Victim;

    const PARENT: &str = "
import subprocess, sys, threading
children = []
def start(): children.append(subprocess.Popen(['sleep', '60']))
start()
thread = threading.Thread(target=start); thread.start(); thread.join()
print(' '.join(str(child.pid) for child in children), flush=True)
sys.stdin.read()
for child in children: child.kill(); child.wait()
print('done', flush=True)
sys.stdin.read()
";

    #[test]
    fn children_of_all_threads_are_found_by_both_ways() {
        let mut victim = Victim::python(PARENT);
        let mut expected: Vec<u32> = victim.line().split(' ').map(|pid| pid.parse().unwrap()).collect();
        expected.sort_unstable();
        let adopted = victim.adopt();
        let root = ProcRoot::default();
        assert_eq!(read(&root, &adopted).unwrap(), expected);
        let mut scanned = by_scan(&root, &adopted).unwrap();
        scanned.sort_unstable();
        assert_eq!(scanned, expected);
        match by_thread(&adopted) {
            Ok(mut threads) => {
                threads.sort_unstable();
                assert_eq!(threads, expected);
            }
            Err(error) => assert!(matches!(error, ReadError::Unsupported { .. })),
        }
        victim.close_input();
        assert_eq!(victim.line(), "done");
        victim.end();
        assert!(matches!(read(&root, &adopted), Err(ReadError::Gone)));
    }
}
