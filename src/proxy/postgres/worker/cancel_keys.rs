//! Secrets of cancel keys: drawn from the kernel by the hundred, since each draw is a system call.

use ring::rand::{SecureRandom as _, SystemRandom};

/// Bytes of one secret.
const LEN: usize = 4;
/// Bytes drawn at once.
const DRAWN: usize = 64 * LEN;

/// Random bytes that nobody has got yet.
#[derive(Debug)]
pub(super) struct CancelKeys {
    bytes: [u8; DRAWN],
    left: usize,
}

impl Default for CancelKeys {
    fn default() -> Self {
        Self { bytes: [0; DRAWN], left: 0 }
    }
}

impl CancelKeys {
    /// One that was never given before.
    pub(super) fn next(&mut self) -> [u8; LEN] {
        if self.left == 0 {
            let filled = SystemRandom::new().fill(&mut self.bytes);
            debug_assert!(filled.is_ok(), "the kernel has random numbers");
            self.left = DRAWN;
        }
        self.left -= LEN;
        let mut secret = [0; LEN];
        // What has been given is not kept here too.
        secret.swap_with_slice(&mut self.bytes[self.left..self.left + LEN]);
        secret
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_is_another_one_and_leaves_nothing_behind() {
        let mut keys = CancelKeys::default();
        let drawn: BTreeSet<_> = (0..200).map(|_| keys.next()).collect();
        // Two of two hundred are the same once in two hundred thousand runs.
        assert!(drawn.len() >= 199, "{}", drawn.len());
        assert!(keys.bytes[keys.left..].iter().all(|byte| *byte == 0));
    }
}
