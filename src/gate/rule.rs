//! What the settings declare of orders and cancels.

use super::condition::Condition;
use super::pattern::Pattern;
use crate::model::trading::Trading;

/// What a request is to the gate. Ordered: the later one is kept back sooner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Neither order nor cancel.
    Data,
    /// A cancel.
    Cancel,
    /// An order that can only reduce risk.
    Reduces,
    /// An order.
    Order,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Data, Self::Cancel, Self::Reduces, Self::Order];
}

/// Whether what is of a kind passes in a state.
pub const fn passes(kind: Kind, state: Trading) -> bool {
    match (kind, state) {
        (Kind::Data | Kind::Cancel, _) | (_, Trading::Active) | (Kind::Reduces, Trading::Reducing) => true,
        (Kind::Reduces, Trading::Halted) | (Kind::Order, Trading::Reducing | Trading::Halted) => false,
    }
}

/// One kind of request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// By these methods; by any where there is none.
    pub methods: Vec<String>,
    /// To paths that fit.
    pub path: Pattern,
    /// Only where all of these hold.
    pub when: Vec<Condition>,
    /// Of an order: it can only reduce risk where all of these hold. Never, where there are none.
    pub reduces: Vec<Condition>,
}

/// All of a gate.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rules {
    /// Orders: the first that fits counts.
    pub orders: Vec<Rule>,
    /// Cancels; what is surely one is no order.
    pub cancels: Vec<Rule>,
}
