//! What was told in the log of late, so that trouble that lasts is told now and then and not each time it is met.

use std::time::Duration;

use crate::model::clock::Timestamp;

/// The same trouble is told again after this time.
const TELL_EVERY: Duration = Duration::from_secs(30);
/// So many kinds of it are kept in mind.
const KINDS_MAX: usize = 16;

/// Trouble that was told, and when.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Told(Vec<(String, Timestamp)>);

impl Told {
    /// Whether to tell of this.
    pub(in crate::proxy) fn is_due(&mut self, what: &str, now: Timestamp) -> bool {
        self.0.retain(|(_, at)| now.since(*at) < TELL_EVERY);
        if self.0.iter().any(|(told, _)| told == what) {
            return false;
        }
        if self.0.len() == KINDS_MAX {
            self.0.remove(0);
        }
        self.0.push((what.to_owned(), now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_told_now_and_then_and_what_is_new_at_once() {
        let (mut told, at) = (Told::default(), Timestamp::from_millis);
        assert!(told.is_due("refused", at(0)));
        assert!(!told.is_due("refused", at(29_999)));
        assert!(told.is_due("late", at(500)), "another trouble");
        assert!(told.is_due("refused", at(30_000)));
        let many: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        assert!(many.iter().all(|what| told.is_due(what, at(30_001))));
        assert_eq!(told.0.len(), KINDS_MAX);
    }
}
