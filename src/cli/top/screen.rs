//! The terminal: taken over at the start, given back at the end, whatever the end is.

use std::io::{self, IsTerminal as _, Stdout, Write as _, stdout};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::style::{Attribute, Color, Print, ResetColor, SetAttribute, SetForegroundColor};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};
use crossterm::{execute, queue};

use super::line::{Line, Tone};

/// Whether colours are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ink {
    Plain,
    Colours,
}

/// The terminal, taken over; dropping this gives it back.
#[derive(Debug)]
pub(super) struct Screen {
    out: Stdout,
    ink: Ink,
}

impl Screen {
    /// Takes it over.
    pub(super) fn enter() -> io::Result<Self> {
        if !stdout().is_terminal() {
            return Err(io::Error::other("standard output is none; `--once` prints one frame"));
        }
        give_back_on_panic();
        enable_raw_mode()?;
        let coloured = std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        let ink = if coloured { Ink::Colours } else { Ink::Plain };
        // From here on its drop undoes what is done.
        let mut screen = Self { out: stdout(), ink };
        execute!(screen.out, EnterAlternateScreen, Hide)?;
        Ok(screen)
    }

    /// Draws a frame of the size that the terminal has now.
    pub(super) fn draw(&mut self, frame: impl FnOnce(usize, usize) -> Vec<Line>) -> io::Result<()> {
        let (width, height) = size()?;
        let lines = frame(usize::from(width), usize::from(height));
        queue!(self.out, BeginSynchronizedUpdate)?;
        for (row, line) in (0..height).zip(lines.iter().map(Some).chain(std::iter::repeat(None))) {
            queue!(self.out, MoveTo(0, row), SetAttribute(Attribute::Reset))?;
            if let Some(line) = line {
                self.put(line)?;
            }
            queue!(self.out, SetAttribute(Attribute::Reset), Clear(ClearType::UntilNewLine))?;
        }
        queue!(self.out, EndSynchronizedUpdate)?;
        self.out.flush()
    }

    fn put(&mut self, line: &Line) -> io::Result<()> {
        for (tone, text) in line.pieces() {
            match self.ink {
                Ink::Plain => queue!(self.out, Print(text))?,
                Ink::Colours => {
                    let (colour, attribute) = look(*tone);
                    if line.chosen {
                        queue!(self.out, SetAttribute(Attribute::Bold))?;
                    }
                    if let Some(colour) = colour {
                        queue!(self.out, SetForegroundColor(colour))?;
                    }
                    if let Some(attribute) = attribute {
                        queue!(self.out, SetAttribute(attribute))?;
                    }
                    queue!(self.out, Print(text), ResetColor, SetAttribute(Attribute::Reset))?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

const fn look(tone: Tone) -> (Option<Color>, Option<Attribute>) {
    match tone {
        Tone::Plain => (None, None),
        Tone::Heading => (None, Some(Attribute::Bold)),
        Tone::Faint => (None, Some(Attribute::Dim)),
        Tone::Good => (Some(Color::Green), None),
        Tone::Low => (Some(Color::Yellow), None),
        Tone::Middle => (Some(Color::Magenta), None),
        Tone::High => (Some(Color::Red), Some(Attribute::Bold)),
    }
}

/// A terminal that has gone has nothing to be given back.
fn give_back() {
    let _gone = execute!(stdout(), Show, LeaveAlternateScreen);
    let _gone = disable_raw_mode();
}

/// What a panic says is read on the screen of before.
fn give_back_on_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        give_back();
        tell(panic);
    }));
}
