//! Signals as a checked number with a name.

use std::fmt;

/// A signal that exists on Linux (1 to 64).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signal(i32);

impl Signal {
    /// No signal at all: only asks whether one may be sent.
    pub const PROBE: Self = Self(0);
    /// Terminal hung up; daemons reload on it.
    pub const HUP: Self = Self(1);
    /// Interrupt from the keyboard.
    pub const INT: Self = Self(2);
    /// Quit from the keyboard.
    pub const QUIT: Self = Self(3);
    /// Ends a process; cannot be caught.
    pub const KILL: Self = Self(9);
    /// Free for the application.
    pub const USR1: Self = Self(10);
    /// Free for the application.
    pub const USR2: Self = Self(12);
    /// Asks a process to end.
    pub const TERM: Self = Self(15);
    /// Lets a stopped process go on.
    pub const CONT: Self = Self(18);
    /// Stops a process; cannot be caught.
    pub const STOP: Self = Self(19);

    /// The signal of this number, where there is one.
    pub fn new(number: i32) -> Option<Self> {
        (1..=64).contains(&number).then_some(Self(number))
    }

    /// Its number on this machine.
    pub fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match nix::sys::signal::Signal::try_from(self.0) {
            Ok(known) => f.write_str(known.as_str()),
            Err(_) => write!(f, "signal {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_the_range_are_refused_and_names_are_known() {
        assert_eq!(Signal::new(0), None);
        assert_eq!(Signal::new(65), None);
        assert_eq!(Signal::new(15), Some(Signal::TERM));
        assert_eq!(Signal::TERM.to_string(), "SIGTERM");
        assert_eq!(Signal::new(40).map(|s| s.to_string()).as_deref(), Some("signal 40"));
    }
}
