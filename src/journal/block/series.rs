//! One column of a block: runs of equal cells, and their bytes.
//!
//! On disk first stands where the column is known, absent or a gap, then the known values in whichever of
//! these forms is shortest; all of them give back the same bits:
//!
//! - integers, or decimals of up to nine places: differences, or differences of differences, as varints;
//! - a dictionary of the values there are, and their places in it;
//! - each value combined by XOR with the one before, without its zero bytes.

use super::bytes::{Input, Malformed, Order, put_float, put_integers, put_rest, put_varint};
use crate::model::reading::{Gap, Reading};

/// What a column holds in one sample; `None` where the sample has no such column.
pub type Cell = Option<Reading<f64>>;

/// So many samples on end with an equal cell.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The cell.
    pub cell: Cell,
    /// How many samples, at least 1.
    pub len: u32,
}

impl PartialEq for Run {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && same(self.cell, other.cell)
    }
}

/// A column: runs that differ from their neighbours.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Series {
    runs: Vec<Run>,
    len: usize,
}

/// The powers of ten by which decimals become integers.
const SCALES: [i32; 7] = [0, 1, 2, 3, 4, 6, 9];
/// Integers up to here are exact in an `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// The largest dictionary.
const WORDS_MAX: usize = 64;

const ALL_KNOWN: u8 = 0;
const IN_RUNS: u8 = 1;
const STATE_ABSENT: u8 = 0;
const STATE_KNOWN: u8 = 1;
/// Gaps follow, in the order of [`Gap::ALL`].
const STATE_GAP: u8 = 2;

const FORM_XOR: u8 = 0x20;
const FORM_WORDS: u8 = 0x21;
/// With the place in [`SCALES`] in the low three bits.
const FORM_DELTA: u8 = 0x00;
const FORM_DELTA_OF_DELTA: u8 = 0x08;

impl Series {
    /// A column that `len` samples did not have.
    pub(super) fn absent(len: usize) -> Self {
        let mut series = Self::default();
        series.push_run(None, len);
        series
    }

    /// The runs, oldest first.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// How many samples.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The cell of each sample, oldest first.
    pub fn cells(&self) -> impl Iterator<Item = Cell> {
        self.runs.iter().flat_map(|run| std::iter::repeat_n(run.cell, run.len as usize))
    }

    pub(super) fn push(&mut self, cell: Cell) {
        self.push_run(cell, 1);
    }

    fn push_run(&mut self, cell: Cell, len: usize) {
        if len == 0 {
            return;
        }
        let count = u32::try_from(len).expect("a block has few samples");
        match self.runs.last_mut() {
            Some(last) if same(last.cell, cell) => last.len += count,
            Some(_) | None => self.runs.push(Run { cell, len: count }),
        }
        self.len += len;
    }

    /// Appends the bytes of the column.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut states: Vec<(u8, u64)> = Vec::new();
        for run in &self.runs {
            match (states.last_mut(), state(run.cell)) {
                (Some((last, len)), state) if *last == state => *len += u64::from(run.len),
                (_, state) => states.push((state, u64::from(run.len))),
            }
        }
        if states.iter().all(|(state, _)| *state == STATE_KNOWN) {
            out.push(ALL_KNOWN);
        } else {
            out.push(IN_RUNS);
            for (state, len) in states {
                out.push(state);
                put_varint(out, len);
            }
        }
        let known: Vec<f64> = self.cells().filter_map(|cell| cell.and_then(Reading::known)).collect();
        if !known.is_empty() {
            out.extend_from_slice(&shortest(&known));
        }
    }

    /// Reads a column of `len` samples, all of the input.
    pub(super) fn decode(bytes: &[u8], len: usize) -> Result<Self, Malformed> {
        let mut input = Input(bytes);
        let mut states = Vec::new();
        match input.byte()? {
            ALL_KNOWN => states.push((STATE_KNOWN, len)),
            IN_RUNS => {
                let mut left = len;
                while left > 0 {
                    let (state, run) = (input.byte()?, input.count(left)?);
                    if run == 0 {
                        return Err(Malformed);
                    }
                    left -= run;
                    states.push((state, run));
                }
            }
            _ => return Err(Malformed),
        }
        let known = states.iter().filter(|(state, _)| *state == STATE_KNOWN).map(|(_, run)| run).sum();
        let mut values = values(&mut input, known)?.into_iter();
        let mut series = Self::default();
        for (state, run) in states {
            match state {
                STATE_ABSENT => series.push_run(None, run),
                STATE_KNOWN => {
                    values.by_ref().take(run).for_each(|value| series.push(Some(Reading::Known(value))));
                }
                state => {
                    let gap = Gap::ALL.get(usize::from(state - STATE_GAP)).ok_or(Malformed)?;
                    series.push_run(Some(Reading::Unavailable(*gap)), run);
                }
            }
        }
        if input.0.is_empty() { Ok(series) } else { Err(Malformed) }
    }
}

/// Equal, floats by their bits.
fn same(a: Cell, b: Cell) -> bool {
    match (a, b) {
        (Some(Reading::Known(a)), Some(Reading::Known(b))) => a.to_bits() == b.to_bits(),
        (Some(Reading::Unavailable(a)), Some(Reading::Unavailable(b))) => a == b,
        (None, None) => true,
        (Some(_) | None, _) => false,
    }
}

fn state(cell: Cell) -> u8 {
    match cell {
        None => STATE_ABSENT,
        Some(Reading::Known(_)) => STATE_KNOWN,
        Some(Reading::Unavailable(gap)) => {
            let place = Gap::ALL.iter().position(|one| *one == gap).expect("ALL holds every gap");
            STATE_GAP + u8::try_from(place).expect("there are few gaps")
        }
    }
}

fn shortest(values: &[f64]) -> Vec<u8> {
    let decimal = SCALES.iter().enumerate().find_map(|(place, scale)| Some((place, scaled(values, *scale)?)));
    let candidates = if let Some((place, integers)) = decimal {
        let place = u8::try_from(place).expect("there are few scales");
        vec![
            integer_form(FORM_DELTA | place, Order::Delta, &integers),
            integer_form(FORM_DELTA_OF_DELTA | place, Order::DeltaOfDelta, &integers),
        ]
    } else {
        [Some(xor_form(values)), words_form(values)].into_iter().flatten().collect()
    };
    candidates.into_iter().min_by_key(Vec::len).expect("there is always one form")
}

fn integer_form(form: u8, order: Order, integers: &[i64]) -> Vec<u8> {
    let mut out = vec![form];
    put_integers(&mut out, order, integers);
    out
}

/// The values times a power of ten, where that makes integers which give back the same bits.
fn scaled(values: &[f64], scale: i32) -> Option<Vec<i64>> {
    let power = 10f64.powi(scale);
    values
        .iter()
        .map(|value| {
            let product = (value * power).round();
            if product.is_nan() || product.abs() >= EXACT {
                return None;
            }
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below EXACT")]
            let integer = product as i64;
            (unscaled(integer, power).to_bits() == value.to_bits()).then_some(integer)
        })
        .collect()
}

fn unscaled(integer: i64, power: f64) -> f64 {
    integer as f64 / power
}

fn words_form(values: &[f64]) -> Option<Vec<u8>> {
    let mut words: Vec<u64> = Vec::new();
    let mut places = Vec::with_capacity(values.len());
    for value in values {
        let bits = value.to_bits();
        let place = words.iter().position(|word| *word == bits).unwrap_or_else(|| {
            words.push(bits);
            words.len() - 1
        });
        if words.len() > WORDS_MAX {
            return None;
        }
        places.push(i64::try_from(place).expect("there are few words"));
    }
    let mut out = vec![FORM_WORDS];
    put_varint(&mut out, words.len() as u64);
    for word in words {
        put_float(&mut out, f64::from_bits(word));
    }
    put_integers(&mut out, Order::Delta, &places);
    Some(out)
}

/// Each value by XOR with the one before: a byte with the zero bytes in front and the bytes that follow, then
/// those; a run of equal values as 0 and its length less one.
fn xor_form(values: &[f64]) -> Vec<u8> {
    let mut out = vec![FORM_XOR];
    let (mut before, mut resting) = (0u64, 0u64);
    for bits in values.iter().map(|value| value.to_bits()) {
        let change = bits ^ before;
        before = bits;
        if change == 0 {
            resting += 1;
            continue;
        }
        put_rest(&mut out, &mut resting);
        let front = change.leading_zeros() / 8;
        let width = 8 - front - change.trailing_zeros() / 8;
        out.push(u8::try_from(front << 4 | width).expect("both are at most 8"));
        let bytes = change.to_be_bytes();
        out.extend_from_slice(&bytes[front as usize..(front + width) as usize]);
    }
    put_rest(&mut out, &mut resting);
    out
}

fn values(input: &mut Input<'_>, len: usize) -> Result<Vec<f64>, Malformed> {
    if len == 0 {
        return Ok(Vec::new());
    }
    let form = input.byte()?;
    match form {
        FORM_XOR => xored(input, len),
        FORM_WORDS => {
            let count = input.count(WORDS_MAX)?;
            let words = (0..count).map(|_| input.float()).collect::<Result<Vec<_>, _>>()?;
            let places = input.integers(Order::Delta, len)?;
            let word = |place: i64| words.get(usize::try_from(place).ok()?).copied();
            places.into_iter().map(|place| word(place).ok_or(Malformed)).collect()
        }
        form if form < 0x10 => {
            let order = if form & FORM_DELTA_OF_DELTA == 0 { Order::Delta } else { Order::DeltaOfDelta };
            let power = 10f64.powi(*SCALES.get(usize::from(form & 7)).ok_or(Malformed)?);
            let integers = input.integers(order, len)?;
            Ok(integers.into_iter().map(|integer| unscaled(integer, power)).collect())
        }
        _ => Err(Malformed),
    }
}

fn xored(input: &mut Input<'_>, len: usize) -> Result<Vec<f64>, Malformed> {
    let mut values = Vec::with_capacity(len);
    let mut bits = 0u64;
    while values.len() < len {
        let control = input.byte()?;
        if control == 0 {
            let times = input.count(len - values.len() - 1)? + 1;
            values.extend(std::iter::repeat_n(f64::from_bits(bits), times));
            continue;
        }
        let (front, width) = (usize::from(control >> 4), usize::from(control & 0x0f));
        let mut change = [0; 8];
        let part = change.get_mut(front..front + width).ok_or(Malformed)?;
        part.copy_from_slice(input.take(width)?);
        bits ^= u64::from_be_bytes(change);
        values.push(f64::from_bits(bits));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cell() -> impl Strategy<Value = Cell> {
        prop_oneof![
            6 => (0u32..50).prop_map(|v| Some(Reading::Known(f64::from(v)))),
            2 => (0u32..5000).prop_map(|v| Some(Reading::Known(f64::from(v) / 100.0))),
            2 => any::<f64>().prop_map(|v| Some(Reading::Known(v))),
            1 => prop::sample::select(vec![-0.0, f64::INFINITY, f64::NAN, 9.1e15, -1e300])
                .prop_map(|v| Some(Reading::Known(v))),
            1 => (0..Gap::ALL.len()).prop_map(|i| Some(Reading::Unavailable(Gap::ALL[i]))),
            1 => Just(None),
        ]
    }

    fn series(cells: &[Cell]) -> Series {
        let mut series = Series::default();
        for cell in cells {
            series.push(*cell);
        }
        series
    }

    fn round(cells: &[Cell]) -> (usize, Series) {
        let mut out = Vec::new();
        series(cells).encode(&mut out);
        (out.len(), Series::decode(&out, cells.len()).unwrap())
    }

    proptest! {
        #[test]
        fn every_bit_comes_back(cells in prop::collection::vec(cell(), 0..60), repeat in 1usize..4) {
            let cells: Vec<Cell> =
                cells.into_iter().flat_map(|cell| std::iter::repeat_n(cell, repeat)).collect();
            prop_assert_eq!(round(&cells).1, series(&cells));
        }

        #[test]
        fn any_bytes_give_the_length_asked_for_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(series) = Series::decode(&bytes, 90) {
                prop_assert_eq!(series.len(), 90);
                prop_assert_eq!(series.cells().count(), 90);
            }
        }
    }

    #[test]
    fn what_rests_costs_next_to_nothing() {
        let known = |value: f64| Some(Reading::Known(value));
        assert!(round(&[known(1024.0); 300]).0 <= 7);
        assert!(round(&[known(0.1 + 0.2); 300]).0 <= 14);
        assert!(round(&[Some(Reading::Unavailable(Gap::NotPermitted)); 300]).0 <= 4);
        let climbing: Vec<Cell> = (0..300).map(|i| known(85.0 + f64::from(i))).collect();
        assert!(round(&climbing).0 <= 8);
        let per_cent: Vec<Cell> = (0..300).map(|i| known(f64::from(i % 7) / 100.0)).collect();
        assert!(round(&per_cent).0 <= 310);
    }
}
