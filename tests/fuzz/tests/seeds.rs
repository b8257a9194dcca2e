//! The targets on their seeds, and on all that is one cut or one byte away from them.

use fdguard_fuzz::TARGETS;

#[test]
fn seeds_cut_anywhere() {
    for (_, target, seeds) in TARGETS {
        for seed in *seeds {
            (0..=seed.len()).for_each(|end| target(&seed[..end]));
        }
    }
}

#[test]
fn seeds_with_a_byte_changed() {
    for (_, target, seeds) in TARGETS {
        for seed in *seeds {
            for at in 0..seed.len() {
                let mut changed = seed.to_vec();
                for byte in [0, 1, b'\'', b'"', b';', 0x7f, 0xff] {
                    changed[at] = byte;
                    target(&changed);
                }
            }
        }
    }
}
