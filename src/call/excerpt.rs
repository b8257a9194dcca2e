//! The beginning and the end of an output of any length, in bounded memory.

use std::collections::VecDeque;

/// How many bytes of the beginning are kept by default, and as many of the end.
pub const KEPT: usize = 4 * 1024;

/// Keeps the first and the last bytes of what passes through it.
#[derive(Clone, Debug)]
pub struct Excerpt {
    each: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
}

impl Excerpt {
    /// Keeps so many bytes of the beginning and as many of the end.
    pub fn keeping(each: usize) -> Self {
        Self { each, head: Vec::new(), tail: VecDeque::new(), total: 0 }
    }

    /// How many bytes it keeps.
    pub fn room(&self) -> u64 {
        2 * self.each as u64
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.total += piece.len() as u64;
        let (to_head, to_tail) = piece.split_at(piece.len().min(self.each - self.head.len()));
        self.head.extend_from_slice(to_head);
        let to_tail = &to_tail[to_tail.len().saturating_sub(self.each)..];
        let over = (self.tail.len() + to_tail.len()).saturating_sub(self.each);
        self.tail.drain(..over);
        self.tail.extend(to_tail);
    }

    /// How many bytes came in.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// What was kept, as text, with a note of how much was left out in between.
    pub fn text(&self) -> String {
        let left_out = self.total - (self.head.len() + self.tail.len()) as u64;
        if left_out == 0 {
            let mut all = self.head.clone();
            all.extend(&self.tail);
            return String::from_utf8_lossy(&all).trim_end().to_owned();
        }
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        let (head, tail) = (String::from_utf8_lossy(&self.head), String::from_utf8_lossy(&tail));
        format!("{head}\n[{left_out} bytes left out]\n{}", tail.trim_end())
    }
}

impl Default for Excerpt {
    fn default() -> Self {
        Self::keeping(KEPT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keeps_what_a_whole_copy_would_show(pieces in prop::collection::vec(prop::collection::vec(0u8..128, 0..3000), 0..12)) {
            let mut kept = Excerpt::default();
            for piece in &pieces {
                kept.push(piece);
            }
            let whole = pieces.concat();
            prop_assert_eq!(kept.total(), whole.len() as u64);
            prop_assert_eq!(&kept.head[..], &whole[..whole.len().min(KEPT)]);
            let rest = &whole[whole.len().min(KEPT)..];
            let tail: Vec<u8> = kept.tail.iter().copied().collect();
            prop_assert_eq!(&tail[..], &rest[rest.len().saturating_sub(KEPT)..]);
        }
    }

    #[test]
    fn says_how_much_was_left_out() {
        let mut kept = Excerpt::default();
        kept.push(&vec![b'a'; KEPT]);
        kept.push(&[b'b'; 10]);
        kept.push(&vec![b'c'; KEPT]);
        assert!(kept.text().contains("\n[10 bytes left out]\nc"), "{}", kept.text());
    }
}
