//! Texts kept beside their inputs.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the cases.
pub(crate) fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policies")
}

/// The files of `folder` whose names end with `.ending`, in the order of their names; none where there is no folder.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.is_file() && path.extension().is_some_and(|extension| extension == ending));
    found.sort();
    found
}

/// Compares texts with the files that hold what is expected, all of them before it fails.
#[derive(Default)]
pub(crate) struct Golden {
    wrong: String,
}

impl Golden {
    /// Compares one text, or writes it where `UPDATE_GOLDEN=1`.
    pub(crate) fn check(&mut self, expected: &Path, actual: &str) {
        if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
            fs::write(expected, actual).unwrap();
            return;
        }
        let wanted = fs::read_to_string(expected).unwrap_or_default();
        if wanted != actual {
            let name = expected.display();
            let _ = writeln!(self.wrong, "=== {name}\n--- expected\n{wanted}\n--- actual\n{actual}");
        }
    }

    /// Says that a case is wrong whatever its text.
    pub(crate) fn refuse(&mut self, case: &Path, why: &str) {
        let _ = writeln!(self.wrong, "=== {}: {why}", case.display());
    }

    /// Fails where anything was wrong.
    pub(crate) fn finish(self) {
        assert!(self.wrong.is_empty(), "{}\nUPDATE_GOLDEN=1 writes them anew", self.wrong);
    }
}

#[test]
fn a_text_that_differs_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let expected = folder.path().join("case.stderr");
    fs::write(&expected, "as it was\n").unwrap();
    let mut golden = Golden::default();
    golden.wrong.clear();
    if std::env::var_os("UPDATE_GOLDEN").is_none() {
        golden.check(&expected, "otherwise\n");
        assert!(golden.wrong.contains("as it was") && golden.wrong.contains("otherwise"));
    }
}
