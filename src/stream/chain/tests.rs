//! A client of a node against scenes and against random histories.

mod random;
mod scenes;
mod toy;
mod walks;
