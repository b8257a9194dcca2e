//! Waiting for something to become so.

use std::time::{Duration, Instant};

/// How long anything may take that is on its way, on a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// Looks until `look` gives something, and returns it; fails with `what` after [`PATIENCE`].
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

/// The same for so long, where what was seen last says why it is not so.
pub(crate) fn wait_to_see(what: &str, within: Duration, mut look: impl FnMut() -> Result<(), String>) {
    let end = Instant::now() + within;
    while let Err(seen) = look() {
        assert!(Instant::now() < end, "not within {within:?}: {what}: {seen}");
        std::thread::sleep(LOOK);
    }
}

/// Waits until it is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    wait_for(what, || is_so().then_some(()));
}
