//! Python stacks by py-spy, where it is installed and the target is a Python.

use std::time::Duration;

use crate::sys::adopted::Adopted;

use crate::call::capture::{self, CaptureError, Command};
use crate::call::excerpt::Excerpt;
use crate::model::chain::chain;

/// py-spy stops the target while it reads; it gets no longer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes kept of either end of its output.
const KEPT: usize = 128 * 1024;

/// The stacks, or why there are none; nothing at all where the target is no Python.
pub(super) async fn python(process: &Adopted) -> Option<Result<String, String>> {
    let program = process.executable_path().ok()?;
    if !program.file_name()?.to_string_lossy().contains("python") {
        return None;
    }
    Some(dump(process).await)
}

async fn dump(process: &Adopted) -> Result<String, String> {
    // By number, since py-spy knows no pidfd. It only reads; the process is checked to be alive before and after.
    let pid = process.id().pid.to_string();
    let argv = ["py-spy", "dump", "--pid", &pid].map(str::to_owned);
    let command = Command { argv: &argv, environment: &[], user: None, input: Vec::new(), timeout: TIMEOUT };
    let ran = match capture::run_keeping(command, Excerpt::keeping(KEPT)).await {
        Ok(ran) => ran,
        Err(CaptureError::NotStarted { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Err("py-spy is not installed".to_owned());
        }
        Err(error) => return Err(chain(&error)),
    };
    if !process.is_alive() {
        return Err("the process ended meanwhile".to_owned());
    }
    if ran.ended.success() { Ok(ran.output.text()) } else { Err(format!("py-spy: {}", ran.ended)) }
}
