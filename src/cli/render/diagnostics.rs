//! Faults of a file drawn with the piece of text they are about.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::renderer::DEFAULT_TERM_WIDTH;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::config::Report;
use crate::model::diagnostic::{Diagnostic, Severity};

/// With or without colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// Text alone: files, pipes, journald.
    Plain,
    /// For a terminal.
    Colour,
}

/// The most of a line, in bytes, that is drawn on either side of a fault.
const LINE_SIDE: usize = 160;

/// Draws the diagnostics of one source, and a last line that counts them. Empty where there are none.
pub fn render(source_name: &str, source: &str, diagnostics: &[Diagnostic], style: Style) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        draw(source_name, source, diagnostic, style, &mut text);
    }
    finish(text, diagnostics.iter())
}

/// Draws the diagnostics of a load of settings, source by source, and a last line that counts them.
pub fn render_report(report: &Report, style: Style) -> String {
    let mut text = String::new();
    for part in &report.parts {
        for diagnostic in &part.diagnostics {
            draw(&part.name, &part.text, diagnostic, style, &mut text);
        }
    }
    finish(text, report.diagnostics())
}

/// `3 errors, 1 warning, 2 notes`; empty where there are none.
pub fn summary<'d>(diagnostics: impl Iterator<Item = &'d Diagnostic>) -> String {
    let (mut errors, mut warnings, mut notes) = (0usize, 0usize, 0usize);
    for diagnostic in diagnostics {
        match diagnostic.severity {
            Severity::Error => errors += 1,
            Severity::Warning => warnings += 1,
            Severity::Note => notes += 1,
        }
    }
    let count = |number: usize, word: &str| match number {
        0 => None,
        1 => Some(format!("1 {word}")),
        _ => Some(format!("{number} {word}s")),
    };
    let counts = [count(errors, "error"), count(warnings, "warning"), count(notes, "note")];
    counts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn finish<'d>(mut text: String, diagnostics: impl Iterator<Item = &'d Diagnostic>) -> String {
    let summary = summary(diagnostics);
    if !summary.is_empty() {
        let _ = writeln!(text, "{summary}");
    }
    text
}

fn draw(name: &str, source: &str, diagnostic: &Diagnostic, style: Style, text: &mut String) {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let (line, column) = diagnostic.position(source);
    let excerpt = Excerpt::around(source, &diagnostic.span);
    let mut group = Group::with_title(level.primary_title(diagnostic.message.as_str()).id(diagnostic.code));
    if excerpt.cut == Cut::Ahead || excerpt.text.trim().is_empty() {
        group = group.element(Origin::path(name).line(line).char_column(column));
    }
    if !excerpt.text.trim().is_empty() {
        let mark = AnnotationKind::Primary.span(excerpt.mark);
        let snippet = Snippet::source(excerpt.text).line_start(line).annotation(mark);
        group = group.element(match excerpt.cut {
            // Its own reckoning of the column would start at the cut.
            Cut::Ahead => snippet,
            Cut::None => snippet.path(name),
        });
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Colour => Renderer::styled(),
    };
    for line in renderer.term_width(DEFAULT_TERM_WIDTH).render(&[group]).lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text.push('\n');
}

/// The line that a fault starts in, cut where it is very long, and the marked part of it.
#[derive(PartialEq, Eq, Debug)]
struct Excerpt<'s> {
    text: &'s str,
    mark: Range<usize>,
    cut: Cut,
}

/// Whether an excerpt starts where its line does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cut {
    None,
    Ahead,
}

impl<'s> Excerpt<'s> {
    fn around(source: &'s str, span: &Range<usize>) -> Self {
        let start = source.floor_char_boundary(span.start.min(source.len()));
        let end = source.ceil_char_boundary(span.end.min(source.len())).max(start);
        let line_start = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = source[start..].find('\n').map_or(source.len(), |newline| start + newline);
        let first = source.ceil_char_boundary(start.saturating_sub(LINE_SIDE).max(line_start));
        let last = source
            .floor_char_boundary(end.saturating_add(LINE_SIDE).min(start + 3 * LINE_SIDE).min(line_end));
        let text = source[first..last.max(start)].trim_end_matches('\r');
        let inside = |position: usize| (position.max(first) - first).min(text.len());
        let cut = if first == line_start { Cut::None } else { Cut::Ahead };
        Self { text, mark: inside(start)..inside(end), cut }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(source: &str, span: Range<usize>) -> String {
        let fault = Diagnostic::error("bad-value", span, "this is wrong").help("do it right");
        render("agent.toml", source, std::slice::from_ref(&fault), Style::Plain)
    }

    #[test]
    fn a_fault_shows_its_place_its_text_and_its_help() {
        let drawn = plain("schema = 1\nevery = 5\n", 19..20);
        let wanted = "\
error[bad-value]: this is wrong
 --> agent.toml:2:9
  |
2 | every = 5
  |         ^
  |
  = help: do it right

1 error
";
        assert_eq!(drawn, wanted);
    }

    #[test]
    fn the_end_of_a_file_and_an_empty_file_have_places() {
        assert!(plain("", 0..0).contains("agent.toml:1:1"));
        assert!(plain("a = 1\n", 6..6).contains("agent.toml:2:1"));
        let end = plain("a = ", 4..4);
        assert!(end.contains("agent.toml:1:5") && end.contains("1 | a ="), "{end}");
        assert!(plain("a = 1", 90..99).contains("agent.toml:1:6"));
    }

    #[test]
    fn marks_stand_under_their_text_after_tabs_wide_letters_and_before_crlf() {
        for (source, span) in
            [("\t\tx = 5\r\n", 6..7), ("ä = \"日本\" # 5\r\n", 16..17), ("a = 5\r\nb\r\n", 4..5)]
        {
            assert_eq!(&source[span.clone()], "5");
            let drawn = plain(source, span);
            let lines: Vec<&str> = drawn.lines().collect();
            let code = lines.iter().position(|line| line.starts_with("1 |")).expect("the line is shown");
            assert!(!lines[code].contains('\r'));
            assert_eq!(width_before(lines[code], '5'), width_before(lines[code + 1], '^'), "{drawn}");
        }
    }

    fn width_before(line: &str, mark: char) -> usize {
        let wide = |c: char| if ('\u{3000}'..'\u{a000}').contains(&c) { 2 } else { 1 };
        line.chars().take_while(|c| *c != mark).map(wide).sum()
    }

    #[test]
    fn a_very_long_line_is_cut_around_the_fault() {
        let source = format!("a = [{}5{}]", "1, ".repeat(100_000), ", 1".repeat(100_000));
        let drawn = plain(&source, 300_005..300_006);
        assert!(drawn.contains("agent.toml:1:300006"), "{drawn}");
        assert!(drawn.len() < 1_000 && drawn.contains('5') && drawn.contains('^'), "{drawn}");
    }

    #[test]
    fn counts_are_words() {
        let errors = vec![Diagnostic::error("a", 0..1, "x"); 3];
        let mut all = errors.clone();
        all.push(Diagnostic::warning("b", 0..1, "y"));
        assert_eq!(summary(errors.iter()), "3 errors");
        assert_eq!(summary(all.iter()), "3 errors, 1 warning");
        assert_eq!(render("f", "x", &[], Style::Plain), "");
        assert!(render("f", "x", &all, Style::Colour).contains('\u{1b}'));
    }

    proptest! {
        #[test]
        fn no_text_and_no_place_panics(source in "[a-zä日\t\r\n\"= \u{0}]{0,60}", start in 0usize..80, length in 0usize..80) {
            let drawn = plain(&source, start..start + length);
            prop_assert!(drawn.ends_with("1 error\n"));
        }
    }
}
