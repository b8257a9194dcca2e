//! A head as it is passed on: its own bytes, without the lines that are left out and with a few new ones.

use super::fields::Fields;

/// Writes a head without what is cut, and with `extra` (whole lines) behind its first line. What stands before `from` is left
/// out too: blank lines, or what the caller has written otherwise.
pub fn write(head: &[u8], fields: &Fields, from: usize, extra: &[&[u8]], out: &mut Vec<u8>) {
    let end = head.len() - 2;
    let mut at = if fields.is_empty() { end } else { fields.line(0).start };
    out.extend_from_slice(&head[from..at]);
    for line in extra {
        out.extend_from_slice(line);
    }
    for cut in fields.cuts() {
        out.extend_from_slice(&head[at..cut.start]);
        at = cut.end;
    }
    out.extend_from_slice(&head[at..]);
}
