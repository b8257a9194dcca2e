//! From text to tokens. What other languages write is told and read as what was meant.

use std::ops::Range;

use super::ast::{Comparator, Literal, Operator, Per};
use super::report::{Report, did_you_mean};
use crate::model::units::{UnitError, parse_bytes, parse_ratio, parse_span};

/// The largest bare number; it keeps every count exact.
const NUMBER_MAX: f64 = 1e15;
const UNITS: [&str; 16] =
    ["ms", "s", "m", "min", "h", "d", "B", "KiB", "MiB", "GiB", "TiB", "kB", "MB", "GB", "TB", "%"];

/// A token with its place.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Token {
    pub(super) span: Range<usize>,
    pub(super) lexeme: Lexeme,
}

/// What a token is.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Lexeme {
    Word(String),
    Literal(Literal),
    And,
    Or,
    Not,
    Compare(Comparator),
    Arithmetic(Operator),
    Open,
    Close,
    OpenIndex,
    CloseIndex,
    Comma,
    Dot,
    /// Could not be read; the fault is told.
    Bad,
    End,
}

/// All tokens of the text; the last is [`Lexeme::End`].
pub(super) fn tokens(report: &mut Report<'_>) -> Vec<Token> {
    let source = report.source();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = source[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (length, lexeme) = lexeme(&source[at..], first, at, report);
        tokens.push(Token { span: at..at + length, lexeme });
        at += length;
    }
    tokens.push(Token { span: at..at, lexeme: Lexeme::End });
    tokens
}

fn lexeme(rest: &str, first: char, at: usize, report: &mut Report<'_>) -> (usize, Lexeme) {
    match first {
        '0'..='9' => quantity(rest, at, report),
        'a'..='z' | 'A'..='Z' | '_' => word(rest, at, report),
        '"' | '\'' => quoted(rest, first, at, report),
        _ => sign(rest, first, at, report),
    }
}

fn word(rest: &str, at: usize, report: &mut Report<'_>) -> (usize, Lexeme) {
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let word = &rest[..end];
    let lexeme = match word.to_ascii_lowercase().as_str() {
        "and" => Lexeme::And,
        "or" => Lexeme::Or,
        "not" => Lexeme::Not,
        "true" => Lexeme::Literal(Literal::Flag(true)),
        "false" => Lexeme::Literal(Literal::Flag(false)),
        _ => return (end, Lexeme::Word(word.to_owned())),
    };
    let small = word.to_ascii_lowercase();
    if word != small {
        foreign(at..at + end, word, &small, report);
    }
    (end, lexeme)
}

fn quoted(rest: &str, quote: char, at: usize, report: &mut Report<'_>) -> (usize, Lexeme) {
    if let Some(length) = rest[1..].find(quote) {
        return (length + 2, Lexeme::Literal(Literal::Text(rest[1..=length].to_owned())));
    }
    report.error("unclosed", at..at + 1, format!("the quote {quote} is not closed"));
    (rest.len(), Lexeme::Bad)
}

fn sign(rest: &str, first: char, at: usize, report: &mut Report<'_>) -> (usize, Lexeme) {
    let two = |sign: &str| rest.starts_with(sign);
    let (length, meant, lexeme) = match first {
        '(' => (1, None, Lexeme::Open),
        ')' => (1, None, Lexeme::Close),
        '[' => (1, None, Lexeme::OpenIndex),
        ']' => (1, None, Lexeme::CloseIndex),
        ',' => (1, None, Lexeme::Comma),
        '.' => (1, None, Lexeme::Dot),
        '+' => (1, None, Lexeme::Arithmetic(Operator::Add)),
        '-' => (1, None, Lexeme::Arithmetic(Operator::Subtract)),
        '*' => (1, None, Lexeme::Arithmetic(Operator::Multiply)),
        '/' => (1, None, Lexeme::Arithmetic(Operator::Divide)),
        '<' if two("<=") => (2, None, Lexeme::Compare(Comparator::LessOrEqual)),
        '<' if two("<>") => (2, Some("!="), Lexeme::Compare(Comparator::NotEqual)),
        '<' => (1, None, Lexeme::Compare(Comparator::Less)),
        '>' if two(">=") => (2, None, Lexeme::Compare(Comparator::GreaterOrEqual)),
        '>' => (1, None, Lexeme::Compare(Comparator::Greater)),
        '=' if two("==") => (2, None, Lexeme::Compare(Comparator::Equal)),
        '=' => (1, Some("=="), Lexeme::Compare(Comparator::Equal)),
        '!' if two("!=") => (2, None, Lexeme::Compare(Comparator::NotEqual)),
        '!' => (1, Some("not"), Lexeme::Not),
        '&' => (if two("&&") { 2 } else { 1 }, Some("and"), Lexeme::And),
        '|' => (if two("||") { 2 } else { 1 }, Some("or"), Lexeme::Or),
        '≤' => (first.len_utf8(), Some("<="), Lexeme::Compare(Comparator::LessOrEqual)),
        '≥' => (first.len_utf8(), Some(">="), Lexeme::Compare(Comparator::GreaterOrEqual)),
        '≠' => (first.len_utf8(), Some("!="), Lexeme::Compare(Comparator::NotEqual)),
        _ => {
            let message = format!("`{}` means nothing here", first.escape_debug());
            report.error("syntax", at..at + first.len_utf8(), message);
            (first.len_utf8(), None, Lexeme::Bad)
        }
    };
    if let Some(meant) = meant {
        foreign(at..at + length, &rest[..length], meant, report);
    }
    (length, lexeme)
}

fn foreign(at: Range<usize>, written: &str, meant: &str, report: &mut Report<'_>) {
    let message = format!("`{written}` is not a word of this language");
    report.error_with("syntax", at, message, format!("write `{meant}`"));
}

fn quantity(rest: &str, at: usize, report: &mut Report<'_>) -> (usize, Lexeme) {
    let length = quantity_length(rest);
    let text = &rest[..length];
    let literal = match literal(text) {
        Ok(literal) => literal,
        Err((message, help)) => {
            match help {
                Some(help) => report.error_with("bad-quantity", at..at + length, message, help),
                None => report.error("bad-quantity", at..at + length, message),
            }
            return (length, Lexeme::Bad);
        }
    };
    let Some(word) = rate_word(&rest[length..]) else {
        return (length, Lexeme::Literal(literal));
    };
    let whole = length + 1 + word.len();
    match (Per::parse(word), literal) {
        (Some(per), Literal::Number(count)) => (whole, Lexeme::Literal(Literal::Rate(count, per))),
        (Some(per), Literal::Bytes(bytes)) => (whole, Lexeme::Literal(Literal::ByteRate(bytes, per))),
        (Some(_), other) => {
            let message = format!("`{}` is no rate: a number or a size per time is", &rest[..whole]);
            report.error_with(
                "bad-quantity",
                at..at + whole,
                message,
                format!("`{other}` has a unit already"),
            );
            (whole, Lexeme::Bad)
        }
        (None, _) => {
            let known = Per::WORDS.map(|(word, _)| word);
            let message = format!("`{word}` is no time of a rate");
            report.error_with("bad-quantity", at..at + whole, message, did_you_mean(word, &known[..4]));
            (whole, Lexeme::Bad)
        }
    }
}

/// The length of `12`, `1.5h`, `1m30s`, `80%`; a dot belongs to it only before a digit.
fn quantity_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut end = 0;
    while let Some(byte) = bytes.get(end) {
        let dot = *byte == b'.' && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !byte.is_ascii_alphanumeric() && !dot {
            break;
        }
        end += 1;
    }
    if bytes.get(end) == Some(&b'%') { end + 1 } else { end }
}

/// The `min` of `/min`, where the slash is not a division by a signal or a function.
fn rate_word(after: &str) -> Option<&str> {
    let word = after.strip_prefix('/')?;
    let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(word.len());
    let starts = word.starts_with(|c: char| c.is_ascii_alphabetic());
    let goes_on = word[end..].trim_start().starts_with(['.', '(', '[']);
    (starts && !goes_on).then_some(&word[..end])
}

fn literal(text: &str) -> Result<Literal, (String, Option<String>)> {
    let plain = |error: UnitError| (error.to_string(), None);
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        let number = text.parse::<f64>().map_err(|_| (format!("`{text}` is no number"), None))?;
        let fits = number <= NUMBER_MAX;
        return fits.then_some(Literal::Number(number)).ok_or((format!("`{text}` is out of range"), None));
    }
    if text.ends_with('%') {
        let ratio = parse_ratio(text).map_err(plain)?;
        // The digits were just parsed; taking them again keeps `7%` exact.
        return Ok(Literal::Percent(text.trim_end_matches('%').parse().unwrap_or(ratio * 100.0)));
    }
    match (parse_span(text), parse_bytes(text)) {
        (Ok(span), _) => Ok(Literal::Span(span)),
        (_, Ok(bytes)) => Ok(Literal::Bytes(bytes)),
        (Err(range @ UnitError::Range(_)), _) | (_, Err(range @ UnitError::Range(_))) => Err(plain(range)),
        (Err(UnitError::Unit { unit, .. }), _) => {
            let message = format!("`{unit}` is no unit");
            Err((message, Some(did_you_mean(&unit, &UNITS))))
        }
        (Err(other), _) => Err(plain(other)),
    }
}
