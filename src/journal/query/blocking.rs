//! The same for callers without a runtime: the command line, and the start of the agent.

use tokio::runtime::{Builder, Runtime};

use super::{Bucket, EventFilter, Events, Memory, QueryError, Range, Reader, Recorded, Samples};
use crate::journal::place::Place;
use crate::model::column::Column;
use crate::model::name::Name;
use crate::model::observation::Observation;

/// A [`Reader`] that waits. Not to be used from within a runtime.
#[derive(Debug)]
pub struct Blocking {
    runtime: Runtime,
    reader: Reader,
}

impl Blocking {
    /// As [`Reader::open`].
    pub fn open(place: &Place) -> Result<Self, QueryError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(QueryError::Runtime)?;
        let reader = runtime.block_on(Reader::open(place))?;
        Ok(Self { runtime, reader })
    }

    /// As [`Reader::events`].
    pub fn events(&mut self, filter: &EventFilter) -> Result<Events, QueryError> {
        self.runtime.block_on(self.reader.events(filter))
    }

    /// As [`Reader::recorded`].
    pub fn recorded(&mut self) -> Result<Vec<Recorded>, QueryError> {
        self.runtime.block_on(self.reader.recorded())
    }

    /// As [`Reader::memory`].
    pub fn memory(&mut self, target: &Name) -> Result<Option<Memory>, QueryError> {
        self.runtime.block_on(self.reader.memory(target))
    }

    /// As [`Reader::series`].
    pub fn series(
        &mut self,
        recorded: &Recorded,
        column: &Column,
        range: Range,
        count: u32,
    ) -> Result<Vec<Bucket>, QueryError> {
        self.runtime.block_on(self.reader.series(recorded, column, range, count))
    }

    /// As [`Reader::samples`].
    pub fn samples(&mut self, recorded: &Recorded, range: Range) -> BlockingSamples<'_> {
        BlockingSamples { runtime: &self.runtime, samples: self.reader.samples(recorded, range) }
    }
}

/// Samples, oldest first, read as they are asked for.
#[derive(Debug)]
pub struct BlockingSamples<'a> {
    runtime: &'a Runtime,
    samples: Samples<'a>,
}

impl BlockingSamples<'_> {
    /// As [`Samples::damaged`].
    pub fn damaged(&self) -> u64 {
        self.samples.damaged()
    }
}

impl Iterator for BlockingSamples<'_> {
    type Item = Result<Observation, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.runtime.block_on(self.samples.next()).transpose()
    }
}
