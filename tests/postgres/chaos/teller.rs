//! A client that moves money and keeps account of what it is told.

use std::time::Duration;

use super::ledger::{ACCOUNTS, Notes};
use super::moves::{FORMS, Move, Told};
use super::scene::Scene;
use super::talk::Talk;

/// Moves of one teller; ids are numbered apart by it.
const MOVES: u64 = 10_000_000;
/// A teller that was sent away comes back after this.
const BACK_AFTER: Duration = Duration::from_millis(20);
/// Rows of what is read between two moves.
const ROWS: usize = 40;

/// A teller at work.
#[derive(Debug)]
pub(super) struct Teller<'s> {
    scene: &'s Scene<'s>,
    talk: Option<Talk<'s>>,
    number: u64,
    turns: u64,
    notes: Notes,
}

impl<'s> Teller<'s> {
    pub(super) fn new(scene: &'s Scene<'s>, number: u64) -> Self {
        Self { scene, talk: None, number, turns: 0, notes: Notes::new() }
    }

    /// Works until the upsets are over and one more move was committed; gives what it was told of all.
    pub(super) fn work(mut self) -> Notes {
        while !self.scene.upsets_over.is_down() {
            self.turn();
        }
        while self.turn() != Some(Told::Committed) {
            if self.scene.is_late() {
                self.scene.faults.note(format!("teller {} is served no more", self.number));
                break;
            }
        }
        self.notes
    }

    fn turn(&mut self) -> Option<Told> {
        self.turns += 1;
        let Some(talk) = &mut self.talk else {
            match Talk::open(self.scene.proxy.address, &self.scene.proxy.database, &self.scene.faults) {
                Ok(talk) => self.talk = Some(talk),
                Err(_) => std::thread::sleep(BACK_AFTER),
            }
            return None;
        };
        let order = order(self.number * MOVES + self.turns);
        let form = FORMS[usize::try_from((self.number + self.turns) % FORMS.len() as u64).unwrap()];
        let told = form(talk, &order);
        self.notes.insert(order.id, (order, told));
        if told != Told::Committed || read(talk, order.id).is_err() {
            self.talk = None;
        }
        if told == Told::Committed {
            self.scene.count_commit();
        }
        Some(told)
    }
}

/// Rows that are nobody else's.
fn read(talk: &mut Talk<'_>, id: u64) -> Result<(), super::talk::Gone> {
    let tag = format!("{id}r");
    let tags = ["T", &"D".repeat(ROWS), "CZ"].concat();
    talk.ask(&format!("select '{tag}' from generate_series(1, {ROWS})"), (&tags, &[tag.as_str(); ROWS], 'I'))
}

/// The move of this number, always the same.
fn order(id: u64) -> Move {
    // Numbers in a row must not give accounts in a row: the multiplier is Knuth's.
    let mixed = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
    let pick = |shift: u32, among: u32| u32::try_from((mixed >> shift) % u64::from(among)).unwrap();
    let low = 1 + pick(0, ACCOUNTS - 1);
    let high = low + 1 + pick(12, ACCOUNTS - low);
    Move {
        id,
        low,
        high,
        amount: 1 + i64::from(pick(24, 100)) * if mixed.is_multiple_of(2) { 1 } else { -1 },
    }
}
