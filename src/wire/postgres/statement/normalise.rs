//! A text by which equal queries are known.

use std::ops::Range;

use super::lexer::{Gap, Lexed, Lexer, Strings, Token};

/// Appends the text of a query with white space and comments collapsed, words in lower case, literals kept,
/// and no semicolon at its end. Queries with the same normal form mean the same.
pub fn normalise(text: &[u8], strings: Strings, out: &mut Vec<u8>) {
    let mut lexer = Lexer::new(text, strings);
    let begin = out.len();
    let mut before = None;
    let mut semicolons = 0_usize;
    loop {
        let gap = lexer.skip_gap();
        let Some(token) = lexer.token() else { return };
        if token.token == Token::Semicolon {
            semicolons += 1;
            continue;
        }
        if out.len() > begin {
            if semicolons > 0 {
                out.push(b';');
            } else {
                match gap {
                    Gap::None => {}
                    // Strings on two lines are one string, on one line they are a fault.
                    Gap::Line if before == Some(Token::Text) => out.push(b'\n'),
                    Gap::Space | Gap::Line => out.push(b' '),
                }
            }
        }
        semicolons = 0;
        before = Some(token.token);
        let bytes = &text[token.start..token.end];
        match token.token {
            Token::Word => out.extend(bytes.iter().map(u8::to_ascii_lowercase)),
            Token::Quoted
            | Token::Text
            | Token::Number
            | Token::Semicolon
            | Token::Open
            | Token::Close
            | Token::Dot
            | Token::Comma
            | Token::Symbol => out.extend_from_slice(bytes),
        }
    }
}

/// Appends a normal form with a `?` in the place of each number, string and parameter: what texts have in common that
/// differ in their values alone.
pub fn skeleton(normal: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    for literal in literals(normal) {
        out.extend_from_slice(&normal[at..literal.start]);
        out.push(b'?');
        at = literal.end;
    }
    out.extend_from_slice(&normal[at..]);
}

/// Where the numbers, strings and parameters of a normal form are, in which a backslash is just that.
pub fn literals(normal: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let is_value = |token: &Lexed| match token.token {
        Token::Text | Token::Number => true,
        Token::Word
        | Token::Quoted
        | Token::Semicolon
        | Token::Open
        | Token::Close
        | Token::Dot
        | Token::Comma
        | Token::Symbol => false,
    };
    Lexer::new(normal, Strings::Standard).filter(is_value).map(|token| token.start..token.end)
}
