//! `breaker`: when an upstream that fails is left alone for a while.

use std::time::Duration;

use crate::config::section::{Context, Section};
use crate::config::{defaults, read};

/// When an upstream is left alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Breaker {
    /// After so many connects that failed …
    pub failures: u32,
    /// … within this time …
    pub window: Duration,
    /// … nothing is tried for so long; then one connect is.
    pub open: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            failures: defaults::BREAKER_FAILURES,
            window: defaults::BREAKER_WINDOW,
            open: defaults::BREAKER_OPEN,
        }
    }
}

/// Reads `breaker`.
pub(super) fn read(proxy: &mut Section<'_>, cx: &mut Context<'_>) -> Breaker {
    let mut section = proxy.section(cx, "breaker");
    let span = || read::span(Duration::from_millis(100)..=Duration::from_hours(1));
    let usual = Breaker::default();
    let failures = section.or(cx, "failures", usual.failures, read::number(1..=1000));
    let window = section.or(cx, "window", usual.window, span());
    let open = section.or(cx, "open", usual.open, span());
    section.finish(cx);
    Breaker { failures, window, open }
}
