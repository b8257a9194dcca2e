//! Doubly linked lists over the indices of a slab: O(1) at both ends and in the middle, without allocation.
//!
//! A [`Links`] holds one link for each slot; any number of [`List`]s may share it, as a slot is in at most one of
//! them at a time.

/// No slot.
const NONE: u32 = u32::MAX;
/// In no list.
const LOOSE: u32 = u32::MAX - 1;

#[derive(Clone, Copy, Debug)]
struct Link {
    before: u32,
    after: u32,
}

/// The links of a slab.
#[derive(Clone, Debug, Default)]
pub(super) struct Links(Vec<Link>);

impl Links {
    /// Makes room for slots up to `index`.
    pub(super) fn cover(&mut self, index: usize) {
        if self.0.len() <= index {
            self.0.resize(index + 1, Link { before: LOOSE, after: LOOSE });
        }
    }

    /// The slot behind this one in its list.
    pub(super) fn after(&self, node: u32) -> Option<u32> {
        some(self.0[node as usize].after)
    }
}

/// A list of slots.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    first: u32,
    last: u32,
    len: u32,
}

impl Default for List {
    fn default() -> Self {
        Self { first: NONE, last: NONE, len: 0 }
    }
}

impl List {
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn first(&self) -> Option<u32> {
        some(self.first)
    }

    pub(super) fn last(&self) -> Option<u32> {
        some(self.last)
    }

    pub(super) fn push_last(&mut self, links: &mut Links, node: u32) {
        debug_assert_eq!(links.0[node as usize].before, LOOSE, "a slot is in one list at a time");
        links.0[node as usize] = Link { before: self.last, after: NONE };
        match some(self.last) {
            Some(last) => links.0[last as usize].after = node,
            None => self.first = node,
        }
        self.last = node;
        self.len += 1;
    }

    /// Puts a slot in front of one that is in this list.
    pub(super) fn push_before(&mut self, links: &mut Links, node: u32, next: u32) {
        debug_assert_eq!(links.0[node as usize].before, LOOSE, "a slot is in one list at a time");
        let before = links.0[next as usize].before;
        links.0[node as usize] = Link { before, after: next };
        links.0[next as usize].before = node;
        match some(before) {
            Some(before) => links.0[before as usize].after = node,
            None => self.first = node,
        }
        self.len += 1;
    }

    /// Takes a slot out that is in this list.
    pub(super) fn remove(&mut self, links: &mut Links, node: u32) {
        let Link { before, after } = links.0[node as usize];
        debug_assert_ne!(before, LOOSE, "only what is in a list is taken out");
        match some(before) {
            Some(before) => links.0[before as usize].after = after,
            None => self.first = after,
        }
        match some(after) {
            Some(after) => links.0[after as usize].before = before,
            None => self.last = before,
        }
        links.0[node as usize] = Link { before: LOOSE, after: LOOSE };
        self.len -= 1;
    }

    /// The slots, first to last.
    pub(super) fn iter<'a>(&self, links: &'a Links) -> impl Iterator<Item = u32> + 'a {
        std::iter::successors(self.first(), |node| links.after(*node))
    }
}

fn some(node: u32) -> Option<u32> {
    (node < LOOSE).then_some(node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn it_does_what_a_deque_does(steps in prop::collection::vec((0u8..3, 0u32..12), 0..200)) {
            let (mut links, mut list, mut toy) = (Links::default(), List::default(), VecDeque::new());
            links.cover(11);
            for (what, node) in steps {
                let there = toy.iter().position(|other| *other == node);
                match (what, there) {
                    (0, None) => { list.push_last(&mut links, node); toy.push_back(node); }
                    (1, None) if !toy.is_empty() => {
                        let place = node as usize % toy.len();
                        list.push_before(&mut links, node, toy[place]);
                        toy.insert(place, node);
                    }
                    (2, Some(place)) => { list.remove(&mut links, node); toy.remove(place); }
                    _ => {}
                }
                prop_assert_eq!(list.iter(&links).collect::<VecDeque<_>>(), toy.clone());
                prop_assert_eq!(list.last(), toy.back().copied());
                prop_assert_eq!(list.len() as usize, toy.len());
            }
        }
    }
}
