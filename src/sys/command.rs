//! What a process was started as.

use crate::sys::adopted::Adopted;
use crate::sys::proc_root::{ProcRoot, bounded_text};
use crate::sys::read_error::ReadError;

/// No more of a command line is read.
pub const COMMAND_LINE_MAX: usize = 4096;

/// No more of an environment is read.
pub const ENVIRONMENT_MAX: usize = 256 * 1024;

/// The command line with blanks between the arguments, at most [`COMMAND_LINE_MAX`] bytes of it. Empty for a
/// kernel thread or where the process has overwritten it.
pub fn line(process: &Adopted) -> Result<String, ReadError> {
    process.bytes("cmdline", COMMAND_LINE_MAX).map(|bytes| readable(&String::from_utf8_lossy(&bytes)))
}

/// The name of its first thread, at most 15 bytes.
pub fn name(process: &Adopted) -> Result<String, ReadError> {
    process.bytes("comm", 64).map(|bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

/// The variables that a process was started with. They hold secrets: no Debug.
pub struct Environment {
    text: String,
}

impl Environment {
    /// Names and values.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.text.split('\0').filter_map(|variable| variable.split_once('='))
    }
}

/// The environment that it was started with, at most [`ENVIRONMENT_MAX`] bytes of it; what it has changed since does not
/// show.
///
/// # Errors
/// Where its owner is another one, without CAP_SYS_PTRACE.
pub fn environment(process: &Adopted) -> Result<Environment, ReadError> {
    let bytes = process.bytes("environ", ENVIRONMENT_MAX)?;
    Ok(Environment { text: String::from_utf8_lossy(&bytes).into_owned() })
}

/// The command line of any process by number; `None` where it is gone or may not be read.
pub(super) fn line_of(root: &ProcRoot, pid: u32) -> Option<String> {
    let path = root.process(pid).join("cmdline");
    bounded_text(&path, COMMAND_LINE_MAX as u64).ok().map(|text| readable(&text))
}

fn readable(text: &str) -> String {
    text.trim_end_matches('\0').replace('\0', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::victim::Victim;

    #[test]
    fn the_environment_is_that_of_the_start() {
        let mut command = std::process::Command::new("sleep");
        let mut victim = Victim::command(command.arg("60").env_clear().env("A", "b=c").env("EMPTY", ""));
        let adopted = victim.adopt();
        let own = Adopted::open(&ProcRoot::default(), std::process::id()).unwrap();
        assert_ne!(adopted.executable().unwrap(), own.id().exe, "spawn returns after exec");
        let environment = environment(&adopted).unwrap();
        assert_eq!(environment.variables().collect::<Vec<_>>(), [("A", "b=c"), ("EMPTY", "")]);
        victim.end();
        assert!(super::environment(&adopted).is_err());
    }

    #[test]
    fn arguments_stand_apart_and_length_is_bounded() {
        let mut victim =
            Victim::command(std::process::Command::new("sleep").args(["60", &"0".repeat(COMMAND_LINE_MAX)]));
        // The child has become `sleep` once its executable differs from ours.
        let own = Adopted::open(&ProcRoot::default(), std::process::id()).unwrap();
        let adopted = victim.adopt();
        assert_ne!(adopted.executable().unwrap(), own.id().exe, "spawn returns after exec");
        let line = line(&adopted).unwrap();
        assert!(line.starts_with("sleep 60 00000"), "{line}");
        assert_eq!(line.len(), COMMAND_LINE_MAX);
        assert_eq!(name(&adopted).unwrap(), "sleep");
        assert_eq!(line_of(&ProcRoot::default(), victim.pid()).unwrap(), line);
        victim.end();
        assert_eq!(line_of(&ProcRoot::default(), adopted.id().pid), None);
    }
}
