//! The pool as a whole: one scene for each rule, and random runs against a toy model.

mod guests;
mod hands;
mod hosts;
mod places;
mod random;
mod resets;
mod scenes;
mod toy;
