//! A client that speaks JSON-RPC with an Ethereum node: what [`crate::stream::chain`] decides is carried out.

use std::rc::Rc;

use serde_json::Value;

use crate::pool::reason::CloseReason;
use crate::proxy::http::websocket::session::{Phase, Session};
use crate::proxy::http::websocket::wire::Wire;
use crate::stream::chain::{Act, Chain, Judged, Link, Said, refusal};
use crate::stream::cursor::Seen;
use crate::stream::feed::Verdict;
use crate::stream::generation::Generation;
use crate::stream::order::Why;
use crate::wire::websocket::head::write;
use crate::wire::websocket::opcode::Opcode;

/// So many connections in a row may have to be given up for what they left out; then it is told, and the stream goes on.
const HOLES_MAX: u32 = 3;

/// A node as a client sees it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) chain: Chain,
    /// Connections in a row that left something out.
    holes: u32,
}

impl Node {
    pub(super) const fn new(chain: Chain) -> Self {
        Self { chain, holes: 0 }
    }
}

impl Session {
    /// A message of the client; whether that was all about it.
    pub(super) fn ask_node(&mut self, text: Option<&str>) -> bool {
        let link = if let Wire::Open(..) = self.wire { Link::Up } else { Link::Down };
        let (Some(node), Some(text)) = (&mut self.node, text) else { return false };
        let Ok(message) = serde_json::from_str::<Value>(text) else { return false };
        let acts = node.chain.heard(text, &message, link);
        if acts == [Act::Forward] {
            return false;
        }
        self.act(acts);
        true
    }

    fn act(&mut self, acts: Vec<Act>) {
        for act in acts {
            match act {
                // By who asked.
                Act::Forward => {}
                Act::Say(text) => self.say(Opcode::Text, text.as_bytes()),
                Act::Tell(text) => self.tell(&text),
                Act::Ask(text) => self.ask_plainly(&text),
            }
        }
    }

    fn tell(&mut self, text: &str) {
        let mut frame = Vec::new();
        write(&mut frame, Opcode::Text, None, text.as_bytes());
        self.deliver(None, &frame);
    }

    /// Asks by a plain request; the answer is the client's.
    fn ask_plainly(&mut self, text: &str) {
        let Some(poller) = self.stream().poller.clone() else { return };
        if !self.desk.asks(poller, text.to_owned(), Rc::clone(&self.seat)) {
            let request = serde_json::from_str(text).unwrap_or_default();
            self.tell(&refusal(
                &request,
                "there is no connection to the node, and too much is asked of it already",
            ));
        }
    }

    /// Gives the client what plain requests have brought.
    pub(super) fn take_answers(&mut self) {
        for text in self.desk.take_answers() {
            self.tell(&text);
        }
    }

    /// A message of the node, by a connection; whether that was all about it.
    pub(super) fn hear_node(&mut self, generation: Generation, value: &Value) -> bool {
        let Some(node) = &mut self.node else { return false };
        match node.chain.said(value) {
            Said::Event(event) => {
                let verdict = self.feed.message(generation, &Seen::default(), event.as_bytes(), self.now());
                self.carry_out();
                if verdict == Verdict::Pass
                    && self.take_event(event.as_bytes()) == Judged::New
                    && let Some(node) = &mut self.node
                {
                    node.holes = 0;
                }
            }
            Said::Answer(acts) => self.act(acts),
            Said::Settled => self.agreed(),
            Said::Refused => self.give_up(Why::Refused),
            Said::Nothing => {}
            Said::Other => return false,
        }
        true
    }

    /// An event whose turn has come.
    pub(super) fn take_event(&mut self, event: &[u8]) -> Judged {
        let Some(node) = &mut self.node else { return Judged::Old };
        let Ok(value) = serde_json::from_slice::<Value>(event) else { return Judged::Old };
        let (mut judged, mut told) = node.chain.judge(&value);
        // What takes a log back replaces no block, so this goes no deeper.
        for gone in node.chain.taken_back() {
            self.take_event(gone.as_bytes());
        }
        let Some(node) = &mut self.node else { return judged };
        if let Judged::Hole(from, to) = judged {
            // What comes of a connection that was given up already is found by the next walk.
            let is_up = matches!(self.wire, Wire::Open(..));
            node.holes += u32::from(is_up);
            if node.holes <= HOLES_MAX || !is_up {
                self.give_up(Why::Missed);
                return judged;
            }
            let gap = node.chain.forgive(&value, (from, to));
            (judged, told) = node.chain.judge(&value);
            if let Some(gap) = gap {
                self.feed.missed(gap);
                self.carry_out();
            }
        }
        if judged == Judged::New && told {
            let mut frame = Vec::new();
            write(&mut frame, Opcode::Text, None, event);
            self.deliver(None, &frame);
        }
        judged
    }

    /// The connection is given up for what it did not say.
    fn give_up(&mut self, why: Why) {
        if let (Wire::Open(..), Some(generation)) = (&self.wire, self.wire.generation()) {
            self.drop_wire(CloseReason::SessionOver);
            self.feed.lost(generation, why, self.now());
            self.carry_out();
        }
    }

    /// The connection to the node is gone.
    pub(super) fn lose_node(&mut self) {
        if let Some(node) = &mut self.node {
            let acts = node.chain.lost();
            // Who leaves waits for nothing.
            if self.phase == Phase::Open {
                self.act(acts);
            }
        }
    }
}
