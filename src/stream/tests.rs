//! The stream against scenes and against random histories.

mod random;
mod scene;
mod scenes;
mod ways_back;

use std::time::Duration;

use crate::stream::backoff::Retry;
use crate::stream::health::Watch;
use crate::stream::machine::{Fallback, Polling, Reach, Settings};

fn settings(fallback: Fallback) -> Settings {
    Settings {
        retry: Retry::default(),
        watch: Watch::default(),
        connect_within: Duration::from_secs(5),
        close_within: Duration::from_secs(5),
        prime_within: Duration::from_secs(20),
        prime_buffer: 4_096,
        dwell: Duration::from_secs(10),
        poll: Some(Polling {
            every: Duration::from_secs(2),
            within: Duration::from_secs(3),
            fallback,
            reach: Reach::Some,
        }),
    }
}
