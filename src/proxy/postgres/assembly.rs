//! What is to be sent, put together with the fewest copies: the bytes that came in, where they go out as they are, and a
//! buffer only where something is left out, put in or changed.

use std::ops::Range;

/// A message stream on its way through.
#[derive(Debug)]
pub(super) struct Assembly<'b> {
    input: &'b [u8],
    /// Of the input, what goes out as it is and was not yet copied.
    run: Range<usize>,
    /// What was copied or made; empty as long as one run of the input is all there is.
    made: &'b mut Vec<u8>,
}

impl<'b> Assembly<'b> {
    /// Out of `input`, with `made` as the buffer, which is emptied first.
    pub(super) fn new(input: &'b [u8], made: &'b mut Vec<u8>) -> Self {
        made.clear();
        Self { input, run: 0..0, made }
    }

    /// Sends a range of the input as it is. Ranges come in order.
    #[inline]
    pub(super) fn keep(&mut self, range: Range<usize>) {
        if range.start == self.run.end && !self.run.is_empty() {
            self.run.end = range.end;
            return;
        }
        self.settle();
        self.run = range;
    }

    /// The buffer, behind all that is sent so far.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        self.settle();
        self.made
    }

    fn settle(&mut self) {
        if !self.run.is_empty() {
            self.made.extend_from_slice(&self.input[self.run.clone()]);
            self.run = 0..0;
        }
    }

    /// All of it, in one piece.
    pub(super) fn finish(mut self) -> &'b [u8] {
        if self.made.is_empty() {
            return &self.input[self.run];
        }
        self.settle();
        self.made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assembled(work: impl FnOnce(&mut Assembly<'_>)) -> (Vec<u8>, bool) {
        let mut made = vec![9];
        let mut assembly = Assembly::new(b"0123456789", &mut made);
        work(&mut assembly);
        let sent = assembly.finish().to_vec();
        (sent, made.is_empty())
    }

    #[test]
    fn one_run_is_not_copied() {
        let all = assembled(|assembly| {
            assembly.keep(0..4);
            assembly.keep(4..10);
        });
        assert_eq!(all, (b"0123456789".to_vec(), true));
        assert_eq!(assembled(|assembly| assembly.keep(3..5)), (b"34".to_vec(), true));
        assert_eq!(assembled(|_| ()), (Vec::new(), true));
    }

    #[test]
    fn what_is_left_out_or_put_in_takes_its_place() {
        let gap = assembled(|assembly| {
            assembly.keep(0..2);
            assembly.keep(5..7);
        });
        assert_eq!(gap, (b"0156".to_vec(), false));
        let put = assembled(|assembly| {
            assembly.keep(0..2);
            assembly.buffer().extend_from_slice(b"ab");
            assembly.keep(2..3);
        });
        assert_eq!(put, (b"01ab2".to_vec(), false));
    }
}
