//! `fdguard top`: what the agent sees, once a second, in a terminal.
//!
//! Asked over the control socket as `status` does; what is drawn is made by pure code from what was heard ([`view`],
//! [`frame`]), and the terminal is given back whatever ends the program ([`screen`]).

mod frame;
mod keys;
mod line;
mod screen;
mod view;

use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::agent::request::{Answer, Request};
use crate::agent::status::Status;
use crate::cli::args::{AgentArgs, TopArgs};
use crate::cli::client::{self, ClientError};
use crate::cli::exit::Exit;
use crate::cli::{print, reach, usual};
use crate::model::chain::chain;
use crate::model::clock::Clock as _;
use crate::model::event::Event;
use crate::sys::clock::SystemClock;
use crate::sys::terminal;
use keys::{Key, keys};
use screen::Screen;
use view::View;

/// How wide a frame is that goes into a pipe.
const PIPE_WIDTH: usize = 100;
/// Keys that wait to be heeded.
const KEYS_MAX: usize = 16;

/// Shows it until told to stop, or once.
pub(super) fn run(args: &TopArgs) -> Exit {
    let socket = usual::socket(args.socket.as_deref());
    // The first question shows whether there is an agent at all, and its failure is told as ever.
    let agent = AgentArgs { socket: Some(socket.clone()), json: false };
    let status = match reach::ask(&agent, &Request::Status) {
        Ok(Answer::Status(status)) => *status,
        Ok(other) => return reach::unexpected(&other),
        Err(exit) => return exit,
    };
    let runtime = match reach::runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let local = tokio::task::LocalSet::new();
    if args.once {
        return runtime.block_on(local.run_until(once(&socket, status)));
    }
    match runtime.block_on(local.run_until(live(&socket, status, args.every))) {
        Ok(()) => Exit::Good,
        Err(error) => {
            print::complain(&format!("the terminal can't be used: {error}"));
            Exit::Usage
        }
    }
}

/// One frame, as high as it is.
async fn once(socket: &Path, status: Status) -> Exit {
    let mut view = View::new();
    view.see(status);
    view.hear(events(socket, view.told()).await);
    let width = terminal::width().unwrap_or(PIPE_WIDTH);
    for line in frame::whole(&view, width, SystemClock.wall()) {
        print::out(&format!("{}\n", line.plain().trim_end()));
    }
    Exit::Good
}

/// A question under way.
type Asking<'s> = Pin<Box<dyn Future<Output = Result<Look, ClientError>> + 's>>;

/// What is seen at once: how things stand, and what happened since the last one.
type Look = (Status, Vec<(u64, Event)>);

/// Keys and signals are heeded also while the agent does not answer.
async fn live(socket: &Path, status: Status, every: Duration) -> std::io::Result<()> {
    let mut ends = Ends::new()?;
    let mut screen = Screen::enter()?;
    let mut pressed = keys(KEYS_MAX)?;
    let mut view = View::new();
    view.see(status);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asking: Option<Asking<'_>> = None;
    loop {
        screen.draw(|width, height| frame::fitted(&view, (width, height), SystemClock.wall()))?;
        tokio::select! {
            () = ends.any() => return Ok(()),
            key = pressed.recv() => match key {
                Some(Key::Quit) | None => return Ok(()),
                Some(Key::Resized) => {}
                Some(Key::Up) => view.choose_before(),
                Some(Key::Down) => view.choose_after(),
                Some(Key::Pause) => view.pause(),
                Some(Key::Sort) => view.sort(),
            },
            seen = answered(&mut asking) => {
                asking = None;
                take(&mut view, seen);
            }
            _ = ticks.tick(), if asking.is_none() && !view.is_paused() => {
                asking = Some(Box::pin(look(socket, view.told())));
            }
        }
    }
}

/// What the question under way gives; never where there is none.
async fn answered(asking: &mut Option<Asking<'_>>) -> Result<Look, ClientError> {
    match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    }
}

/// One that comes while all stands still is not shown.
fn take(view: &mut View, seen: Result<Look, ClientError>) {
    match seen {
        _ if view.is_paused() => {}
        Ok((status, events)) => {
            view.see(status);
            view.hear(events);
        }
        Err(error) => view.miss(chain(&error)),
    }
}

async fn look(socket: &Path, told: u64) -> Result<Look, ClientError> {
    Ok((status_of(socket).await?, events(socket, told).await))
}

/// What happened since the event of this number; nothing where the agent does not say, since it is asked again.
async fn events(socket: &Path, after: u64) -> Vec<(u64, Event)> {
    match client::ask(socket, &Request::Events { after }).await {
        Ok(Answer::Events(events)) => events,
        Ok(_) | Err(_) => Vec::new(),
    }
}

async fn status_of(socket: &Path) -> Result<Status, ClientError> {
    match client::ask(socket, &Request::Status).await? {
        Answer::Status(status) => Ok(*status),
        Answer::Refused(why) => Err(ClientError::Refused(why)),
        Answer::Explained(_) | Answer::Events(_) | Answer::Trading(_) | Answer::Taken(_) => {
            Err(ClientError::Refused("it answered something else".to_owned()))
        }
    }
}

/// Signals that end it, in order.
struct Ends([Signal; 4]);

impl Ends {
    fn new() -> std::io::Result<Self> {
        Ok(Self([
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::quit())?,
        ]))
    }

    async fn any(&mut self) {
        let [a, b, c, d] = &mut self.0;
        tokio::select! {
            _ = a.recv() => {}
            _ = b.recv() => {}
            _ = c.recv() => {}
            _ = d.recv() => {}
        }
    }
}
