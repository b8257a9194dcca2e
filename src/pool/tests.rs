//! The pool as a whole: one scene for each rule, and random runs against a toy model.

mod hands;
mod scenes;
