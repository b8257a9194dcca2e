//! Rows of text under heads, aligned, never wider than told.

/// To which side a column leans.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lean {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Blanks between two columns.
const GAP: usize = 2;
/// No column is cut shorter than this.
const NARROWEST: usize = 12;

/// A table in the making.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    heads: Vec<(&'static str, Lean)>,
    rows: Vec<Vec<String>>,
}

impl Columns {
    /// Columns under these heads. The first is cut where the whole would be too wide.
    pub(super) fn new(heads: &[(&'static str, Lean)]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; what is missing at its end is blank.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The lines, heads first, each at most `width` wide where that is possible at all.
    pub(super) fn lines(&self, width: usize) -> Vec<String> {
        let mut widths: Vec<usize> = self.heads.iter().map(|(head, _)| head.chars().count()).collect();
        for row in &self.rows {
            for (cell, width) in row.iter().zip(&mut widths) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let total: usize = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        if let Some(first) = widths.first_mut()
            && total > width
        {
            *first = first.saturating_sub(total - width).max(NARROWEST.min(*first));
        }
        let heads: Vec<String> = self.heads.iter().map(|(head, _)| (*head).to_owned()).collect();
        std::iter::once(&heads).chain(&self.rows).map(|row| self.line(row, &widths)).collect()
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let blank = String::new();
        let cells = self.heads.iter().zip(widths).enumerate().map(|(place, ((_, lean), width))| {
            let cell = shortened(row.get(place).unwrap_or(&blank), *width);
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            match lean {
                Lean::Left => format!("{cell}{padding}"),
                Lean::Right => format!("{padding}{cell}"),
            }
        });
        let line = cells.collect::<Vec<_>>().join(&" ".repeat(GAP));
        line.trim_end().to_owned()
    }
}

/// The text in at most `width` characters, the middle left out: both ends of a path or a remote tell most.
pub(super) fn shortened(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let front: String = text.chars().take(kept / 2).collect();
    let back: String = text.chars().skip(length - (kept - kept / 2)).collect();
    format!("{front}…{back}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_lean_right_and_words_left() {
        let mut columns = Columns::new(&[("remote", Lean::Left), ("sockets", Lean::Right)]);
        columns.row(["db:5432".to_owned(), "7".to_owned()]);
        columns.row(["a.very.long.host.example:443".to_owned()]);
        assert_eq!(
            columns.lines(30),
            ["remote                 sockets", "db:5432                      7", "a.very.lon…xample:443"]
        );
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_told(cells in prop::collection::vec("[a-zé]{0,60}", 1..8), width in 24usize..100) {
            let mut columns = Columns::new(&[("name", Lean::Left), ("count", Lean::Right)]);
            for cell in cells {
                columns.row([cell, "12".to_owned()]);
            }
            for line in columns.lines(width) {
                prop_assert!(line.chars().count() <= width, "{line}");
            }
        }

        #[test]
        fn what_is_shortened_keeps_both_ends(text in "[a-z]{10,40}", width in 5usize..10) {
            let short = shortened(&text, width);
            prop_assert_eq!(short.chars().count(), width);
            prop_assert_eq!(short.chars().next(), text.chars().next());
            prop_assert_eq!(short.chars().last(), text.chars().last());
        }
    }
}
