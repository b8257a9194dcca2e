//! What people have closed by hand of order gates, over a restart of the agent.
//!
//! It is no part of the history: that is written when there is room and time for it, moved aside where it is corrupt, and not waited for by
//! anybody. This is one small file beside it, written through to the disk before the one who asked is answered. A file that is
//! not there says that nothing is closed; one that can't be read says nothing, and whoever reads it takes all for closed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::model::clock::WallTime;
use crate::model::name::Name;
use crate::model::trading::ByHand;

/// The form of the file.
const SCHEMA: u32 = 1;
/// What is longer is none of ours.
const SIZE_MAX: u64 = 1 << 20;

/// What is closed by hand, and where that is kept.
#[derive(Clone, PartialEq, Debug)]
pub struct Hands {
    path: PathBuf,
    closed: BTreeMap<Name, ByHand>,
}

/// Why it could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HandsError {
    /// The file itself.
    #[error("the file of what was closed by hand can't be read")]
    Unreadable(#[source] io::Error),
    /// What stands in it.
    #[error("the file of what was closed by hand is not understood")]
    Garbled(#[source] serde_json::Error),
    /// Another form of it, or too long.
    #[error("the file of what was closed by hand is of no form that is known here")]
    Unknown,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    schema: u32,
    closed: BTreeMap<Name, ByHand>,
}

impl Hands {
    /// Where it is kept beside a history.
    pub fn beside(history: &Path) -> PathBuf {
        history.with_extension("gates")
    }

    /// None are closed, as far as is known.
    pub fn none(path: PathBuf) -> Self {
        Self { path, closed: BTreeMap::new() }
    }

    /// As it was kept there.
    pub fn read(path: PathBuf) -> Result<Self, HandsError> {
        let mut text = Vec::new();
        match File::open(&path) {
            Ok(file) => {
                file.take(SIZE_MAX + 1).read_to_end(&mut text).map_err(HandsError::Unreadable)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::none(path)),
            Err(error) => return Err(HandsError::Unreadable(error)),
        }
        if text.len() as u64 > SIZE_MAX {
            return Err(HandsError::Unknown);
        }
        let kept: Kept = serde_json::from_slice(&text).map_err(HandsError::Garbled)?;
        if kept.schema != SCHEMA {
            return Err(HandsError::Unknown);
        }
        Ok(Self { path, closed: kept.closed })
    }

    /// What a person has closed, and when that ends.
    pub fn closed(&self, proxy: &Name) -> Option<ByHand> {
        self.closed.get(proxy).copied()
    }

    /// A person has closed a gate, or opened it. Kept by [`Self::write`].
    pub fn set(&mut self, proxy: &Name, hand: Option<ByHand>) {
        match hand {
            Some(hand) => drop(self.closed.insert(proxy.clone(), hand)),
            None => drop(self.closed.remove(proxy)),
        }
    }

    /// Writes it through to the disk; what was over before `now` is left out. The file is replaced whole, so that it is never half of
    /// one. Waits for the disk.
    pub fn write(&mut self, now: WallTime) -> io::Result<()> {
        self.closed.retain(|_, hand| hand.left(now).is_some());
        let kept = Kept { schema: SCHEMA, closed: self.closed.clone() };
        let text = serde_json::to_vec(&kept).map_err(io::Error::other)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        let new = self.path.with_extension("gates.new");
        let mut options = File::options();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::action::Gate;

    #[test]
    fn what_was_closed_is_there_again_and_what_is_over_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = Hands::beside(&folder.path().join("history.db"));
        assert_eq!(path, folder.path().join("history.gates"));
        let (now, name) = (WallTime::from_millis(5_000), |text| Name::parse(text).unwrap());
        let mut hands = Hands::read(path.clone()).unwrap();
        assert_eq!(hands, Hands::none(path.clone()), "no file says that nothing is closed");
        let hand = |gate, until: Option<i64>| ByHand { gate, until: until.map(WallTime::from_millis) };
        hands.set(&name("a"), Some(hand(Gate::Halted, None)));
        hands.set(&name("b"), Some(hand(Gate::Reducing, Some(9_000))));
        hands.set(&name("c"), Some(hand(Gate::Reducing, Some(5_000))));
        hands.write(now).unwrap();
        let again = Hands::read(path.clone()).unwrap();
        assert_eq!(again.closed(&name("a")), Some(hand(Gate::Halted, None)));
        assert_eq!(again.closed(&name("b")), Some(hand(Gate::Reducing, Some(9_000))));
        assert_eq!(again.closed(&name("c")), None);
        let mut again = again;
        again.set(&name("a"), None);
        again.write(now).unwrap();
        assert_eq!(Hands::read(path).unwrap().closed(&name("a")), None);
    }

    #[test]
    fn what_can_not_be_read_is_not_taken_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.gates");
        for text in ["", "garbage", r#"{"schema":1}"#, r#"{"schema":2,"closed":{}}"#] {
            fs::write(&path, text).unwrap();
            assert!(Hands::read(path.clone()).is_err(), "{text:?}");
        }
        fs::write(&path, vec![b' '; (1 << 20) + 1]).unwrap();
        assert!(matches!(Hands::read(path.clone()), Err(HandsError::Unknown)));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(Hands::read(path.clone()), Err(HandsError::Unreadable(_))));
        assert!(Hands::none(path).write(WallTime::from_millis(0)).is_err());
    }
}
