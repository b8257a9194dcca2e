//! `/metrics`: what `status` tells, as OpenMetrics text. Pure: a status in, a page out.
//!
//! Names follow the words of the policy language: `fd.tte` is `fdguard_target_fd_tte_seconds`. What is not known has no
//! sample; that it is not known has one of its own. Label sets are bounded: targets, processes, pools, ladders, kinds
//! of descriptors and the reasons in the code.

mod agent;
mod page;
mod pool;
mod reading;
mod target;

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;

use crate::admin::metrics::page::Page;
use crate::agent::status::Status;

/// The type of the page.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Writes the page.
///
/// # Errors
///
/// The writer of the format refused: no status makes it.
pub(super) fn write(status: Status) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot(status)));
    let mut page = String::new();
    text::encode(&mut page, &registry)?;
    Ok(page)
}

/// One status, written when the registry asks.
#[derive(Debug)]
struct Snapshot(Status);

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page::new(encoder);
        agent::write(&mut page, &self.0.agent)?;
        target::write(&mut page, &self.0.targets)?;
        target::write_counts(&mut page, &self.0.counts)?;
        pool::write(&mut page, &self.0.pools)
    }
}

#[cfg(test)]
mod tests;
