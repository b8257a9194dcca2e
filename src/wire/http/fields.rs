//! The field lines of a head, as ranges of it, and which of them are not passed on.

use std::ops::Range;

use super::fault::Fault;

/// The most field lines of a head.
pub const FIELDS_MAX: usize = 128;

/// One field line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Line {
    start: u32,
    name_end: u32,
    value: (u32, u32),
}

/// The lines of one head; kept by the reader and used again, so that a head costs no allocation.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    lines: Vec<Line>,
    /// Where the last line ends.
    end: usize,
    /// The lines that are left out, a bit each.
    cut: u128,
}

impl Fields {
    /// None yet.
    pub fn new() -> Self {
        Self { lines: Vec::with_capacity(FIELDS_MAX), end: 0, cut: 0 }
    }

    /// Takes in what was parsed of `bytes`, a head that ends in its blank line.
    pub(super) fn take(&mut self, bytes: &[u8], parsed: &[httparse::Header<'_>]) -> Result<(), Fault> {
        self.lines.clear();
        self.cut = 0;
        self.end = bytes.len().saturating_sub(2);
        let base = bytes.as_ptr().addr();
        for field in parsed {
            let start = field.name.as_ptr().addr() - base;
            let value = match field.value {
                [] => (start, start),
                value => {
                    let from = value.as_ptr().addr() - base;
                    (from, from + value.len())
                }
            };
            self.lines.push(Line {
                start: place(start)?,
                name_end: place(start + field.name.len())?,
                value: (place(value.0)?, place(value.1)?),
            });
        }
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Name and value of a line of `head`.
    pub fn at<'h>(&self, head: &'h [u8], place: usize) -> (&'h [u8], &'h [u8]) {
        let line = self.lines[place];
        (&head[line.start as usize..line.name_end as usize], &head[self.value(place)])
    }

    /// The range of a line's value.
    pub fn value(&self, place: usize) -> Range<usize> {
        let (from, to) = self.lines[place].value;
        from as usize..to as usize
    }

    /// The range of a whole line with its end.
    pub fn line(&self, place: usize) -> Range<usize> {
        let end = self.lines.get(place + 1).map_or(self.end, |next| next.start as usize);
        self.lines[place].start as usize..end
    }

    /// Names and values, in order; those that are left out too.
    pub fn iter<'h>(&self, head: &'h [u8]) -> impl Iterator<Item = (&'h [u8], &'h [u8])> {
        (0..self.len()).map(move |place| self.at(head, place))
    }

    /// The value of the first line of that name.
    pub fn get<'h>(&self, head: &'h [u8], name: &str) -> Option<&'h [u8]> {
        self.iter(head).find(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// Leaves a line out.
    pub fn cut(&mut self, place: usize) {
        self.cut |= 1 << place;
    }

    /// Leaves all lines of that name out.
    pub fn cut_named(&mut self, head: &[u8], name: &[u8]) {
        for place in 0..self.len() {
            if self.at(head, place).0.eq_ignore_ascii_case(name) {
                self.cut(place);
            }
        }
    }

    /// Passes all lines of that name on after all.
    pub fn keep_named(&mut self, head: &[u8], name: &[u8]) {
        for place in 0..self.len() {
            if self.at(head, place).0.eq_ignore_ascii_case(name) {
                self.cut &= !(1 << place);
            }
        }
    }

    /// Whether a line is left out.
    pub fn is_cut(&self, place: usize) -> bool {
        self.cut & (1 << place) != 0
    }

    /// Whether every line is passed on.
    pub fn is_whole(&self) -> bool {
        self.cut == 0
    }

    /// The lines that are left out, in order, as ranges with their ends.
    pub fn cuts(&self) -> impl Iterator<Item = Range<usize>> {
        let mut left = self.cut;
        std::iter::from_fn(move || {
            (left != 0).then(|| {
                let place = left.trailing_zeros() as usize;
                left &= left - 1;
                self.line(place)
            })
        })
    }
}

fn place(at: usize) -> Result<u32, Fault> {
    u32::try_from(at).map_err(|_| Fault::HeadLong)
}

/// The members of a list in a field's value, without blanks around them and without empty ones (RFC 9110, 5.6.1).
pub fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}
