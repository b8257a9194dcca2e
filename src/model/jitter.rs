//! Numbers that look random, from a seed that is handed in: the same seed gives the same history.

/// The generator known as SplitMix64.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// One with this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number from 0 up to but not including 1.
    pub fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_in_range_and_spread() {
        let mut jitter = Jitter::new(7);
        let drawn: Vec<f64> = (0..1_000).map(|_| jitter.fraction()).collect();
        assert!(drawn.iter().all(|number| (0.0..1.0).contains(number)));
        let low = drawn.iter().filter(|number| **number < 0.5).count();
        assert!((400..600).contains(&low), "{low} of 1000 in the lower half");
    }
}
