//! The upstream: one thread with one poll for all its connections. It says back what it hears, or feeds those that asked for
//! that, one after the other at a steady pace.

use std::collections::VecDeque;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::Arc;
use std::time::Duration;

use fdguard::model::clock::{Clock as _, Timestamp};
use fdguard::sys::clock::SystemClock;
use mio::net::TcpListener;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use slab::Slab;

use crate::common::Attempt;
use crate::common::contest::lab::Lab;
use crate::common::contest::subject::Origin;
use crate::websocket::cell::Talk;
use crate::websocket::frames;
use crate::websocket::guest::Guest;

/// What the poll tells of beside guests.
const TIMER: Token = Token(0);
const PLAIN: Token = Token(1);
const TLS: Token = Token(2);
const GUESTS: usize = 3;
/// A feed that is later than that goes on from now: what it missed is not made up for.
const LATE: Duration = Duration::from_millis(20);

/// Answers that are made beforehand.
const ANSWERS: usize = 64;

/// Listens in both ways until the bench ends.
pub(crate) fn start(lab: &Lab) -> Attempt<Origin> {
    let (plain, tls) = (lab.port()?, lab.port()?);
    let listen = |port: u16| TcpListener::bind(([127, 0, 0, 1], port).into());
    let mut house = House {
        poll: Poll::new()?,
        doors: [(PLAIN, listen(plain)?), (TLS, listen(tls)?)],
        config: lab.tls()?,
        guests: Slab::new(),
        feed: Feed {
            timer: TimerFd::new(ClockId::CLOCK_BOOTTIME, TimerFlags::TFD_NONBLOCK)?,
            burst: Vec::new(),
            every: Duration::ZERO,
            next: SystemClock.now(),
            ring: VecDeque::new(),
        },
    };
    let registry = house.poll.registry();
    for (token, door) in &mut house.doors {
        registry.register(door, *token, Interest::READABLE)?;
    }
    let timer = house.feed.timer.as_fd().as_raw_fd();
    registry.register(&mut SourceFd(&timer), TIMER, Interest::READABLE)?;
    std::thread::spawn(move || house.run());
    Ok(Origin { plain, tls })
}

struct House {
    poll: Poll,
    doors: [(Token, TcpListener); 2],
    config: Arc<rustls::ServerConfig>,
    guests: Slab<Guest>,
    feed: Feed,
}

/// Who is fed, and when.
struct Feed {
    timer: TimerFd,
    /// What each gets in its turn.
    burst: Vec<u8>,
    every: Duration,
    next: Timestamp,
    ring: VecDeque<usize>,
}

impl House {
    fn run(mut self) {
        let (mut events, mut room) = (Events::with_capacity(1_024), vec![0; 64 << 10]);
        let answers = frames::answers(ANSWERS);
        while self.poll.poll(&mut events, None).is_ok() {
            for event in &events {
                let lost = match event.token() {
                    TIMER => self.feed.turn(&mut self.guests),
                    door @ (PLAIN | TLS) => {
                        self.welcome(door);
                        None
                    }
                    Token(token) => self.hear(token - GUESTS, &mut room, &answers),
                };
                if let Some(place) = lost {
                    drop(self.guests.try_remove(place));
                    self.feed.forget(place);
                }
            }
        }
    }

    fn welcome(&mut self, door: Token) {
        let Some((_, listener)) = self.doors.iter().find(|(token, _)| *token == door) else { return };
        while let Ok((mut stream, _)) = listener.accept() {
            let _slow = stream.set_nodelay(true);
            let tls = (door == TLS).then(|| rustls::ServerConnection::new(Arc::clone(&self.config)).ok());
            let entry = self.guests.vacant_entry();
            let token = Token(entry.key() + GUESTS);
            let both = Interest::READABLE | Interest::WRITABLE;
            if self.poll.registry().register(&mut stream, token, both).is_ok() {
                entry.insert(Guest::new(stream, tls.flatten()));
            }
        }
    }

    /// Gives the place of a guest that is gone.
    fn hear(&mut self, place: usize, room: &mut [u8], answers: &[u8]) -> Option<usize> {
        match self.guests.get_mut(place)?.hear(room, answers) {
            Ok(Some(Talk::Feed(burst, every))) => self.feed.join(place, (burst, every)),
            Ok(Some(Talk::Echo(_)) | None) => {}
            Err(_) => return Some(place),
        }
        None
    }
}

impl Feed {
    fn join(&mut self, place: usize, (burst, every): (usize, Duration)) {
        if self.ring.is_empty() {
            self.burst = frames::answers(burst);
            (self.every, self.next) = (every, SystemClock.now() + every);
            let pace = Expiration::Interval(TimeSpec::from_duration(every));
            self.timer.set(pace, TimerSetTimeFlags::empty()).expect("a timer takes a span");
        }
        self.ring.push_back(place);
    }

    fn forget(&mut self, place: usize) {
        self.ring.retain(|one| *one != place);
        if self.ring.is_empty() {
            self.timer.unset().expect("a timer can be stopped");
        }
    }

    /// Feeds whose turn it is; gives the place of one that is gone.
    fn turn(&mut self, guests: &mut Slab<Guest>) -> Option<usize> {
        // Says that there was something, which is known.
        let _fired = self.timer.wait();
        let now = SystemClock.now();
        if now.since(self.next) > LATE {
            self.next = now;
        }
        frames::stamp(&mut self.burst, now);
        while self.next <= now {
            self.next = self.next + self.every;
            self.ring.rotate_left(1.min(self.ring.len()));
            let place = *self.ring.back()?;
            let Some(guest) = guests.get_mut(place) else { return Some(place) };
            // Who is behind is left out, so that nothing piles up.
            if guest.is_drained() && guest.send(&self.burst).is_err() {
                return Some(place);
            }
        }
        None
    }
}
