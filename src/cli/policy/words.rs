//! `fdguard policy words`: every word that a condition may be made of.

use std::fmt::Write as _;

use crate::cli::exit::Exit;
use crate::cli::policy::Form;
use crate::cli::print;
use crate::policy::vocabulary::{Word, words};

/// Meanings begin here, where the form before is no longer.
const MEANINGS_AT: usize = 42;

pub(super) fn run(form: Form) -> Exit {
    let words = words();
    match form {
        Form::Json => print::json(&words),
        Form::Text => print::out(&page(&words)),
    }
    Exit::Good
}

fn page(words: &[Word]) -> String {
    let mut page = String::new();
    let mut before = None;
    for word in words {
        if before != Some(word.sort) {
            page.push_str(if before.is_none() { "" } else { "\n" });
            page.push_str(word.sort.title());
            page.push('\n');
            before = Some(word.sort);
        }
        let gives = if word.gives.is_empty() { String::new() } else { format!("{}: ", word.gives) };
        let _ = writeln!(page, "  {:MEANINGS_AT$}  {gives}{}", word.form, word.meaning);
    }
    page
}
