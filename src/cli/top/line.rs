//! A line of a frame: pieces of text, each in a tone, never wider than told. What a bot says of itself can hold anything;
//! nothing of it reaches the terminal but what can be printed.

use unicode_width::UnicodeWidthChar as _;

/// What a piece says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tone {
    /// No more than its words.
    Plain,
    /// A title.
    Heading,
    /// Beside the point.
    Faint,
    /// All is well.
    Good,
    /// Look at it.
    Low,
    /// Do something.
    Middle,
    /// Do it now.
    High,
}

impl Tone {
    /// Of the level of a tier.
    pub(super) const fn of_level(level: usize) -> Self {
        match level {
            0 => Self::Good,
            1 => Self::Low,
            2 => Self::Middle,
            _ => Self::High,
        }
    }
}

/// A line in the making.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Line {
    pieces: Vec<(Tone, String)>,
    /// Whether it is the one that is chosen.
    pub(super) chosen: bool,
}

impl Line {
    /// One piece.
    pub(super) fn of(tone: Tone, text: &str) -> Self {
        Self::default().and(tone, text)
    }

    /// And another one.
    pub(super) fn and(mut self, tone: Tone, text: &str) -> Self {
        self.pieces.push((tone, printable(text)));
        self
    }

    /// And one that fills so many columns, from the left.
    pub(super) fn left(self, tone: Tone, text: &str, width: usize) -> Self {
        let text = cut(&printable(text), width);
        let padding = " ".repeat(width - width_of(&text));
        self.and(tone, &format!("{text}{padding}"))
    }

    /// And one that fills so many columns, to the right.
    pub(super) fn right(self, tone: Tone, text: &str, width: usize) -> Self {
        let text = cut(&printable(text), width);
        let padding = " ".repeat(width - width_of(&text));
        self.and(tone, &format!("{padding}{text}"))
    }

    /// How wide it is.
    pub(super) fn width(&self) -> usize {
        self.pieces.iter().map(|(_, text)| width_of(text)).sum()
    }

    /// No wider than that.
    pub(super) fn cut(mut self, width: usize) -> Self {
        let mut left = width;
        for (_, text) in &mut self.pieces {
            *text = cut(text, left);
            left -= width_of(text);
        }
        self
    }

    /// Its pieces.
    pub(super) fn pieces(&self) -> &[(Tone, String)] {
        &self.pieces
    }

    /// Its text.
    pub(super) fn plain(&self) -> String {
        self.pieces.iter().map(|(_, text)| text.as_str()).collect()
    }
}

/// Columns that a text takes.
pub(super) fn width_of(text: &str) -> usize {
    text.chars().map(|one| one.width().unwrap_or(0)).sum()
}

/// What can be printed as it is; a dot for all else, so that no text of a bot moves the cursor, rings or recolours.
fn printable(text: &str) -> String {
    let shown = |one: char| {
        let is_bent =
            matches!(one, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if one.is_control() || is_bent || one.width().is_none() { '·' } else { one }
    };
    text.chars().map(shown).collect()
}

/// At most so many columns, with a sign where something is missing.
fn cut(text: &str, width: usize) -> String {
    if width_of(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut left = width.saturating_sub(1);
    for one in text.chars() {
        let wide = one.width().unwrap_or(0);
        if wide > left {
            break;
        }
        left -= wide;
        kept.push(one);
    }
    if width > 0 {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_that_moves_the_cursor_gets_through() {
        let line = Line::of(Tone::Plain, "a\x1b[2Jb\u{9b}31mc\r\nd\u{202e}e");
        assert_eq!(line.plain(), "a·[2Jb·31mc··d·e");
    }

    #[test]
    fn wide_letters_count_as_two() {
        let line = Line::default().left(Tone::Plain, "行情行情", 6).right(Tone::Plain, "7", 3);
        assert_eq!(line.plain(), "行情…   7");
        assert_eq!(line.width(), 9);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_told(texts in prop::collection::vec("\\PC{0,30}", 0..6), width in 0usize..60) {
            let line = texts.iter().fold(Line::default(), |line, text| line.and(Tone::Plain, text)).cut(width);
            prop_assert!(line.width() <= width);
        }

        #[test]
        fn a_cell_is_as_wide_as_told(text in "\\PC{0,30}", width in 1usize..40) {
            prop_assert_eq!(Line::default().left(Tone::Plain, &text, width).width(), width);
            prop_assert_eq!(Line::default().right(Tone::Plain, &text, width).width(), width);
        }
    }
}
