//! What the path of a rule looks like.

use std::fmt;

/// The most parts of a pattern.
pub(super) const PARTS_MAX: usize = 32;
/// What ends a part of a path, to one server or another.
const SEPARATORS: &[u8] = b"/\\;?#";

/// What a path must look like: parts between slashes, `*` for anything within one, `**` at the end for anything at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    text: String,
    parts: Vec<String>,
    /// Whether it ends in `**`.
    open: bool,
}

/// Why a text is no pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadPattern {
    /// It does not begin with a slash.
    #[error("a path starts with `/`")]
    Relative,
    /// `**` stands before the end.
    #[error("`**` stands at the end, behind a slash")]
    Middle,
    /// It has something that no path has, or that is read in several ways.
    #[error("write the path as the server knows it: without query, escapes, dots and doubled slashes")]
    Unclear,
    /// It has too many parts.
    #[error("a pattern has at most {PARTS_MAX} parts")]
    Long,
}

impl Pattern {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let Some(inner) = text.strip_prefix('/') else { return Err(BadPattern::Relative) };
        let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
        let open = parts.last().is_some_and(|part| part == "**");
        if open {
            parts.pop();
        }
        if parts.iter().any(|part| part.contains("**")) {
            return Err(BadPattern::Middle);
        }
        if parts.len() > PARTS_MAX {
            return Err(BadPattern::Long);
        }
        let graphic = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#%;\\".contains(&byte));
        let only_root = parts.len() == 1 && !open;
        let unclear = |part: &String| (part.is_empty() && !only_root) || part == "." || part == "..";
        if !graphic || parts.iter().any(unclear) {
            return Err(BadPattern::Unclear);
        }
        Ok(Self { text: text.to_owned(), parts, open })
    }

    /// Whether a path of these parts fits.
    pub(super) fn fits<'p>(&self, mut found: impl Iterator<Item = &'p [u8]>, case: Case) -> bool {
        let mut parts = self.parts.iter();
        loop {
            match (parts.next(), found.next()) {
                (Some(part), Some(own)) if part_fits(part.as_bytes(), own, case) => {}
                (None, Some(_)) => return self.open,
                (None, None) => return true,
                (Some(_), _) => return false,
            }
        }
    }

    /// Whether every path that fits the other one fits this one.
    pub fn covers(&self, other: &Self) -> bool {
        // What `*` stands for may be any text: only a star can take it, and no letter.
        let parts = other.parts.iter().map(String::as_bytes);
        (self.open || !other.open) && self.fits(parts, Case::Counts)
    }

    /// Whether a path could fit of which nothing is known but that its parts are cut out of this text.
    pub(super) fn may_be_within(&self, text: &[u8]) -> bool {
        self.parts.iter().all(|part| {
            let mut pieces = part.as_bytes().split(|byte| *byte == b'*');
            match (pieces.next(), part.contains('*')) {
                (Some(whole), false) => has_name(text, whole),
                (first, _) => first.into_iter().chain(pieces).all(|piece| has_piece(text, piece)),
            }
        })
    }
}

/// Whether a text has this name between two separators, with or without blanks and dots around it.
fn has_name(text: &[u8], name: &[u8]) -> bool {
    let is = |own: &[u8]| own.eq_ignore_ascii_case(name);
    name.is_empty() || text.split(|byte| SEPARATORS.contains(byte)).any(|own| is(own) || is(trimmed(own)))
}

fn has_piece(text: &[u8], piece: &[u8]) -> bool {
    piece.is_empty() || text.windows(piece.len()).any(|own| own.eq_ignore_ascii_case(piece))
}

/// Without the blanks around it, and the dots behind it, that some servers drop.
pub(super) fn trimmed(part: &[u8]) -> &[u8] {
    let start = part.iter().position(|byte| *byte != b' ').unwrap_or(part.len());
    let end = part.iter().rposition(|byte| !b" .".contains(byte)).map_or(start, |last| last + 1);
    &part[start..end.max(start)]
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether the case of letters counts.
#[derive(Clone, Copy)]
pub(super) enum Case {
    /// It does.
    Counts,
    /// It does not.
    DoesNot,
}

/// Whether one part fits: the pieces between stars in their order.
fn part_fits(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let same = |a: &[u8], b: &[u8]| match case {
        Case::Counts => a == b,
        Case::DoesNot => a.eq_ignore_ascii_case(b),
    };
    let mut pieces = pattern.split(|byte| *byte == b'*');
    let first = pieces.next().unwrap_or_default();
    if text.len() < first.len() || !same(first, &text[..first.len()]) {
        return false;
    }
    let mut rest = &text[first.len()..];
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = (0..=rest.len().saturating_sub(piece.len()))
            .find(|at| rest.len() >= at + piece.len() && same(piece, &rest[*at..at + piece.len()]))
        else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    rest.len() >= last.len() && same(last, &rest[rest.len() - last.len()..])
}
