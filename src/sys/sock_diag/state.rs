//! States of a TCP socket, and sets of them.

use std::fmt;

macro_rules! states {
    ($($variant:ident $code:literal $name:literal,)*) => {
        /// The state of a TCP socket, by the kernel's numbers.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        #[repr(u8)]
        pub enum TcpState { $(#[doc = concat!("`", $name, "`")] $variant = $code,)* }

        impl TcpState {
            /// Every state.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The state of a number.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }

            /// Its name in RFC 9293.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

states! {
    Established 1 "ESTABLISHED",
    SynSent 2 "SYN_SENT",
    SynReceived 3 "SYN_RECV",
    FinWait1 4 "FIN_WAIT1",
    FinWait2 5 "FIN_WAIT2",
    TimeWait 6 "TIME_WAIT",
    Close 7 "CLOSE",
    CloseWait 8 "CLOSE_WAIT",
    LastAck 9 "LAST_ACK",
    Listen 10 "LISTEN",
    Closing 11 "CLOSING",
    NewSynReceived 12 "NEW_SYN_RECV",
    BoundInactive 13 "BOUND_INACTIVE",
}

impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of states to ask the kernel for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct States(u32);

impl States {
    /// Every state that has a name here: a later kernel's new one is not asked for.
    pub const ALL: Self = Self::of(TcpState::ALL);
    /// CLOSE_WAIT alone: the cheap question of a fast tick.
    pub const CLOSE_WAIT: Self = Self::of(&[TcpState::CloseWait]);

    /// These states.
    pub const fn of(states: &[TcpState]) -> Self {
        let mut bits = 0;
        let mut rest = states;
        while let [first, others @ ..] = rest {
            bits |= 1 << (*first as u32);
            rest = others;
        }
        Self(bits)
    }

    /// All but these states.
    #[must_use]
    pub const fn without(self, states: &[TcpState]) -> Self {
        Self(self.0 & !Self::of(states).0)
    }

    /// Whether the state is among them.
    pub const fn has(self, state: TcpState) -> bool {
        self.0 & 1 << state as u32 != 0
    }

    /// As the kernel takes it: bit *n* for state number *n*.
    pub const fn bits(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_states_go_both_ways() {
        for state in TcpState::ALL {
            assert_eq!(TcpState::from_code(*state as u8), Some(*state));
        }
        assert_eq!(TcpState::from_code(0), None);
        assert_eq!(TcpState::from_code(14), None);
        assert_eq!(States::CLOSE_WAIT.bits(), 0x100);
        assert_eq!(States::ALL.bits(), 0x3ffe);
    }
}
