//! Which shared statements a server connection has, and which it was asked for longest ago.

use std::collections::HashMap;

/// The statements of one server connection.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// When each was last asked for, by number.
    used: HashMap<u32, u64>,
    clock: u64,
}

impl Prepared {
    /// Whether it has the statement; counts as use.
    pub(super) fn touch(&mut self, id: u32) -> bool {
        self.clock += 1;
        match self.used.get_mut(&id) {
            Some(used) => {
                *used = self.clock;
                true
            }
            None => false,
        }
    }

    /// It is being prepared.
    pub(super) fn add(&mut self, id: u32) {
        self.clock += 1;
        self.used.insert(id, self.clock);
    }

    /// It was not prepared after all.
    pub(super) fn remove(&mut self, id: u32) {
        self.used.remove(&id);
    }

    /// None is left.
    pub(super) fn clear(&mut self) {
        self.used.clear();
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.used.len()
    }

    /// Takes out the one that was asked for longest ago.
    pub(super) fn pop_oldest(&mut self) -> Option<u32> {
        let (id, _) = self.used.iter().min_by_key(|(_, used)| **used)?;
        let id = *id;
        self.used.remove(&id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_not_used_for_longest_goes_first() {
        let mut prepared = Prepared::default();
        (1..=3).for_each(|id| prepared.add(id));
        assert!(prepared.touch(1));
        assert!(!prepared.touch(9));
        assert_eq!(prepared.pop_oldest(), Some(2));
        assert_eq!(prepared.len(), 2);
        assert!(!prepared.touch(2));
    }
}
