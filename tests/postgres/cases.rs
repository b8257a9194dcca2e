//! What poolers got wrong before, each as a case.

mod cancelling;
mod copy;
mod hostile;
mod leaving;
mod lengths;
mod limits;
mod losing;
mod memory;
mod pipelines;
mod prepared;
mod replies;
mod resets;
mod settings;
mod splits;
