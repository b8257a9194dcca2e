//! What happens, as it happens: server-sent events, for a bounded number of listeners of bounded memory.
//!
//! ```text
//! control loop ─► feed (one ring for all) ─► a task per listener ─► two frames ─► the socket
//! ```
//!
//! A listener that is slower than the ring is long is told how many events it has missed, and goes on with the oldest that
//! is left. One that takes nothing at all is cut off. One that comes back with `Last-Event-ID` is given what it has missed:
//! from the agent's own ring, and from the history where the ring does not reach so far, or where it is of an earlier run.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::HeaderMap;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HeaderValue};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::event::Told;
use super::query::Query;
use super::{Desk, Guest, Known};
use crate::admin::answer::{Reply, flow, full, say};
use crate::admin::door::Patience;
use crate::admin::keys::Tokens;
use crate::agent::feed;
use crate::agent::request::{Answer, Request};
use crate::journal::query::{Events, Range};
use crate::model::asker::Asker;
use crate::model::clock::WallTime;
use crate::model::event::Event;

/// Listeners at once.
pub(in crate::admin) const STREAMS_MAX: usize = 64;
/// The same over the control socket, whose places are few and are wanted for commands.
pub(super) const SOCKET_STREAMS_MAX: usize = 4;
/// Frames that wait for a slow listener, beside what its socket holds.
const FRAMES_MAX: usize = 2;
/// A sign of life goes out so often where nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Between two statuses, for those who want them.
const STATUS_EVERY: Duration = Duration::from_secs(1);
/// A listener that takes nothing for so long is cut off.
const TAKES_WITHIN: Duration = Duration::from_secs(60);
/// Whether its token still opens is asked so often.
const PASS_EVERY: Duration = Duration::from_secs(5);
/// Events of the history that one who comes back is given.
const CAUGHT_UP_MAX: u32 = 1_000;

/// Where a listener stood: the run of the agent, the number of the event in it, and its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    epoch: i64,
    number: u64,
    wall: i64,
}

impl Place {
    /// `1764160000000.17.1764160123456`
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let place = Self {
            epoch: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
            wall: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(place)
    }
}

/// From where on somebody wants to hear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Since {
    /// From now on.
    Now,
    /// From the oldest that the agent still holds.
    Held,
    /// From where it stood.
    Place(Place),
}

impl Since {
    fn of(query: &Query, headers: &HeaderMap) -> Result<Self, String> {
        query.only(&["from", "status"])?;
        let told = headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default());
        match (told, query.value("from")?) {
            (Some(id), _) => {
                Place::parse(id).map(Self::Place).ok_or_else(|| "no such Last-Event-ID".to_owned())
            }
            (None, None | Some("now")) => Ok(Self::Now),
            (None, Some("held")) => Ok(Self::Held),
            (None, Some(id)) => Place::parse(id)
                .map(Self::Place)
                .ok_or_else(|| "`from` is `now`, `held`, or the id of an event".to_owned()),
        }
    }
}

/// `GET /v1/events`
pub(super) fn open(query: &Query, headers: &HeaderMap, guest: &Guest<'_>) -> Reply {
    let (visitor, desk) = (guest.visitor, guest.desk);
    let wanted = Since::of(query, headers).and_then(|from| Ok((from, query.parsed("status", flag)?)));
    let (from, status) = match wanted {
        Ok(wanted) => wanted,
        Err(why) => return say(StatusCode::BAD_REQUEST, &why),
    };
    let (places, most, pass) = match visitor.known {
        Known::Token(tokens) => {
            let told = headers.get(AUTHORIZATION).cloned();
            (&desk.streams, STREAMS_MAX, Some(Pass { tokens: tokens.clone(), told }))
        }
        Known::User(_) => (&desk.socket_streams, SOCKET_STREAMS_MAX, None),
    };
    let Ok(place) = Arc::clone(places).try_acquire_owned() else {
        return full(&format!("at most {most} streams of events at once"));
    };
    let (out, frames) = mpsc::channel(FRAMES_MAX);
    let stream = Stream {
        // Before the backlog is asked for, so that nothing falls in between.
        news: desk.feed.listen(),
        desk: Rc::clone(desk),
        out,
        patience: Rc::clone(visitor.patience),
        sent: 0,
        by: guest.by,
        pass,
    };
    let status = status.filter(|wanted| *wanted).map(|_| ticking(STATUS_EVERY));
    tokio::task::spawn_local(stream.run(from, status));
    flow("text/event-stream", frames, place)
}

fn flag(text: &str) -> Result<bool, &'static str> {
    match text {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("it is true or false"),
    }
}

fn ticking(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// The next tick; never where there are none.
async fn tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => drop(ticks.tick().await),
        None => std::future::pending().await,
    }
}

/// The listener has gone.
struct Left;

/// One listener.
struct Stream {
    desk: Rc<Desk>,
    news: Receiver<Arc<feed::Told>>,
    out: mpsc::Sender<Bytes>,
    patience: Rc<Patience>,
    /// The number of the last event that it was given.
    sent: u64,
    by: Asker,
    /// What it was let in by; none for those whom the kernel names.
    pass: Option<Pass>,
}

/// A token as it was brought.
struct Pass {
    tokens: Tokens,
    told: Option<HeaderValue>,
}

impl Pass {
    /// Whether it still opens: its file may hold another one by now.
    fn opens(&self) -> bool {
        self.tokens.role(self.told.as_ref()).is_ok()
    }
}

impl Stream {
    async fn run(mut self, from: Since, mut status: Option<Interval>) {
        // It ends when the listener or its token has gone, and not otherwise.
        let _left = self.tell(from, &mut status).await;
    }

    async fn tell(&mut self, from: Since, status: &mut Option<Interval>) -> Result<(), Left> {
        self.send(Bytes::from_static(b"retry: 2000\n\n")).await?;
        self.catch_up(from).await?;
        let mut beat = ticking(HEARTBEAT);
        let mut passes = ticking(PASS_EVERY);
        loop {
            let frame = tokio::select! {
                () = self.out.closed() => return Err(Left),
                news = self.news.recv() => match news {
                    Ok(told) if told.number <= self.sent => continue,
                    Ok(told) => self.numbered(told.number, &told.event),
                    Err(RecvError::Lagged(missed)) => lost(Some(missed)),
                    Err(RecvError::Closed) => return Ok(()),
                },
                () = tick(status) => match self.desk.shared_status(self.by).await {
                    Some(status) => framed("status", None, &status),
                    None => continue,
                },
                _ = passes.tick() => match &self.pass {
                    Some(pass) if !pass.opens() => return Ok(()),
                    Some(_) | None => continue,
                },
                _ = beat.tick() => Bytes::from_static(b": beat\n\n"),
            };
            self.send(frame).await?;
        }
    }

    /// Tells what came before: what the agent still holds, and what the history holds of before that.
    async fn catch_up(&mut self, from: Since) -> Result<(), Left> {
        let (place, after) = match from {
            Since::Now => return Ok(()),
            Since::Held => (None, 0),
            Since::Place(place) if place.epoch == self.desk.feed.epoch().as_millis() => {
                (Some(place), place.number)
            }
            Since::Place(place) => (Some(place), 0),
        };
        let Answer::Events(held) = self.desk.ask(Request::Events { after }, self.by).await else {
            return self.send(lost(None)).await;
        };
        if let Some(place) = place
            && let Some((number, _)) = held.first()
            && (*number > after.saturating_add(1) || place.epoch != self.desk.feed.epoch().as_millis())
        {
            self.tell_recorded(place, number - after - 1, &held).await?;
        }
        for (number, event) in &held {
            let frame = self.numbered(*number, event);
            self.send(frame).await?;
        }
        Ok(())
    }

    /// Tells from the history what was between a place and what the agent still holds.
    async fn tell_recorded(&mut self, place: Place, missed: u64, held: &[(u64, Event)]) -> Result<(), Left> {
        let missed = (place.epoch == self.desk.feed.epoch().as_millis()).then_some(missed);
        let until = held.first().map(|(_, event)| event.wall);
        let range = Range { since: Some(WallTime::from_millis(place.wall)), until };
        let Some(found) = self.desk.recorded(range, CAUGHT_UP_MAX).await else {
            return self.send(lost(missed)).await;
        };
        let (events, gone) = between(place, missed, (found, held));
        for event in &events {
            // No number of this run: who comes back to it is caught up from the history again.
            let id = format!("0.0.{}", event.wall.as_millis());
            self.send(framed_event(&id, event)).await?;
        }
        match gone {
            Gone::Nothing => Ok(()),
            Gone::Some(count) => self.send(lost(count)).await,
        }
    }

    fn numbered(&mut self, number: u64, event: &Event) -> Bytes {
        self.sent = number;
        let epoch = self.desk.feed.epoch().as_millis();
        framed_event(&format!("{epoch}.{number}.{}", event.wall.as_millis()), event)
    }

    async fn send(&mut self, frame: Bytes) -> Result<(), Left> {
        self.out.send(frame).await.map_err(|_| Left)?;
        self.patience.renew(TAKES_WITHIN);
        Ok(())
    }
}

/// What is missing of what one who comes back is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Gone {
    Nothing,
    /// So many, or nobody knows how many.
    Some(Option<u64>),
}

/// Of what the history has between a place and what is held: what is to be told, and what is missing there. A place in
/// it is a millisecond and no event: what happened in that of the place is told again. The history may lack what was not
/// written yet, what this version can't read, and, where the clock was set back, everything.
fn between(
    place: Place,
    missed: Option<u64>,
    (found, held): (Events, &[(u64, Event)]),
) -> (Vec<Event>, Gone) {
    let is_full = found.events.len() as u64 + found.unreadable >= u64::from(CAUGHT_UP_MAX);
    let mut events = found.events;
    events.retain(|event| !held.iter().any(|(_, known)| known == event));
    let at_place = events.iter().filter(|event| event.wall.as_millis() == place.wall).count().min(1);
    let told = (events.len() - at_place) as u64;
    let was_set_back = held.first().is_some_and(|(_, first)| first.wall.as_millis() < place.wall);
    let gone = match missed {
        _ if is_full => Gone::Some(None),
        Some(missed) if told < missed => Gone::Some(Some(missed - told)),
        None if found.unreadable > 0 => Gone::Some(Some(found.unreadable)),
        None if was_set_back => Gone::Some(None),
        Some(_) | None => Gone::Nothing,
    };
    (events, gone)
}

fn framed_event(id: &str, event: &Event) -> Bytes {
    framed("event", Some(id), &serde_json::to_vec(&Told::of(event)).unwrap_or_default())
}

/// So many events were missed; more than can be told where nobody knows how many.
fn lost(missed: Option<u64>) -> Bytes {
    framed("lost", None, serde_json::json!({ "lost": missed }).to_string().as_bytes())
}

/// One frame. JSON has no line break outside its texts, and none inside.
fn framed(kind: &str, id: Option<&str>, data: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(data.len() + 96);
    if let Some(id) = id {
        frame.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    frame.extend_from_slice(format!("event: {kind}\ndata: ").as_bytes());
    frame.extend_from_slice(data);
    frame.extend_from_slice(b"\n\n");
    frame.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock::Timestamp;
    use crate::model::event::Fact;
    use crate::model::sentence::saying;

    #[test]
    fn a_place_is_what_an_id_says() {
        assert_eq!(Place::parse("5.7.9"), Some(Place { epoch: 5, number: 7, wall: 9 }));
        for text in ["", "5", "5.7", "5.7.9.1", "5.x.9", "5.-7.9", "5.7.9\n"] {
            assert_eq!(Place::parse(text), None, "{text:?}");
        }
    }

    fn event(wall: i64, text: &str) -> Event {
        Event {
            at: Timestamp::ZERO,
            wall: WallTime::from_millis(wall),
            target: None,
            process: None,
            fact: Fact::BoundHit { bound: text.to_owned() },
        }
    }

    #[test]
    fn what_the_history_lacks_of_what_was_missed_is_told() {
        // The agent still holds the second event of millisecond 8; the listener stood at millisecond 5.
        let place = Place { epoch: 1, number: 1, wall: 5 };
        let held = [(5, event(8, "e")), (6, event(9, "f"))];
        let all = [event(5, "a"), event(6, "b"), event(8, "c"), event(8, "d"), event(8, "e")];
        let judge = |events: &[Event], missed| {
            let found = Events { events: events.to_vec(), unreadable: 0 };
            let (told, gone) = between(place, missed, (found, &held));
            (
                told.iter().map(|event| saying(&event.fact)).collect::<String>().replace("bound hit: ", ""),
                gone,
            )
        };
        assert_eq!(judge(&all, Some(3)), ("abcd".to_owned(), Gone::Nothing));
        assert_eq!(judge(&all[..3], Some(3)), ("abc".to_owned(), Gone::Some(Some(1))), "not written yet");
        assert_eq!(judge(&[], Some(3)), (String::new(), Gone::Some(Some(3))));
        assert_eq!(judge(&all, None), ("abcd".to_owned(), Gone::Nothing), "of another run");
        let ahead = Place { wall: 50, ..place };
        assert_eq!(
            between(ahead, None, (Events::default(), &held)).1,
            Gone::Some(None),
            "the clock was set back"
        );
        let unreadable = Events { events: Vec::new(), unreadable: 2 };
        assert_eq!(between(place, None, (unreadable, &held)).1, Gone::Some(Some(2)));
    }

    #[test]
    fn a_frame_is_one_block_whatever_its_data_says() {
        let data = serde_json::json!({ "text": "a\n\nevent: fake\r\ndata: b" }).to_string();
        let frame = framed("event", Some("1.2.3"), data.as_bytes());
        let text = std::str::from_utf8(&frame).unwrap();
        assert!(text.starts_with("id: 1.2.3\nevent: event\ndata: {") && text.ends_with("}\n\n"), "{text}");
        assert_eq!(text.lines().count(), 4, "{text}");
    }
}
