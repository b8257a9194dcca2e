//! How a session of a client takes its turns, whatever it speaks: some steps in one pass, then it waits until it is woken
//! or due.

use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::proxy::http::reply::Reply;
use crate::proxy::http::seat::Seat;
use crate::proxy::http::web::{Tools, Web};

/// Steps of one session in one pass; one that has more waits for the next pass, so that it starves no other.
const STEPS_MAX: usize = 32;
/// A client that takes nothing for so long is closed: it may hold a server connection for nothing.
pub(super) const STALLED_AFTER: Duration = Duration::from_secs(60);

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Another step.
    Again,
    /// Nothing until it is woken.
    Wait,
}

/// Whether the pool knows the client.
pub(super) enum Attached {
    /// It does.
    Yes,
    /// It never did: the client is told this, in answer to its first request.
    Never(Reply),
    /// Not any more.
    NoLonger,
}

/// A session that takes turns.
pub(super) trait Turns {
    /// What all sessions share.
    fn web(&self) -> &Rc<Web>;

    /// Its client's.
    fn seat(&self) -> &Seat;

    /// One step.
    fn step(&mut self, cx: &mut Context<'_>, tools: &mut Tools) -> Step;

    /// Whether it has come to its end.
    fn is_over(&self) -> bool;

    /// When it is to be woken.
    fn deadline(&self) -> Option<Timestamp>;

    /// It is going to wait: what is told of it from outside is left at its seat.
    fn leave_word(&self) {}
}

/// One pass of a session.
pub(super) fn pass(session: &mut impl Turns, cx: &mut Context<'_>) -> Poll<()> {
    session.seat().keep(cx.waker());
    let web = Rc::clone(session.web());
    web.look_at_clock();
    let tools = &mut *web.tools.borrow_mut();
    let mut was_due = false;
    for _ in 0..STEPS_MAX {
        let step = session.step(cx, tools);
        if session.is_over() {
            return Poll::Ready(());
        }
        if step == Step::Wait {
            let due = session.deadline();
            session.seat().due.set(due);
            // What is due by what has just happened does not wait for the sweep; once, or a deadline that stays would spin.
            if !std::mem::replace(&mut was_due, true) && due.is_some_and(|due| due <= web.now.get()) {
                continue;
            }
            session.leave_word();
            return Poll::Pending;
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Bytes of a client's session have passed.
pub(super) fn count(session: &impl Turns, up: usize, down: usize) {
    let (web, seat) = (session.web(), session.seat());
    seat.count(up, down);
    seat.active.set(web.now.get());
    let traffic = &mut web.rooms[usize::from(seat.room)].borrow_mut().traffic;
    traffic.up += up as u64;
    traffic.down += down as u64;
}
