//! fdguard keeps a leaking trading bot alive from outside.
//!
//! The data flows one way:
//!
//! ```text
//! kernel ─► sys ─► sampler ─► Observation ─► policy::engine ─► Evaluation ─► actuator ─► bot, people
//!                                  └───────────────► journal ◄──────┴─────────────┘
//! ```
//!
//! The rooms below stand in rank order: a room imports only rooms above it in this list, never one of its
//! own rank. `tests/arch` keeps that true. See ARCHITECTURE.md.

pub mod model;

pub mod document;

pub mod gate;

pub mod config;

pub mod wire;

pub mod sys;

pub mod policy;

pub mod pool;

pub mod stream;

pub mod sim;

pub mod call;

pub mod journal;

pub mod proxy;

pub mod sampler;

pub mod actuator;

pub mod agent;

pub mod admin;

pub mod cli;
