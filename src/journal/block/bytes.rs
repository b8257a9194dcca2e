//! Numbers as bytes: varints, zigzag, and streams of integers that rest most of the time.
//!
//! Reading is bounded by what is asked for and gives an error on any bytes it can't read; it never panics.

/// The bytes end early or hold a number that can't be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the bytes end early or hold what can't be")]
pub struct Malformed;

/// Bytes being read.
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    /// A varint that is at most `most`.
    pub(super) fn count(&mut self, most: usize) -> Result<usize, Malformed> {
        let value = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
        if value <= most { Ok(value) } else { Err(Malformed) }
    }

    pub(super) fn float(&mut self) -> Result<f64, Malformed> {
        let bytes = self.take(8)?.try_into().expect("eight were taken");
        Ok(f64::from_bits(u64::from_le_bytes(bytes)))
    }

    /// A stream that [`put_integers`] wrote: `len` integers.
    pub(super) fn integers(&mut self, order: Order, len: usize) -> Result<Vec<i64>, Malformed> {
        let mut values = Vec::with_capacity(len);
        if len == 0 {
            return Ok(values);
        }
        let mut value = unzigzag(self.varint()?);
        values.push(value);
        let mut step = 0i64;
        while values.len() < len {
            let token = self.varint()?;
            let (change, times) = match token {
                0 => (0, self.count(len - values.len() - 1)? + 1),
                token => (unzigzag(token), 1),
            };
            for _ in 0..times {
                step = match order {
                    Order::Delta => change,
                    Order::DeltaOfDelta => step.wrapping_add(change),
                };
                value = value.wrapping_add(step);
                values.push(value);
            }
        }
        Ok(values)
    }
}

/// What a stream of integers holds after its first one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// Differences: for what rests or wanders.
    Delta,
    /// Differences of differences: for what climbs evenly, such as time.
    DeltaOfDelta,
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

pub(super) fn put_float(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// Writes integers: the first, then changes as zigzag varints, a run of no change as 0 and its length less one.
pub(super) fn put_integers(out: &mut Vec<u8>, order: Order, values: &[i64]) {
    let Some((first, rest)) = values.split_first() else { return };
    put_varint(out, zigzag(*first));
    let (mut value, mut step, mut resting) = (*first, 0i64, 0u64);
    for next in rest {
        let difference = next.wrapping_sub(value);
        let change = match order {
            Order::Delta => difference,
            Order::DeltaOfDelta => difference.wrapping_sub(step),
        };
        (value, step) = (*next, difference);
        if change == 0 {
            resting += 1;
            continue;
        }
        put_rest(out, &mut resting);
        put_varint(out, zigzag(change));
    }
    put_rest(out, &mut resting);
}

/// Writes a run of no change, where there is one: 0 and its length less one.
pub(super) fn put_rest(out: &mut Vec<u8>, resting: &mut u64) {
    if *resting > 0 {
        out.push(0);
        put_varint(out, *resting - 1);
        *resting = 0;
    }
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_come_back(
            values in prop::collection::vec(prop_oneof![any::<i64>(), -3i64..3, Just(0)], 0..80),
            even in any::<bool>(),
        ) {
            let order = if even { Order::Delta } else { Order::DeltaOfDelta };
            let mut out = Vec::new();
            put_integers(&mut out, order, &values);
            let mut input = Input(&out);
            prop_assert_eq!(input.integers(order, values.len()).unwrap(), values);
            prop_assert!(input.0.is_empty());
        }

        #[test]
        fn any_bytes_give_the_length_asked_for_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(values) = Input(&bytes).integers(Order::DeltaOfDelta, 300) {
                prop_assert_eq!(values.len(), 300);
            }
        }
    }
}
