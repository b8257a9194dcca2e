//! Random inputs for a bounded time, from the seeds on, without instrumentation: what runs anywhere.
//!
//!     short SECONDS-PER-TARGET [SEED]
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a tool that tells what it did")]

use std::time::{Duration, Instant};

use fdguard_fuzz::TARGETS;

/// Inputs between two looks at the clock.
const ROUND: usize = 256;

/// The longest input.
const INPUT_MAX: usize = 400;

/// Xorshift: the same seed gives the same inputs.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound.max(1) as u64)).unwrap_or(0)
    }
}

/// Changes an input: bytes flipped, cut, doubled, or mixed with another.
fn change(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(input.len());
        match random.below(7) {
            0 if !input.is_empty() => input[at] ^= 1 << random.below(8),
            1 if !input.is_empty() => input[at] = random.next().to_be_bytes()[0],
            2 if !input.is_empty() => drop(input.remove(at)),
            3 => input.truncate(at),
            4 => input.insert(at, *b"\0'\"$;,=\\\xff\x01 \n".get(random.below(12)).unwrap_or(&0)),
            5 => {
                let from = random.below(other.len());
                let to = from + random.below(other.len() - from + 1);
                input.splice(at..at, other[from..to].iter().copied());
            }
            _ => {
                let copy = input[at.min(input.len())..].to_vec();
                input.extend_from_slice(&copy);
            }
        }
        input.truncate(INPUT_MAX);
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(5);
    let seed = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(0x9e37_79b9_7f4a_7c15);
    for (name, target, seeds) in TARGETS {
        let mut random = Random(seed);
        let until = Instant::now() + Duration::from_secs(seconds);
        let mut inputs = 0_u64;
        while Instant::now() < until {
            for _ in 0..ROUND {
                let mut input = seeds[random.below(seeds.len())].to_vec();
                change(&mut input, seeds[random.below(seeds.len())], &mut random);
                let held = input.clone();
                if std::panic::catch_unwind(|| target(&held)).is_err() {
                    println!("{name}: fails on {:?}", input.escape_ascii().to_string());
                    std::process::exit(1);
                }
                inputs += 1;
            }
        }
        println!("{name}: {inputs} inputs, seed {seed}");
    }
}
