//! The status API, its page and `top`: a real agent that guards real leaking bots, asked over its address and its socket, by
//! strangers, by many, and by a browser.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking and tells what the agent said"
)]

mod document;
mod page;
mod strangers;
mod streams;
mod support;
mod top;
