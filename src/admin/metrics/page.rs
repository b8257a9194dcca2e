//! One family of samples after the other.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// Labels of a sample: names and values.
pub(super) type Labels<'a> = Vec<(&'static str, &'a str)>;

/// What a family is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family<'a> {
    /// Its name, without unit and `_total`.
    pub(super) name: &'a str,
    /// What it means, without a full stop.
    pub(super) help: &'a str,
    /// The unit, where it has one.
    pub(super) unit: Option<&'a Unit>,
}

impl<'a> Family<'a> {
    /// A family without a unit.
    pub(super) const fn plain(name: &'a str, help: &'a str) -> Self {
        Self { name, help, unit: None }
    }

    /// A family with a unit.
    pub(super) const fn of(name: &'a str, help: &'a str, unit: &'a Unit) -> Self {
        Self { name, help, unit: Some(unit) }
    }
}

/// A page that is being written.
pub(super) struct Page<'a>(DescriptorEncoder<'a>);

impl<'a> Page<'a> {
    /// An empty one.
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    /// Values that go up and down. A family without a sample is left out.
    pub(super) fn gauges<'l>(
        &mut self,
        family: Family<'_>,
        samples: impl IntoIterator<Item = (Labels<'l>, f64)>,
    ) -> fmt::Result {
        self.samples((family, MetricType::Gauge), samples, |mut sample, value| sample.encode_gauge(&value))
    }

    /// Values that only go up. A family without a sample is left out.
    pub(super) fn counters<'l>(
        &mut self,
        family: Family<'_>,
        samples: impl IntoIterator<Item = (Labels<'l>, f64)>,
    ) -> fmt::Result {
        self.samples((family, MetricType::Counter), samples, |mut sample, value| {
            sample.encode_counter::<NoLabelSet, f64, f64>(&value, None)
        })
    }

    fn samples<'l>(
        &mut self,
        (Family { name, help, unit }, kind): (Family<'_>, MetricType),
        samples: impl IntoIterator<Item = (Labels<'l>, f64)>,
        write: impl Fn(MetricEncoder<'_>, f64) -> fmt::Result,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let mut encoder = self.0.encode_descriptor(name, help, unit, kind)?;
        for (labels, value) in samples {
            write(encoder.encode_family(&labels)?, value)?;
        }
        Ok(())
    }
}
