//! Text that comes in pieces, held against UTF-8 as it comes: an offence is told with the first byte that can't be
//! right, not at the end of the message.

/// The longest character in bytes.
const CHARACTER_MAX: usize = 4;

/// What is known of a text so far.
#[derive(Clone, Debug)]
pub struct Utf8 {
    /// The begin of a character that was cut.
    held: [u8; CHARACTER_MAX],
    len: usize,
}

/// Not UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotText;

impl Utf8 {
    /// A text that begins.
    pub const NEW: Self = Self { held: [0; CHARACTER_MAX], len: 0 };

    /// More of the text.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), NotText> {
        while self.len > 0 {
            let Some((byte, rest)) = bytes.split_first() else { return Ok(()) };
            bytes = rest;
            self.held[self.len] = *byte;
            self.len += 1;
            match std::str::from_utf8(&self.held[..self.len]) {
                Ok(_) => self.len = 0,
                // Four bytes are never the begin of something longer.
                Err(error) if error.error_len().is_some() => return Err(NotText),
                Err(_) => {}
            }
        }
        if let Err(error) = std::str::from_utf8(bytes) {
            if error.error_len().is_some() {
                return Err(NotText);
            }
            let cut = &bytes[error.valid_up_to()..];
            self.held[..cut.len()].copy_from_slice(cut);
            self.len = cut.len();
        }
        Ok(())
    }

    /// The end of the text; ready for the next one.
    pub fn end(&mut self) -> Result<(), NotText> {
        if std::mem::take(&mut self.len) == 0 { Ok(()) } else { Err(NotText) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether a text in pieces is one.
    fn judged<'b>(pieces: impl IntoIterator<Item = &'b [u8]>) -> bool {
        let mut text = Utf8::NEW;
        pieces.into_iter().all(|piece| text.feed(piece).is_ok()) && text.end().is_ok()
    }

    #[test]
    fn what_can_not_become_right_is_told_at_once() {
        for bad in [&b"\xff"[..], b"\xc0", b"\xed\xa0", b"\xf4\x90", b"\xf5", b"\xe2\x28", b"\x80"] {
            let mut text = Utf8::NEW;
            let told = bad.iter().position(|byte| text.feed(&[*byte]).is_err());
            assert_eq!(told, Some(bad.len() - 1), "{bad:?}");
        }
    }

    #[test]
    fn a_text_may_not_end_inside_a_character() {
        let mut text = Utf8::NEW;
        text.feed("€".as_bytes().split_last().unwrap().1).unwrap();
        assert_eq!(text.end(), Err(NotText));
        assert_eq!(text.end(), Ok(()), "the next one begins anew");
    }

    proptest! {
        #[test]
        fn any_split_is_judged_as_the_whole(
            bytes in prop_oneof![
                ".{0,20}".prop_map(String::into_bytes),
                prop::collection::vec(prop_oneof![any::<u8>(), 0x80_u8..0xc0, 0xe0_u8..0xf8], 0..12),
            ],
            size in 1_usize..5,
        ) {
            prop_assert_eq!(judged(bytes.chunks(size)), std::str::from_utf8(&bytes).is_ok());
        }
    }
}
