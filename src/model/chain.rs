//! The one place where an error and its causes become text.

use std::error::Error;
use std::fmt::Write as _;

/// An error and its causes in one line: `can't open x: permission denied`.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}
