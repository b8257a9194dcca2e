//! The agent's own program in memory: what only its start needed is given back.

#![expect(unsafe_code, reason = "madvise and malloc_trim have no safe wrapper")]

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::ptr;

use nix::libc;

const PROGRAM: &str = "/proc/self/exe";
const MAPS: &str = "/proc/self/maps";

/// Gives back the pages of the program's code, and what the allocator holds without use; how many bytes of code are mapped.
///
/// Code that runs again comes back from the page cache, a fault for each few pages. What reads files and settings, and writes help and schemas,
/// does not, and was most of what was resident. Nothing is lost but time: it is for the moment after the start.
///
/// # Errors
///
/// Where the kernel does not tell what is mapped, or refuses.
pub fn let_go_of_the_start() -> io::Result<usize> {
    // SAFETY: it has no preconditions.
    #[cfg(target_env = "gnu")]
    let _any = unsafe { libc::malloc_trim(0) };
    // File systems in layers may tell another inode than that of the mapping; the path is the same.
    let (inode, path) = (fs::metadata(PROGRAM)?.ino(), fs::read_link(PROGRAM)?);
    let maps = fs::read_to_string(MAPS)?;
    let mut bytes = 0;
    for code in maps.lines().filter_map(|line| code(line, (inode, &path))) {
        let (start, length) = (ptr::without_provenance_mut(code.0), code.1 - code.0);
        // SAFETY: it is code of our own file, mapped privately and never written to: a position independent program relocates its
        // data alone. What is dropped is read again from the file when it is needed.
        if unsafe { libc::madvise(start, length, libc::MADV_DONTNEED) } != 0 {
            return Err(io::Error::last_os_error());
        }
        bytes += length;
    }
    Ok(bytes)
}

/// Where a line of the maps tells of code of that file, by its inode or path: its first byte, and the one behind its last.
fn code(line: &str, (inode, path): (u64, &Path)) -> Option<(usize, usize)> {
    let mut words = line.split_ascii_whitespace();
    let (range, rights) = (words.next()?, words.next()?);
    let found = words.nth(2)?.parse::<u64>().ok()?;
    let is_ours = found == inode || path.to_str().is_some_and(|path| line.ends_with(&format!(" {path}")));
    if rights != "r-xp" || !is_ours {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    Some((number(start)?, number(end)?)).filter(|(start, end)| start < end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_the_file_itself_counts() {
        let code = |line: &str, inode| code(line, (inode, Path::new("/opt/fdguard")));
        let line =
            "55d0c0a00000-55d0c1000000 r-xp 00200000 fe:00 4711                       /usr/bin/fdguard";
        assert_eq!(code(line, 4711), Some((0x55d0_c0a0_0000, 0x55d0_c100_0000)));
        assert_eq!(
            code(&line.replace("/usr/bin/fdguard", "/usr/bin/fdguard (deleted)"), 4711),
            code(line, 4711)
        );
        assert_eq!(code(line, 4712), None, "a library");
        assert_eq!(code(&line.replace("/usr/bin/", "/opt/"), 4712), code(line, 4711), "of a lower layer");
        for rights in ["r--p", "rw-p", "rwxp", "r-xs"] {
            assert_eq!(code(&line.replace("r-xp", rights), 4711), None, "{rights} may have been written to");
        }
        for broken in [
            "",
            "55d0",
            "55d0-55d1 r-xp",
            "1-0 r-xp 0 fe:00 4711",
            "x-y r-xp 0 fe:00 4711",
            "1-2 r-xp 0 fe:00 x",
        ] {
            assert_eq!(code(broken, 4711), None, "{broken}");
        }
    }

    #[test]
    fn the_program_runs_on_without_its_pages() {
        let dropped = let_go_of_the_start().unwrap();
        assert!(dropped > 1 << 20, "{dropped} bytes of code");
        // This was in them too, and is there again. Other tests run meanwhile and bring theirs back.
        let shrinks = |_| {
            let before = resident_file();
            assert_eq!(let_go_of_the_start().unwrap(), dropped);
            resident_file() < before
        };
        assert!((0..20).any(shrinks));
    }

    fn resident_file() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("RssFile:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}
