//! A text by which equal queries are known.

use super::lexer::{Gap, Lexer, Strings, Token};

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
