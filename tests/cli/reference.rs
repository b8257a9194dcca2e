//! Completions and manual pages, by the programs that read them.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::fdguard::fdguard;

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[test]
fn completions_parse_in_their_shells() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = fdguard(["completions", shell]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{shell}");
        assert!(ran.out.contains("inspect") && ran.out.contains("doctor"), "{shell}");
        let hidden = ["__keeper", "__patient", "__demo-bot"];
        assert!(!hidden.iter().any(|word| ran.out.contains(word)), "{shell} offers what is hidden");
        if ["bash", "zsh", "fish"].contains(&shell) && is_there(shell) {
            let script = folder.path().join(shell);
            std::fs::write(&script, &ran.out).unwrap();
            let parsed = Command::new(shell).arg("-n").arg(&script).output().unwrap();
            assert!(parsed.status.success(), "{shell}: {}", String::from_utf8_lossy(&parsed.stderr));
        }
    }
}

#[test]
fn bash_completes_a_subcommand() {
    let script = fdguard(["completions", "bash"]).out;
    let asked =
        "COMP_WORDS=(fdguard ins); COMP_CWORD=1; _fdguard fdguard ins fdguard; echo \"${COMPREPLY[@]}\"";
    let told = Command::new("bash").args(["-c", &format!("{script}\n{asked}")]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&told.stdout).trim(), "inspect", "{told:?}");
}

#[test]
fn manual_pages_render_without_a_complaint() {
    let folder = tempfile::tempdir().unwrap();
    let ran = fdguard([Path::new("man"), Path::new("--out"), folder.path()]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let pages: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    for name in ["fdguard.1", "fdguard-inspect.1", "fdguard-policy-check.1", "fdguard-ctl-freeze.1"] {
        assert!(pages.contains(&folder.path().join(name)), "{name} of {pages:?}");
    }
    let hidden = |page: &&std::path::PathBuf| page.to_string_lossy().contains("__");
    assert_eq!(pages.iter().find(hidden), None, "a page of a hidden command");
    if is_there("groff") {
        for page in &pages {
            rendered(page);
        }
    }
}

fn rendered(page: &Path) {
    let arguments = ["-man", "-Tutf8", "-ww", "-z"];
    let groff = Command::new("groff").args(arguments).arg(page).stdin(Stdio::null()).output().unwrap();
    let complaint = String::from_utf8_lossy(&groff.stderr);
    assert!(groff.status.success() && complaint.is_empty(), "{}: {complaint}", page.display());
}

#[test]
fn the_main_page_goes_to_standard_output() {
    let ran = fdguard(["man"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.out.contains(".TH fdguard 1") || ran.out.contains(".TH FDGUARD 1"), "{}", &ran.out[..200]);
}
