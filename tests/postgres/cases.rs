//! What poolers got wrong before, each as a case.

mod cancelling;
mod lengths;
mod memory;
mod splits;
