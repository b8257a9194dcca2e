//! The tokens of SQL as the server's scanner parts them: quotes, dollar quotes, escapes, nested comments.
//! An unclosed one goes to the end of the text; the server refuses such a text as a whole.

/// What a backslash means in a plain string: what `standard_conforming_strings` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strings {
    /// A backslash: `on`, the default.
    Standard,
    /// An escape: `off`.
    Backslash,
}

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token {
    /// A keyword or a name.
    Word,
    /// A name in double quotes, which are part of it.
    Quoted,
    /// A string, however quoted.
    Text,
    /// A number or a parameter.
    Number,
    Semicolon,
    Open,
    Close,
    Dot,
    Comma,
    /// A byte of an operator.
    Symbol,
}

/// A token and where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Lexed {
    pub(super) token: Token,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What stands between two tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gap {
    None,
    /// White space or comments on one line.
    Space,
    /// With an end of line among them.
    Line,
}

/// Reads tokens from front to back.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'q> {
    text: &'q [u8],
    at: usize,
    strings: Strings,
}

impl<'q> Lexer<'q> {
    pub(super) fn new(text: &'q [u8], strings: Strings) -> Self {
        Self { text, at: 0, strings }
    }

    pub(super) fn text(&self) -> &'q [u8] {
        self.text
    }

    /// Passes over everything.
    pub(super) fn finish(&mut self) {
        self.at = self.text.len();
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    /// Passes over white space and comments.
    pub(super) fn skip_gap(&mut self) -> Gap {
        let mut gap = Gap::None;
        while let Some(byte) = self.byte(0) {
            match (byte, self.byte(1)) {
                (b'\n' | b'\r', _) => {
                    gap = Gap::Line;
                    self.at += 1;
                }
                (b' ' | b'\t' | 0x0b | 0x0c, _) => {
                    gap = if gap == Gap::None { Gap::Space } else { gap };
                    self.at += 1;
                }
                (b'-', Some(b'-')) => {
                    gap = Gap::Line;
                    let rest = &self.text[self.at..];
                    self.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                }
                (b'/', Some(b'*')) => {
                    gap = if gap == Gap::None { Gap::Space } else { gap };
                    self.skip_comment();
                }
                _ => break,
            }
        }
        gap
    }

    fn skip_comment(&mut self) {
        let mut depth = 0_usize;
        while let Some(offset) = memchr::memchr2(b'*', b'/', &self.text[self.at..]) {
            self.at += offset;
            match (self.byte(0), self.byte(1)) {
                (Some(b'/'), Some(b'*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.at += 1,
            }
        }
        self.at = self.text.len();
    }

    /// The token at the place where a gap ended.
    pub(super) fn token(&mut self) -> Option<Lexed> {
        let start = self.at;
        let first = self.byte(0)?;
        let token = match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => self.word(first),
            b'\'' => self.string(self.strings),
            b'"' => self.quoted(),
            b'$' => self.dollar(),
            b'0'..=b'9' => self.number(),
            b';' => self.single(Token::Semicolon),
            b'(' => self.single(Token::Open),
            b')' => self.single(Token::Close),
            b'.' => self.single(Token::Dot),
            b',' => self.single(Token::Comma),
            _ => self.single(Token::Symbol),
        };
        Some(Lexed { token, start, end: self.at })
    }

    fn single(&mut self, token: Token) -> Token {
        self.at += 1;
        token
    }

    fn number(&mut self) -> Token {
        while self.byte(0).is_some_and(|byte| is_inner(byte) || byte == b'.') {
            self.at += 1;
        }
        Token::Number
    }

    fn word(&mut self, first: u8) -> Token {
        let start = self.at;
        while self.byte(0).is_some_and(|byte| is_inner(byte) || byte == b'$') {
            self.at += 1;
        }
        if self.at - start > 1 {
            return Token::Word;
        }
        // A letter right before a quote belongs to it.
        match (first | 0x20, self.byte(0), self.byte(1)) {
            (b'e', Some(b'\''), _) => self.string(Strings::Backslash),
            (b'b' | b'x', Some(b'\''), _) => self.string(Strings::Standard),
            (b'n', Some(b'\''), _) => self.string(self.strings),
            (b'u', Some(b'&'), Some(b'\'')) => {
                self.at += 1;
                self.string(Strings::Standard)
            }
            (b'u', Some(b'&'), Some(b'"')) => {
                self.at += 1;
                self.quoted()
            }
            _ => Token::Word,
        }
    }

    fn quoted(&mut self) -> Token {
        self.at += 1;
        self.skip_to_close(b'"', Strings::Standard);
        Token::Quoted
    }

    /// A string, and those that go on with it on a later line.
    fn string(&mut self, strings: Strings) -> Token {
        loop {
            self.at += 1;
            self.skip_to_close(b'\'', strings);
            // In a standard string the next part begins like this one: it may be taken for another.
            if strings == Strings::Standard {
                return Token::Text;
            }
            let mut ahead = self.clone();
            if ahead.skip_gap() != Gap::Line || ahead.byte(0) != Some(b'\'') {
                return Token::Text;
            }
            self.at = ahead.at;
        }
    }

    /// To behind the closing quote; doubled ones are passed.
    fn skip_to_close(&mut self, quote: u8, strings: Strings) {
        loop {
            let rest = &self.text[self.at..];
            let found = match strings {
                Strings::Standard => memchr::memchr(quote, rest),
                Strings::Backslash => memchr::memchr2(quote, b'\\', rest),
            };
            let Some(offset) = found else {
                self.at = self.text.len();
                return;
            };
            self.at += offset;
            if self.byte(0) == Some(quote) && self.byte(1) != Some(quote) {
                self.at += 1;
                return;
            }
            self.at = (self.at + 2).min(self.text.len());
        }
    }

    /// A parameter, a dollar-quoted string, or a lone dollar.
    fn dollar(&mut self) -> Token {
        let rest = &self.text[self.at + 1..];
        if rest.first().is_some_and(u8::is_ascii_digit) {
            self.at += 1;
            return self.number();
        }
        let len = rest.iter().take_while(|byte| is_inner(**byte)).count();
        if rest.get(len) != Some(&b'$') {
            return self.single(Token::Symbol);
        }
        let tag = &self.text[self.at..self.at + len + 2];
        let body = self.at + tag.len();
        let close = memchr::memmem::find(&self.text[body..], tag);
        self.at = close.map_or(self.text.len(), |offset| body + offset + tag.len());
        Token::Text
    }
}

impl Iterator for Lexer<'_> {
    type Item = Lexed;

    fn next(&mut self) -> Option<Lexed> {
        self.skip_gap();
        self.token()
    }
}

fn is_inner(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}
