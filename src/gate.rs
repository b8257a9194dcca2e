//! The order gate: which requests are orders, and which of them pass in a state of trading. Pure.
//!
//! ```text
//!   head ──► rules ─┬─► known by its head ────────────────────────► kind ──► passes, or does not
//!                   └─► its body tells ──► matter (JSON, fields) ──┘
//! ```
//!
//! | kind | active | reducing | halted |
//! |---|---|---|---|
//! | data: no order, no cancel | passes | passes | passes |
//! | cancel | passes | passes | passes |
//! | order that reduces risk | passes | passes | refused |
//! | order | passes | refused | refused |
//!
//! Every doubt falls to one side. A path that could be read as that of an order is one; a path counts as that of a cancel
//! only where it can be read in no other way. What can't be told (no JSON, a name twice, too long a body) and what only some readers
//! find (a name in other letters, a text for a number) makes an order an order, and makes nothing a cancel or an order that reduces.

mod condition;
mod judge;
mod loose;
mod matter;
mod path;
mod pattern;
mod rule;
mod standing;
mod strict;

#[cfg(test)]
mod tests;

pub use condition::{Condition, Place, Scalar};
pub use judge::{Head, Known};
pub use matter::{Content, Matter};
pub use path::Path;
pub use pattern::{BadPattern, Pattern};
pub use rule::{Kind, Rule, Rules, passes};
pub use standing::{Hand, Standing};
