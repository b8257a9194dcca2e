//! The request that a session is at.

use crate::gate::Kind;
use crate::model::clock::Timestamp;
use crate::wire::http::body::Body;
use crate::wire::http::head::{After, Method, Request, Version};

/// How far the answer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// Its head is not all there.
    Awaited,
    /// Its body is on its way; what the server does with the connection after it.
    Body(Body, After),
    /// All of it was passed on.
    Over(After),
}

/// Whether the upstream takes the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Takes {
    /// It does.
    Yes,
    /// A write has failed. What it still says is read.
    No,
}

/// Who answers a client that waits for a word before it sends the body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Expect {
    /// The upstream, where one waits.
    Theirs,
    /// It was answered here.
    Ours,
}

/// Whether a request may be sent once more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Repeats {
    /// Doing it twice is doing it once, by its method, and it has no body.
    ByMethod,
    /// It may not.
    Never,
}

impl Repeats {
    fn of(head: &Request) -> Self {
        if head.method.is_idempotent() && head.body.is_over() { Self::ByMethod } else { Self::Never }
    }
}

/// A request on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) version: Version,
    /// What becomes of the client's connection.
    pub(super) after: After,
    /// What is to come of the request's body.
    pub(super) body: Body,
    pub(super) upgrades: bool,
    pub(super) repeats: Repeats,
    /// Bytes of its head that are kept for that, at the front of what is held.
    pub(super) kept: usize,
    pub(super) takes: Takes,
    pub(super) answer: Answer,
    /// What it is to the order gate; none where only its body would tell, and that was not read.
    pub(super) kind: Option<Kind>,
    /// The client was told here to go on with the body.
    pub(super) expect: Expect,
    /// It has failed, and was counted.
    pub(super) failed: bool,
    /// When its head was there.
    pub(super) begun: Timestamp,
    /// When something last passed.
    pub(super) moved: Timestamp,
}

impl Ask {
    /// None yet.
    pub(super) fn none(now: Timestamp) -> Self {
        Self {
            method: Method::Other,
            version: Version::Http11,
            after: After::Close,
            body: Body::NONE,
            upgrades: false,
            repeats: Repeats::Never,
            kept: 0,
            takes: Takes::Yes,
            answer: Answer::Awaited,
            kind: Some(Kind::Data),
            expect: Expect::Theirs,
            failed: false,
            begun: now,
            moved: now,
        }
    }

    /// By its head.
    pub(super) fn of(head: &Request, now: Timestamp) -> Self {
        Self {
            method: head.method,
            version: head.version,
            after: head.after,
            body: head.body,
            upgrades: head.upgrades,
            repeats: Repeats::of(head),
            ..Self::none(now)
        }
    }

    /// Whether it may be sent once more. What is declared an order may not, whatever its method promises: doing it twice would be
    /// two orders.
    pub(super) fn is_repeatable(&self) -> bool {
        match (self.repeats, self.kind) {
            (Repeats::ByMethod, Some(Kind::Data | Kind::Cancel)) => true,
            (Repeats::ByMethod, Some(Kind::Reduces | Kind::Order) | None) | (Repeats::Never, _) => false,
        }
    }

    /// Whether both ways have come to their end.
    pub(super) fn is_over(&self) -> bool {
        self.body.is_over() && matches!(self.answer, Answer::Over(_))
    }
}
