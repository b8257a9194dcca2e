//! The page of the language's words against the language.

use std::fmt::Write as _;
use std::path::Path;

use fdguard::policy::vocabulary::words;

use crate::golden::Golden;

const HEAD: &str = "\
# What a condition is made of

`raise`, `clear`, `guard` and `that` are conditions. A signal has a type and a unit, and both are checked when the file is
read. What can't be told is *unknown*, which raises nothing and clears nothing. `fdguard policy words` prints the same.
";

#[test]
fn the_page_of_words_has_each_with_its_meaning() {
    let mut page = HEAD.to_owned();
    let mut before = None;
    for word in words() {
        if before != Some(word.sort) {
            let _ = writeln!(page, "\n## {}\n\n| form | gives | meaning |\n|---|---|---|", word.sort.title());
            before = Some(word.sort);
        }
        let _ = writeln!(page, "| `{}` | {} | {} |", word.form, word.gives, word.meaning);
    }
    let mut golden = Golden::default();
    golden.check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/WORDS.md"), &page);
    golden.finish();
}
