//! `policy diff`: where two versions of a policy differ on what was recorded.

use std::path::Path;

use super::Form;
use super::files;
use super::recording::Recording;
use crate::cli::args::RecordingArgs;
use crate::cli::exit::Exit;
use crate::cli::print;
use crate::sim::difference::differences;

pub(super) fn run(old: &Path, new: &Path, from: &RecordingArgs, form: Form) -> Exit {
    match compared(old, new, from, form) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn compared(old: &Path, new: &Path, from: &RecordingArgs, form: Form) -> Result<Exit, Exit> {
    let (_, old) = files::policy(old).ok_or(Exit::Usage)?;
    let (_, new) = files::policy(new).ok_or(Exit::Usage)?;
    let recording = Recording::open(from)?;
    let (old, new) = (recording.replay(&old)?, recording.replay(&new)?);
    let found = differences(&old.course, &new.course);
    match form {
        Form::Json => print::json(&found),
        Form::Text if found.is_empty() => print::out("no difference on this record\n"),
        Form::Text => found.iter().for_each(|difference| print::out(&format!("{difference}\n"))),
    }
    Ok(if found.is_empty() { Exit::Good } else { Exit::Finding })
}
