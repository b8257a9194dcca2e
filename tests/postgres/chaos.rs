//! The pool under load while everything around it breaks: the books must balance, and each client must have been told
//! the truth.
//!
//! Tellers move money between accounts and write down what they were told of each move; meanwhile upsets end servers,
//! clients and connections. Afterwards the total, each account, and each move are held against the table. The
//! all-together test takes as long as `FDGUARD_SOAK_SECONDS` says.

mod leavers;
mod ledger;
mod moves;
mod scene;
mod storms;
mod talk;
mod teller;
mod upsets;
