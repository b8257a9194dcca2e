//! Files of HTTP headers: one `Name: value` a line, blank lines and `#` lines skipped.

use super::secret::Secret;

/// The most headers of one file.
const MOST: usize = 64;

/// Why a text is no such file. Says the line, never what stands in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HeadersError {
    /// No colon, or no name before it.
    #[error("line {0} is not written `Name: value`")]
    Line(usize),
    /// Over the bound.
    #[error("more than {MOST} headers")]
    TooMany,
}

/// Parses the content of a headers file.
pub fn parse(text: &str) -> Result<Vec<(String, Secret)>, HeadersError> {
    let mut found = Vec::new();
    for (place, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once(':').ok_or(HeadersError::Line(place + 1))?;
        let value = value.trim();
        if !is_name(name) || !is_value(value) {
            return Err(HeadersError::Line(place + 1));
        }
        if found.len() == MOST {
            return Err(HeadersError::TooMany);
        }
        found.push((name.to_owned(), Secret::new(value)));
    }
    Ok(found)
}

/// Whether it is a token of RFC 9110.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Whether it can stand after the colon.
pub(super) fn is_value(text: &str) -> bool {
    text.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b))
}

/// Whether a header of this name usually carries a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["authorization", "token", "secret", "key", "cookie", "password"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_headers() {
        let found = parse("# for the venue\n\nAuthorization: Bearer a:b\r\nX-Id:7\n").unwrap();
        let plain: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.reveal())).collect();
        assert_eq!(plain, [("Authorization", "Bearer a:b"), ("X-Id", "7")]);
    }

    #[test]
    fn faults_name_the_line_and_not_the_content() {
        assert_eq!(parse("A: b\nsecret without colon"), Err(HeadersError::Line(2)));
        assert_eq!(parse(": x"), Err(HeadersError::Line(1)));
        assert_eq!(parse("A: b\u{1}"), Err(HeadersError::Line(1)));
        assert_eq!(parse(&"A: b\n".repeat(65)), Err(HeadersError::TooMany));
    }
}
