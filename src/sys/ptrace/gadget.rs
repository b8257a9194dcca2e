//! Finding one system call instruction in code the target already has.
//!
//! The vdso is looked at first: it is small, every process has it, and it holds the instruction as the fallback of its
//! clock functions. The search runs before the stop; inside it only the bytes are compared again.

use std::fs;
use std::io::IoSliceMut;

use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

use super::arch::CALL_INSTRUCTION;

/// How much of a mapping is searched; the vdso has 8 KiB, and a C library meets the instruction early.
const SEARCH_MAX: usize = 4 << 20;
const STEP: usize = 64 << 10;

/// The address of a call instruction in the target, where one is found.
pub(super) fn find(pid: i32) -> Option<u64> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let mut spans = executable(&maps);
    spans.sort_by_key(|span| span.rank);
    spans.iter().find_map(|span| search(pid, span))
}

/// Whether the instruction still stands at `address`.
pub(super) fn holds(pid: i32, address: u64) -> bool {
    let mut bytes = [0u8; 4];
    let Some(bytes) = bytes.get_mut(..CALL_INSTRUCTION.len()) else { return false };
    read(pid, address, bytes) == bytes.len() && bytes == CALL_INSTRUCTION
}

/// Reads target memory; answers how many bytes could be read.
pub(super) fn read(pid: i32, address: u64, into: &mut [u8]) -> usize {
    let Ok(base) = usize::try_from(address) else { return 0 };
    let remote = [RemoteIoVec { base, len: into.len() }];
    process_vm_readv(Pid::from_raw(pid), &mut [IoSliceMut::new(into)], &remote).unwrap_or(0)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    rank: u8,
    start: u64,
    end: u64,
}

/// The mappings worth searching, the vdso and C libraries ranked first.
fn executable(maps: &str) -> Vec<Span> {
    maps.lines().filter_map(span).collect()
}

fn span(line: &str) -> Option<Span> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    if !words.next()?.contains('x') {
        return None;
    }
    let rank = match words.nth(3).unwrap_or("") {
        "[vdso]" => 0,
        name if name.contains("/libc") || name.contains("/ld-") => 1,
        name if name.starts_with('/') => 2,
        // Code made at run time may move; the vsyscall page cannot be read.
        _ => return None,
    };
    let address = |digits| u64::from_str_radix(digits, 16).ok();
    Some(Span { rank, start: address(start)?, end: address(end)? })
}

fn search(pid: i32, span: &Span) -> Option<u64> {
    let length = usize::try_from(span.end.checked_sub(span.start)?).ok()?.min(SEARCH_MAX);
    let mut piece = vec![0u8; STEP.min(length)];
    for from in (0..length).step_by(STEP) {
        let from = u64::try_from(from).ok()?;
        let got = read(pid, span.start + from, &mut piece);
        let found = piece.get(..got)?.windows(CALL_INSTRUCTION.len()).position(|at| at == CALL_INSTRUCTION);
        if let Some(at) = found {
            let address = span.start + from + u64::try_from(at).ok()?;
            // Fixed-width instructions start at multiples of their width; x86 has them anywhere.
            if cfg!(target_arch = "x86_64") || address.is_multiple_of(4) {
                return Some(address);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_vdso_holds_the_instruction() {
        let own = i32::try_from(std::process::id()).expect("a pid fits");
        let address = find(own).expect("a call instruction");
        assert!(holds(own, address));
        assert!(!holds(own, address + 1));
    }

    #[test]
    fn only_named_executable_mappings_are_searched_and_the_vdso_first() {
        let maps = "55d0-55d1 r-xp 00000000 08:01 12 /usr/bin/bot\n\
            7f00-7f01 rwxp 00000000 00:00 0 \n\
            7f02-7f03 r--p 00000000 08:01 13 /lib/libc.so.6\n\
            7f03-7f04 r-xp 00000000 08:01 13 /lib/libc.so.6\n\
            7ffc-7ffd r-xp 00000000 00:00 0 [vdso]\n\
            ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n";
        let ranks: Vec<u8> = executable(maps).iter().map(|span| span.rank).collect();
        assert_eq!(ranks, [2, 1, 0]);
    }
}
