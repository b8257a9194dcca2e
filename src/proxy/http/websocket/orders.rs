//! What the feed orders is carried out, and what changes is told.

use serde_json::json;

use crate::pool::reason::Farewell;
use crate::proxy::http::websocket::refusal::Trouble;
use crate::proxy::http::websocket::session::{Phase, Session};
use crate::stream::cursor::Gap;
use crate::stream::order::{Change, Order, State};
use crate::stream::template::Filling;
use crate::wire::websocket::head::write;
use crate::wire::websocket::opcode::Opcode;

impl Session {
    /// Carries out what is ordered, until no more is.
    pub(super) fn carry_out(&mut self) {
        loop {
            while let Some(order) = self.feed.next_order() {
                self.execute(order);
            }
            match self.failed.take() {
                Some((generation, pause)) => self.feed.refused(generation, pause, self.now()),
                None => return,
            }
        }
    }

    fn execute(&mut self, order: Order) {
        match order {
            Order::Connect(generation) => self.seek(generation),
            Order::Replay(generation) => self.say_again(generation),
            Order::Ping(_) => self.say(Opcode::Ping, b""),
            Order::Close(generation) => self.close_wire(generation),
            Order::Drop(generation, blame) => self.drop_link(generation, blame),
            Order::Poll(generation) => self.poll(generation),
            Order::Deliver(bytes) => match &self.node {
                // Whether it is passed on shows only now.
                Some(_) => drop(self.take_event(&bytes)),
                None => self.deliver(None, &bytes),
            },
            Order::Gap(gap) => self.tell_gap(&gap),
            Order::Changed(change) => self.changed(&change),
        }
    }

    /// Something is missing before what comes next: the client is told where the settings say how.
    fn tell_gap(&mut self, gap: &Gap) {
        let (proxy, client) = (&self.settings().name, &self.seat.about.address);
        let topic = gap.topic.as_deref();
        tracing::info!(proxy, client, topic, from = gap.from, to = gap.to, "messages may be missing");
        let Some(notice) = &self.stream().notice else { return };
        let item = json!({ "topic": topic, "from": gap.from, "to": gap.to, "certain": gap.certain });
        let text = notice.fill(Filling { item: &item, topic }).to_string();
        let mut frame = Vec::new();
        write(&mut frame, Opcode::Text, None, text.as_bytes());
        self.deliver(None, &frame);
    }

    fn changed(&mut self, change: &Change) {
        let (proxy, client) = (&self.settings().name, &self.seat.about.address);
        let (from, to, why) = (change.from.name(), change.to.name(), change.why.meaning());
        // The agent tells of it, and keeps it in the history.
        tracing::debug!(proxy, client, from, to, why, "a stream changes its state");
        let forgotten = self.room().tally.note(client, change, self.now());
        if forgotten.is_some() {
            self.warn(
                "streams change their states faster than that is told: some changes are not in the history",
            );
        }
        if self.phase != Phase::Dialing {
            return;
        }
        match change.to {
            State::Connected | State::Polling | State::Priming => self.welcome(),
            State::Connecting => {}
            State::Reconnecting | State::Failed | State::Disconnected => {
                let late = || Trouble::of(504, "the upstream did not answer in time");
                match self.trouble.take().unwrap_or_else(late) {
                    Trouble { status, why, answer: None, .. } => {
                        self.refuse((status, &why), Farewell::Refused);
                    }
                    Trouble { answer: Some(answer), .. } => self.pass_refusal(&answer),
                }
            }
        }
    }
}
