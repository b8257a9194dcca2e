//! The usual statements, without tokens: one look at each byte.
//!
//! A lone SELECT, INSERT, UPDATE, DELETE, BEGIN or COMMIT without quotes, comments or anything else that could
//! hide something is told by its first words. Everything else is left to the tokens; where this answers, they
//! would answer the same.

use super::{Advisory, Effect, Name, Reading, Statement, Target};

/// What a byte may do to a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Nothing.
    Plain,
    /// Part a statement, open a quote or a comment: tokens must be looked at.
    Stop,
    /// Open a call.
    Open,
    /// Close it.
    Close,
    /// Begin a comment with the next one.
    Dash,
    /// Belong to the name of a function that matters.
    Underscore,
    /// Begin INTO, FOR or WITH.
    Letter,
}

static CLASSES: [Class; 256] = classes();

const fn classes() -> [Class; 256] {
    let mut classes = [Class::Plain; 256];
    let stops = b";'\"$/\\\x0b\x0c\0";
    let mut at = 0;
    while at < stops.len() {
        classes[stops[at] as usize] = Class::Stop;
        at += 1;
    }
    classes[b'(' as usize] = Class::Open;
    classes[b')' as usize] = Class::Close;
    classes[b'-' as usize] = Class::Dash;
    classes[b'_' as usize] = Class::Underscore;
    classes[b'w' as usize] = Class::Letter;
    classes[b'W' as usize] = Class::Letter;
    classes[b'i' as usize] = Class::Letter;
    classes[b'I' as usize] = Class::Letter;
    classes[b'f' as usize] = Class::Letter;
    classes[b'F' as usize] = Class::Letter;
    classes
}

/// The one statement of a text, if it is plain.
pub(super) fn quick(text: &[u8]) -> Option<Statement<'_>> {
    let text = trimmed(text);
    let text = text.strip_suffix(b";").map_or(text, trimmed);
    let word = text.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(text.len());
    let (word, rest) = text.split_at(word);
    let is = |own: &[u8]| word.eq_ignore_ascii_case(own);
    let effect = match word.len() {
        6 if is(b"select") && ends_word(rest) && is_plain(text, Calls::Refused) => {
            Effect::Read(Reading::Plain)
        }
        6 if is(b"insert") => written(text, behind(rest, b"into")?)?,
        6 if is(b"update") => written(text, rest)?,
        6 if is(b"delete") => written(text, behind(rest, b"from")?)?,
        5 if is(b"begin") && rest.is_empty() => Effect::Begin,
        6 if is(b"commit") && rest.is_empty() => Effect::Commit,
        _ => return None,
    };
    Some(Statement { text, effect, advisory: Advisory::None, sets_config: false })
}

/// Whether a word ends before this.
fn ends_word(rest: &[u8]) -> bool {
    rest.first().is_none_or(|byte| !is_inner(*byte))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r')
}

fn is_inner(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn trimmed(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_space(*byte)).map_or(start, |last| last + 1);
    &text[start..end]
}

/// What follows white space and this word.
fn behind<'t>(text: &'t [u8], word: &[u8]) -> Option<&'t [u8]> {
    let start = text.iter().position(|byte| !is_space(*byte)).filter(|start| *start > 0)?;
    let (own, rest) = text[start..].split_at_checked(word.len())?;
    own.eq_ignore_ascii_case(word).then_some(rest)
}

/// A write to the table that is named after white space.
fn written<'t>(text: &[u8], rest: &'t [u8]) -> Option<Effect<'t>> {
    let start = rest.iter().position(|byte| !is_space(*byte)).filter(|start| *start > 0)?;
    let named = &rest[start..];
    let end = named.iter().position(|byte| !is_inner(*byte)).unwrap_or(named.len());
    let (name, behind) = named.split_at(end);
    let first = name.first().filter(|byte| !byte.is_ascii_digit())?;
    // Prefixes of strings need more than a look, `only` is no name, and a dot makes it the schema's.
    let prefix = name.len() == 1 && first.is_ascii_alphabetic() && behind.first() == Some(&b'&');
    let only = name.eq_ignore_ascii_case(b"only");
    let dotted = behind.iter().find(|byte| !is_space(**byte)) == Some(&b'.');
    let clear = !(prefix || only || dotted);
    (clear && is_plain(text, Calls::Harmless)).then_some(Effect::Write(Target::Table(Name::bare(name))))
}

/// Whether a parenthesis matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Calls {
    Refused,
    Harmless,
}

fn is_plain(text: &[u8], calls: Calls) -> bool {
    let mut depth = 0_usize;
    for (at, byte) in text.iter().enumerate() {
        let plain = match CLASSES[usize::from(*byte)] {
            Class::Plain => true,
            Class::Stop => false,
            Class::Open => {
                depth += 1;
                calls == Calls::Harmless
            }
            Class::Close => {
                depth = depth.saturating_sub(1);
                true
            }
            Class::Dash => text.get(at + 1) != Some(&b'-'),
            Class::Underscore => !ends_with(&text[..at], b"pg") && !ends_with(&text[..at], b"set"),
            Class::Letter => {
                let word = &text[at..];
                at.checked_sub(1).is_some_and(|before| is_inner(text[before]))
                    || !(starts_with(word, b"with")
                        || calls == Calls::Refused
                            && (starts_with(word, b"into") || starts_with(word, b"for")))
            }
        };
        if !plain {
            return false;
        }
    }
    depth == 0
}

fn ends_with(text: &[u8], word: &[u8]) -> bool {
    text.len() >= word.len() && text[text.len() - word.len()..].eq_ignore_ascii_case(word)
}

fn starts_with(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|own| own.eq_ignore_ascii_case(word))
}
