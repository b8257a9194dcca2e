//! What a descriptor refers to.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($variant:ident $name:literal $doc:literal,)*) => {
        /// The kind of a descriptor, as told by its link in `/proc/PID/fd`.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Kind { $(#[doc = $doc] $variant,)* }

        impl Kind {
            /// Every kind, in a fixed order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// How many kinds there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The word for it in policies and output.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The kind of that name.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.name() == name)
            }
        }
    };
}

kinds! {
    Socket "socket" "Any socket.",
    File "file" "A regular file.",
    Directory "directory" "A directory.",
    Device "device" "A character or block device.",
    Pipe "pipe" "A pipe or FIFO.",
    Epoll "epoll" "An epoll set.",
    Eventfd "eventfd" "An event counter.",
    Timerfd "timerfd" "A timer.",
    Signalfd "signalfd" "A signal queue.",
    Inotify "inotify" "An inotify or fanotify queue.",
    Pidfd "pidfd" "A process.",
    Memfd "memfd" "Anonymous shared memory.",
    IoUring "io_uring" "An io_uring instance.",
    Bpf "bpf" "A BPF program, map or link.",
    Other "other" "Anything else.",
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
