//! What the agent says to its keeper, as one short text each.

use std::fmt;
use std::time::Duration;

/// Names one thing to undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UndoId(pub(super) u64);

/// What to do with the descriptors that came along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undo {
    /// They are `cgroup.freeze` files: write `0`.
    ThawV2,
    /// They are `freezer.state` files: write `THAWED`.
    ThawV1,
    /// They are pidfds of stopped processes: send SIGCONT.
    Continue,
    /// They are pidfds of group leaders: TERM to the group, this grace, then KILL.
    End {
        /// How long the group may take to end by itself.
        grace: Duration,
    },
}

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message {
    /// Undo this within that time, or when the agent is gone. Sent again under the same id it adds descriptors.
    Keep { id: UndoId, undo: Undo, within: Option<Duration> },
    /// Forget it.
    Release { id: UndoId },
}

/// The confirmation of whatever was said about `id`.
pub(super) fn answer(id: UndoId) -> String {
    format!("ok {}", id.0)
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release { id } => write!(f, "release {}", id.0),
            Self::Keep { id, undo, within } => {
                let within = within.map_or_else(|| "-".to_owned(), |limit| limit.as_millis().to_string());
                write!(f, "keep {} {within} ", id.0)?;
                match undo {
                    Undo::ThawV2 => write!(f, "thaw2"),
                    Undo::ThawV1 => write!(f, "thaw1"),
                    Undo::Continue => write!(f, "continue"),
                    Undo::End { grace } => write!(f, "end {}", grace.as_millis()),
                }
            }
        }
    }
}

impl Message {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let verb = words.next()?;
        let id = UndoId(words.next()?.parse().ok()?);
        if verb == "release" {
            return Some(Self::Release { id });
        }
        let within = match words.next().filter(|_| verb == "keep")? {
            "-" => None,
            limit => Some(Duration::from_millis(limit.parse().ok()?)),
        };
        let undo = match words.next()? {
            "thaw2" => Undo::ThawV2,
            "thaw1" => Undo::ThawV1,
            "continue" => Undo::Continue,
            "end" => Undo::End { grace: Duration::from_millis(words.next()?.parse().ok()?) },
            _ => return None,
        };
        Some(Self::Keep { id, undo, within })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn undo() -> impl Strategy<Value = Undo> {
        prop_oneof![
            Just(Undo::ThawV2),
            Just(Undo::ThawV1),
            Just(Undo::Continue),
            any::<u32>().prop_map(|ms| Undo::End { grace: Duration::from_millis(ms.into()) }),
        ]
    }

    proptest! {
        #[test]
        fn every_message_survives_the_way(id in any::<u64>(), undo in undo(), within in any::<Option<u32>>()) {
            let within = within.map(|ms| Duration::from_millis(ms.into()));
            for message in [Message::Keep { id: UndoId(id), undo, within }, Message::Release { id: UndoId(id) }] {
                prop_assert_eq!(Message::parse(&message.to_string()), Some(message));
            }
        }

        #[test]
        fn no_text_breaks_the_keeper(text in ".{0,40}") {
            let _any = Message::parse(&text);
        }
    }
}
