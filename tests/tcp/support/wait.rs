//! Waiting for something to come about.

use std::time::{Duration, Instant};

/// How long anything may take that is on its way, on a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks.
pub(crate) const LOOK: Duration = Duration::from_millis(10);

/// Looks until `look` gives something; fails after [`PATIENCE`].
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(LOOK);
    }
}
