//! What must hold for any bytes. Each target is a function over its input, so that libFuzzer, the short form
//! and the plain tests run the same code.

mod messages;
mod sessions;
mod texts;
mod websockets;

pub use messages::{frame, message};
pub use sessions::{scram, startup};
pub use texts::{statement, text};
pub use websockets::{handshake, websocket};

/// A target's body.
pub type Target = fn(&[u8]);

/// All targets: name, body, and inputs to start from.
pub const TARGETS: &[(&str, Target, &[&[u8]])] = &[
    ("frame", frame, messages::FRAMES),
    ("message", message, messages::MESSAGES),
    ("startup", startup, sessions::STARTUPS),
    ("scram", scram, sessions::SCRAMS),
    ("statement", statement, texts::STATEMENTS),
    ("text", text, texts::TEXTS),
    ("websocket", websocket, websockets::WEBSOCKETS),
    ("handshake", handshake, websockets::HANDSHAKES),
];
