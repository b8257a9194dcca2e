//! A block as bytes.
//!
//! ```text
//! "fdb" version(1)   CRC-32 of all that follows
//! samples columns    varints
//! at                 monotonic nanoseconds, differences of differences
//! surveyed           0 where each is as `at`, else 1 and monotonic nanoseconds, differences
//! wall               civil milliseconds, as the difference from what the monotonic clock would say
//! life               0 alive, 1 ended
//! column*            name (front-coded: bytes shared with the name before, length, rest), then
//!                    length and bytes, or 0 and the place of an earlier column that holds the same
//! ```
//!
//! A column of a name that this version does not know is left out, so that an older agent reads what a newer
//! one wrote. Decoding is bounded by [`SAMPLES_MAX`] and [`COLUMNS_MAX`], and never panics, whatever the bytes.

use std::collections::BTreeMap;

use crc::{CRC_32_ISO_HDLC, Crc};

use super::bytes::{Input, Malformed, Order, put_integers, put_varint};
use super::{Block, COLUMNS_MAX, SAMPLES_MAX, Series};
use crate::model::clock::{Timestamp, WallTime};
use crate::model::column::{Column, Moment};
use crate::model::observation::Life;

const MAGIC: &[u8; 3] = b"fdb";
const VERSION: u8 = 1;
const CHECK: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
const HEADER: usize = MAGIC.len() + 1 + 4;
/// In place of a length: the column is the same as an earlier one. No column has no bytes.
const SAME: u8 = 0;
const SURVEYED_AT: u8 = 0;
const SURVEYED_APART: u8 = 1;
/// The longest name of a column: the longest host name, a port, a field.
const NAME_BYTES_MAX: usize = 512;

/// Why bytes are no block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BlockError {
    /// They don't begin as a block does.
    #[error("not a block of samples")]
    NotABlock,
    /// Another version wrote them.
    #[error("a block of version {0}, which this agent can't read")]
    Version(u8),
    /// They are not what was written.
    #[error("a damaged block: its checksum does not fit")]
    Checksum,
    /// The checksum fits, the content does not.
    #[error("a block that can't be read")]
    Malformed(#[from] Malformed),
}

/// The bytes of a block.
pub fn encode(block: &Block) -> Vec<u8> {
    let mut body = Vec::with_capacity(8 * 1024);
    put_varint(&mut body, block.moments.len() as u64);
    put_varint(&mut body, named(block).count() as u64);
    put_moments(&mut body, &block.moments);
    let mut before = String::new();
    let mut places = BTreeMap::new();
    for (place, (name, series)) in named(block).enumerate() {
        let shared = name.bytes().zip(before.bytes()).take_while(|(a, b)| a == b).count();
        put_varint(&mut body, shared as u64);
        put_varint(&mut body, (name.len() - shared) as u64);
        body.extend_from_slice(&name.as_bytes()[shared..]);
        let mut bytes = Vec::new();
        series.encode(&mut bytes);
        if let Some(place) = places.get(&bytes) {
            body.push(SAME);
            put_varint(&mut body, *place as u64);
        } else {
            put_varint(&mut body, bytes.len() as u64);
            body.extend_from_slice(&bytes);
            places.insert(bytes, place);
        }
        before = name;
    }
    let mut out = Vec::with_capacity(HEADER + body.len());
    out.extend_from_slice(MAGIC);
    out.push(VERSION);
    out.extend_from_slice(&CHECK.checksum(&body).to_le_bytes());
    out.append(&mut body);
    out
}

/// The columns with their names. One whose remote has a name that no host can have is left out.
fn named(block: &Block) -> impl Iterator<Item = (String, &Series)> {
    let named = block.columns.iter().map(|(column, series)| (column.to_string(), series));
    named.filter(|(name, _)| name.len() <= NAME_BYTES_MAX)
}

/// The block of these bytes.
pub fn decode(bytes: &[u8]) -> Result<Block, BlockError> {
    decode_where(bytes, |_| true)
}

/// When the samples were taken and one column of them, which costs less than all.
pub fn decode_column(bytes: &[u8], column: &Column) -> Result<(Vec<Moment>, Option<Series>), BlockError> {
    let mut block = decode_where(bytes, |one| one == column)?;
    let series = block.columns.remove(column);
    Ok((block.moments, series))
}

fn decode_where(bytes: &[u8], wanted: impl Fn(&Column) -> bool) -> Result<Block, BlockError> {
    let (header, body) = bytes.split_at_checked(HEADER).ok_or(BlockError::NotABlock)?;
    let rest = header.strip_prefix(MAGIC).ok_or(BlockError::NotABlock)?;
    if rest[0] != VERSION {
        return Err(BlockError::Version(rest[0]));
    }
    if CHECK.checksum(body).to_le_bytes() != rest[1..] {
        return Err(BlockError::Checksum);
    }
    Ok(read_body(&mut Input(body), wanted)?)
}

fn read_body(input: &mut Input<'_>, wanted: impl Fn(&Column) -> bool) -> Result<Block, Malformed> {
    let samples = input.count(SAMPLES_MAX)?;
    let columns = input.count(COLUMNS_MAX)?;
    let mut block = Block { moments: moments(input, samples)?, ..Block::default() };
    let mut name = Vec::new();
    let mut bodies: Vec<&[u8]> = Vec::new();
    for _ in 0..columns {
        let shared = input.count(name.len())?;
        let more = input.count(NAME_BYTES_MAX - shared)?;
        name.truncate(shared);
        name.extend_from_slice(input.take(more)?);
        let bytes = match input.count(input.0.len())? {
            0 => *bodies.get(input.count(COLUMNS_MAX)?).ok_or(Malformed)?,
            len => input.take(len)?,
        };
        bodies.push(bytes);
        let text = std::str::from_utf8(&name).map_err(|_| Malformed)?;
        if let Some(column) = Column::parse(text).filter(&wanted) {
            block.columns.insert(column, Series::decode(bytes, samples)?);
        }
    }
    if input.0.is_empty() { Ok(block) } else { Err(Malformed) }
}

fn put_moments(out: &mut Vec<u8>, moments: &[Moment]) {
    let at: Vec<i64> = moments.iter().map(|moment| moment.at.as_nanos().cast_signed()).collect();
    put_integers(out, Order::DeltaOfDelta, &at);
    if moments.iter().all(|moment| moment.surveyed == moment.at) {
        out.push(SURVEYED_AT);
    } else {
        out.push(SURVEYED_APART);
        let surveyed: Vec<i64> =
            moments.iter().map(|moment| moment.surveyed.as_nanos().cast_signed()).collect();
        put_integers(out, Order::Delta, &surveyed);
    }
    let first = moments.first().map_or(0, |moment| moment.at.as_nanos());
    let drift = moments
        .iter()
        .map(|moment| moment.wall.as_millis().wrapping_sub(millis_since(first, moment.at)))
        .collect::<Vec<_>>();
    put_integers(out, Order::Delta, &drift);
    let life: Vec<i64> = moments.iter().map(|moment| i64::from(moment.life == Life::Exited)).collect();
    put_integers(out, Order::Delta, &life);
}

fn moments(input: &mut Input<'_>, samples: usize) -> Result<Vec<Moment>, Malformed> {
    let at = input.integers(Order::DeltaOfDelta, samples)?;
    let surveyed = match input.byte()? {
        SURVEYED_AT => at.clone(),
        SURVEYED_APART => input.integers(Order::Delta, samples)?,
        _ => return Err(Malformed),
    };
    let drift = input.integers(Order::Delta, samples)?;
    let life = input.integers(Order::Delta, samples)?;
    let first = at.first().map_or(0, |nanos| nanos.cast_unsigned());
    at.into_iter()
        .zip(surveyed)
        .zip(drift)
        .zip(life)
        .map(|(((at, surveyed), drift), life)| {
            let [at, surveyed] = [at, surveyed].map(|nanos| Timestamp::from_nanos(nanos.cast_unsigned()));
            let wall = WallTime::from_millis(drift.wrapping_add(millis_since(first, at)));
            let life = match life {
                0 => Life::Alive,
                1 => Life::Exited,
                _ => return Err(Malformed),
            };
            Ok(Moment { at, surveyed, wall, life })
        })
        .collect()
}

fn millis_since(first: u64, at: Timestamp) -> i64 {
    (at.as_nanos().wrapping_sub(first) / 1_000_000).cast_signed()
}
