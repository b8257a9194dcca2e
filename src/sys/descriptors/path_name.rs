//! Short paths to a descriptor, made without allocation.

use std::ffi::CStr;
use std::os::fd::RawFd;

/// `/proc/self/fd/` and `../fdinfo/`, two numbers, a slash and the end.
const ROOM: usize = 48;

/// A NUL-terminated path that names a descriptor.
#[derive(Clone, Copy)]
pub(in crate::sys) struct PathName {
    bytes: [u8; ROOM],
    length: usize,
}

impl PathName {
    /// Relative to the table: `17`.
    pub(super) fn number(number: u32) -> Self {
        let mut name = Self { bytes: [0; ROOM], length: 0 };
        name.push_number(number);
        name
    }

    /// Its information, relative to the table: `../fdinfo/17`.
    pub(super) fn info(number: u32) -> Self {
        let mut name = Self { bytes: [0; ROOM], length: 0 };
        name.push(b"../fdinfo/");
        name.push_number(number);
        name
    }

    /// Absolute, through our own descriptor of the table: `/proc/self/fd/5/17`.
    pub(super) fn through(table: RawFd, number: u32) -> Self {
        let mut name = Self { bytes: [0; ROOM], length: 0 };
        name.push(b"/proc/self/fd/");
        name.push_number(u32::try_from(table).expect("an open descriptor is not negative"));
        name.push(b"/");
        name.push_number(number);
        name
    }

    pub(in crate::sys) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).expect("the last byte is never written")
    }

    fn push(&mut self, text: &[u8]) {
        for (place, byte) in self.bytes[..ROOM - 1].iter_mut().skip(self.length).zip(text) {
            *place = *byte;
        }
        self.length += text.len();
    }

    fn push_number(&mut self, number: u32) {
        let mut digits = [0; 10];
        let mut start = digits.len();
        let mut rest = number;
        loop {
            start -= 1;
            digits[start] = b'0' + u8::try_from(rest % 10).expect("a digit");
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.push(&digits[start..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_out() {
        for number in [0, 9, 10, 1023, u32::MAX] {
            assert_eq!(PathName::number(number).as_c_str().to_str().unwrap(), number.to_string());
        }
        assert_eq!(PathName::info(12).as_c_str().to_str().unwrap(), "../fdinfo/12");
        let longest = PathName::through(i32::MAX, u32::MAX);
        assert_eq!(longest.as_c_str().to_str().unwrap(), "/proc/self/fd/2147483647/4294967295");
    }
}
