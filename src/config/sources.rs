//! The sources that settings come from, laid end to end, so that one byte range names a place in any of them.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::model::diagnostic::{Diagnostic, Severity};

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Nobody said anything; see `defaults`.
    Default,
    /// A file and a line in it, from 1.
    File {
        /// The path as handed in.
        path: Arc<str>,
        /// The line.
        line: usize,
    },
    /// An environment variable.
    Env(Arc<str>),
    /// A flag on the command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Env(variable) => write!(f, "env {variable}"),
            Self::Flag => f.write_str("flag --set"),
        }
    }
}

/// What a source is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A file, by its path.
    File(Arc<str>),
    /// A variable, by its name; the text is `NAME=value`.
    Env(Arc<str>),
    /// A flag; the text is `path=value`.
    Flag,
}

impl Kind {
    fn title(&self) -> &str {
        match self {
            Self::File(path) => path,
            Self::Env(_) => "environment",
            Self::Flag => "--set",
        }
    }
}

#[derive(Debug)]
struct Piece {
    kind: Kind,
    range: Range<usize>,
}

/// All sources in the order of their weight, weakest first.
#[derive(Debug, Default)]
pub(super) struct Sources {
    text: String,
    pieces: Vec<Piece>,
}

impl Sources {
    /// Adds a source and gives the range of its text in [`text`](Self::text).
    pub(super) fn add(&mut self, kind: Kind, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        let range = start..self.text.len();
        self.text.push('\n');
        self.pieces.push(Piece { kind, range: range.clone() });
        range
    }

    /// The text that every place refers to.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn piece_at(&self, position: usize) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.range.start <= position);
        self.pieces.get(after.saturating_sub(1))
    }

    /// Where the value at `span` comes from.
    pub(super) fn origin(&self, span: &Range<usize>) -> Origin {
        let Some(piece) = self.piece_at(span.start) else { return Origin::Default };
        match &piece.kind {
            Kind::File(path) => {
                let before = self.text.get(piece.range.start..span.start).unwrap_or("");
                Origin::File { path: Arc::clone(path), line: before.matches('\n').count() + 1 }
            }
            Kind::Env(variable) => Origin::Env(Arc::clone(variable)),
            Kind::Flag => Origin::Flag,
        }
    }

    /// From the start of the line of `position` to the end of its source.
    pub(super) fn rest_from_line(&self, position: usize) -> Range<usize> {
        let piece = self.piece_at(position).map_or(0..self.text.len(), |piece| piece.range.clone());
        let before = self.text.get(piece.start..position).unwrap_or("");
        let line = before.rfind('\n').map_or(piece.start, |newline| piece.start + newline + 1);
        line..piece.end + 1
    }

    /// Sorts diagnostics by source, each with its places in that source, and blots out `secrets`.
    pub(super) fn report(&self, diagnostics: Vec<Diagnostic>, secrets: &[Range<usize>]) -> Report {
        let mut parts: Vec<(usize, Part)> = Vec::new();
        for mut diagnostic in diagnostics {
            let piece = self.piece_at(diagnostic.span.start);
            let start = piece.map_or(0, |piece| piece.range.start);
            let length = piece.map_or(0, |piece| piece.range.len());
            let local = |position: usize| position.saturating_sub(start).min(length);
            diagnostic.span = local(diagnostic.span.start)..local(diagnostic.span.end);
            match parts.last_mut() {
                Some((at, part)) if *at == start => part.diagnostics.push(diagnostic),
                _ => parts.push((start, self.part(piece, diagnostic, secrets))),
            }
        }
        for (_, part) in &mut parts {
            part.hide_addresses();
        }
        Report { parts: parts.into_iter().map(|(_, part)| part).collect() }
    }

    fn part(&self, piece: Option<&Piece>, first: Diagnostic, secrets: &[Range<usize>]) -> Part {
        let (name, range) =
            piece.map_or(("settings", 0..0), |piece| (piece.kind.title(), piece.range.clone()));
        let mut text = self.text[range.clone()].to_owned();
        for secret in secrets.iter().filter(|secret| range.start <= secret.start && secret.end <= range.end) {
            let inside = secret.start - range.start..secret.end - range.start;
            blot_out(&mut text, inside);
        }
        Part { name: name.to_owned(), text, diagnostics: vec![first] }
    }
}

/// The diagnostics of a load, by source, in the order of the sources.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// The sources that have any.
    pub parts: Vec<Part>,
}

/// The diagnostics of one source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// A path, `environment`, or `--set`.
    pub name: String,
    /// Its text, secrets blotted out at the same length.
    pub text: String,
    /// Its diagnostics in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
}

impl Part {
    /// Blots out what follows the host of an address on lines whose keys were not understood: a webhook's
    /// address under a misspelt key is as secret as under the right one.
    fn hide_addresses(&mut self) {
        let unread = |fault: &&Diagnostic| {
            matches!(fault.code, super::layers::SYNTAX | "duplicate-key" | "unknown-key" | "bad-override")
        };
        let places: Vec<usize> =
            self.diagnostics.iter().filter(unread).map(|fault| fault.span.start).collect();
        for place in places {
            let start = self.text[..place].rfind('\n').map_or(0, |newline| newline + 1);
            let end = self.text[place..].find('\n').map_or(self.text.len(), |newline| place + newline);
            for address in addresses(&self.text[start..end]) {
                blot_out(&mut self.text, start + address.start..start + address.end);
            }
        }
    }
}

/// The parts of a line that follow the hosts of addresses.
fn addresses(line: &str) -> Vec<Range<usize>> {
    let tail = |(at, _): (usize, &str)| {
        let end = line[at..].find(['"', '\'', ' ', '\t', ',']).map_or(line.len(), |length| at + length);
        let path = line[at + 3..end].find('/')?;
        Some(at + 3 + path..end)
    };
    line.match_indices("://").filter_map(tail).collect()
}

/// Puts a star for every byte but line ends, so that all places stay.
fn blot_out(text: &mut String, place: Range<usize>) {
    let stars: String = text[place.clone()].bytes().map(|b| if b == b'\n' { '\n' } else { '*' }).collect();
    text.replace_range(place, &stars);
}

impl Report {
    /// Whether one of them is an error.
    pub fn any_error(&self) -> bool {
        self.diagnostics().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// All of them.
    pub fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        self.parts.iter().flat_map(|part| &part.diagnostics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Sources {
        let mut sources = Sources::default();
        sources.add(Kind::File("a.toml".into()), "one\ntwo");
        sources.add(Kind::Env("FDGUARD__x".into()), "FDGUARD__x=3");
        sources
    }

    #[test]
    fn a_place_belongs_to_its_source() {
        let sources = two();
        assert_eq!(sources.origin(&(4..7)).to_string(), "a.toml:2");
        assert_eq!(sources.origin(&(7..7)).to_string(), "a.toml:2");
        assert_eq!(sources.origin(&(8..9)).to_string(), "env FDGUARD__x");
        assert_eq!(Sources::default().origin(&(0..0)), Origin::Default);
    }

    #[test]
    fn an_address_under_a_key_nobody_knows_is_hidden() {
        let mut sources = Sources::default();
        let text = "urll = \"https://hooks.example/T0/secret\"\nb = \"https://x/shown\"\n";
        sources.add(Kind::File("a.toml".into()), text);
        let report = sources.report(vec![Diagnostic::error("unknown-key", 0..4, "x")], &[]);
        let shown = &report.parts[0].text;
        assert_eq!(shown.len(), text.len());
        assert!(shown.starts_with("urll = \"https://hooks.example*") && !shown.contains("secret"), "{shown}");
        assert!(shown.contains("/shown"));
    }

    #[test]
    fn a_report_has_local_places_and_no_secrets() {
        let found = vec![Diagnostic::error("a", 4..7, "x"), Diagnostic::error("b", 19..20, "y")];
        let report = two().report(found, std::slice::from_ref(&(19..20)));
        let [file, variable] = report.parts.as_slice() else { panic!("two parts") };
        assert_eq!((file.name.as_str(), file.diagnostics[0].span.clone()), ("a.toml", 4..7));
        assert_eq!((variable.text.as_str(), variable.diagnostics[0].span.clone()), ("FDGUARD__x=*", 11..12));
    }
}
