//! A report on its way to standard output: headings, paragraphs, marked items, tables, as wide as the terminal
//! and never wider than [`WIDEST`]; colours only where standard output is a terminal that wants them.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use crate::cli::columns::{Columns, shortened};
use crate::cli::print;
use crate::sys::terminal;

/// No line is meant to be longer: what is wider is hard to read.
pub(super) const WIDEST: usize = 100;
/// Nothing is folded narrower than this.
const NARROWEST: usize = 40;

/// Whether colours are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ink {
    Plain,
    Colours,
}

/// What a piece of text says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tone {
    /// A title.
    Heading,
    /// Somebody should look.
    Alarm,
    /// Not known, or not here.
    Doubt,
    /// All is well.
    Good,
    /// Beside the point.
    Faint,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Heading => "1",
            Self::Alarm => "1;31",
            Self::Doubt => "33",
            Self::Good => "32",
            Self::Faint => "2",
        }
    }
}

/// A report in the making.
#[derive(Debug)]
pub(super) struct Page {
    text: String,
    ink: Ink,
    width: usize,
}

impl Page {
    /// One for standard output as it is.
    pub(super) fn for_output() -> Self {
        let coloured =
            io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        let width = terminal::width().unwrap_or(WIDEST).clamp(NARROWEST, WIDEST);
        Self { text: String::new(), ink: if coloured { Ink::Colours } else { Ink::Plain }, width }
    }

    /// A plain one of that width.
    #[cfg(test)]
    pub(super) fn plain(width: usize) -> Self {
        Self { text: String::new(), ink: Ink::Plain, width }
    }

    /// A blank line and a title, with what it comes to.
    pub(super) fn heading(&mut self, title: &str, sum: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let fits = title.chars().count() + 2 + bare_length(sum) <= self.width;
        self.text.push_str(&self.tinted(Tone::Heading, title));
        match (sum.is_empty(), fits) {
            (true, _) => self.text.push('\n'),
            (false, true) => {
                let _ = writeln!(self.text, "  {sum}");
            }
            (false, false) => {
                self.text.push('\n');
                self.sentences(2, sum);
            }
        }
    }

    /// A line, cut to the width.
    pub(super) fn line(&mut self, text: &str) {
        self.text.push_str(&shortened(text, self.width));
        self.text.push('\n');
    }

    /// Sentences, folded, all lines alike indented.
    pub(super) fn sentences(&mut self, indent: usize, text: &str) {
        self.folded(&" ".repeat(indent), indent, text, None);
    }

    /// A mark and sentences that stand beside it.
    pub(super) fn item(&mut self, tone: Tone, mark: &str, text: &str) {
        let indent = mark.chars().count() + 3;
        self.folded(&format!("  {} ", self.tinted(tone, mark)), indent, text, None);
    }

    /// Sentences of less weight.
    pub(super) fn aside(&mut self, indent: usize, text: &str) {
        self.folded(&" ".repeat(indent), indent, text, Some(Tone::Faint));
    }

    /// A table.
    pub(super) fn columns(&mut self, indent: usize, columns: &Columns) {
        for (place, line) in columns.lines(self.width.saturating_sub(indent)).iter().enumerate() {
            let line = if place == 0 { self.tinted(Tone::Faint, line) } else { line.clone() };
            let _ = writeln!(self.text, "{}{line}", " ".repeat(indent));
        }
    }

    /// The text in a tone.
    pub(super) fn tinted(&self, tone: Tone, text: &str) -> String {
        match self.ink {
            Ink::Plain => text.to_owned(),
            Ink::Colours => format!("\x1b[{}m{text}\x1b[0m", tone.code()),
        }
    }

    /// The whole text.
    #[cfg(test)]
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Writes it to standard output.
    pub(super) fn print(&self) {
        print::out(&self.text);
    }

    fn folded(&mut self, first: &str, indent: usize, text: &str, tone: Option<Tone>) {
        let rest = " ".repeat(indent);
        for (place, line) in fold(text, self.width.saturating_sub(indent)).iter().enumerate() {
            let line = tone.map_or_else(|| line.clone(), |tone| self.tinted(tone, line));
            self.text.push_str(if place == 0 { first } else { &rest });
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }
}

/// Characters without the codes of colours.
fn bare_length(text: &str) -> usize {
    let codes = text.split('\x1b').skip(1).filter_map(|piece| piece.find('m')).map(|end| end + 2);
    text.chars().count() - codes.sum::<usize>()
}

/// Breaks at blanks; a word that is longer than the width stands alone on its line.
fn fold(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn items_hang_beside_their_mark() {
        let mut page = Page::plain(40);
        page.heading("SUSPECTS", "1");
        page.item(Tone::Alarm, "!", "37 CLOSE_WAIT sockets to 10.0.0.1:443 in no epoll set: abandoned");
        assert_eq!(
            page.text(),
            "SUSPECTS  1\n  ! 37 CLOSE_WAIT sockets to\n    10.0.0.1:443 in no epoll set:\n    abandoned\n"
        );
    }

    #[test]
    fn a_sum_that_does_not_fit_goes_below_its_title() {
        let mut page = Page::plain(40);
        page.heading("SOCKETS", "37 CLOSE_WAIT, 37 with the end unread");
        assert_eq!(page.text(), "SOCKETS\n  37 CLOSE_WAIT, 37 with the end unread\n");
        assert_eq!(bare_length("\x1b[32mnone\x1b[0m here"), 9);
    }

    proptest! {
        #[test]
        fn folding_loses_no_word_and_keeps_the_width(words in prop::collection::vec("[a-z]{1,12}", 0..30), width in 12usize..60) {
            let lines = fold(&words.join(" "), width);
            prop_assert!(lines.iter().all(|line| line.chars().count() <= width));
            prop_assert_eq!(lines.join(" "), words.join(" "));
        }
    }
}
