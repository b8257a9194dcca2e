//! Masking (RFC 6455, section 5.3): each byte of a payload XOR the byte of the key at its place modulo four.

/// The key of a frame.
pub type Key = [u8; 4];

/// Masks or unmasks bytes that stand at `offset` of their payload.
#[inline]
pub fn apply(bytes: &mut [u8], key: Key, offset: u64) {
    let mut turned = key;
    turned.rotate_left((offset % 4) as usize);
    let word = u64::from_ne_bytes([
        turned[0], turned[1], turned[2], turned[3], turned[0], turned[1], turned[2], turned[3],
    ]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for chunk in words {
        *chunk = (u64::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(turned.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_the_standard() {
        let mut payload = *b"Hello";
        apply(&mut payload, [0x37, 0xfa, 0x21, 0x3d], 0);
        assert_eq!(payload, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    proptest! {
        #[test]
        fn any_split_masks_the_same_and_twice_is_nothing(
            payload in prop::collection::vec(any::<u8>(), 0..100), key: Key, cut: usize,
        ) {
            let mut whole = payload.clone();
            apply(&mut whole, key, 0);
            let plain: Vec<u8> = payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect();
            prop_assert_eq!(&whole, &plain);
            let mut split = payload.clone();
            let at = cut % (payload.len() + 1);
            let (first, second) = split.split_at_mut(at);
            apply(first, key, 0);
            apply(second, key, at as u64);
            prop_assert_eq!(&split, &whole);
            apply(&mut whole, key, 0);
            prop_assert_eq!(whole, payload);
        }
    }
}
