//! The thread beside the worker that may wait: it connects to servers and looks names up.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::timeout;

use crate::pool::id::{ConnectionId, UpstreamId};
use crate::pool::reason::ConnectFailure;
use crate::proxy::place::Place;
use crate::proxy::post::Post;
use crate::proxy::proxies::{Line, Question};
use crate::proxy::reach::{failure_of, reach, resolve};
use crate::proxy::tcp::inbox::{Errand, Message};
use crate::proxy::transport::Stream;

impl Line for Post<Message> {
    fn ask(&self, place: u16, question: Question) {
        self.send(Message::Asked(place, question));
    }

    fn end(&self) {
        self.send(Message::End);
    }
}

/// A proxy, for this thread.
#[derive(Debug)]
pub(super) struct Counter {
    /// Its upstreams, in their order.
    pub(super) places: Vec<Place>,
    /// A connect may take so long.
    pub(super) within: Duration,
}

/// What the thread is made of.
pub(super) struct Parts {
    pub(super) counters: Vec<Counter>,
    pub(super) post: Post<Message>,
    pub(super) errands: UnboundedReceiver<Errand>,
}

/// The thread's state.
struct Desk {
    counters: Vec<Counter>,
    post: Post<Message>,
    connects: RefCell<HashMap<(u16, ConnectionId), AbortHandle>>,
}

/// Works until the worker is gone.
pub(super) async fn run(parts: Parts) {
    let Parts { counters, post, mut errands } = parts;
    let desk = Rc::new(Desk { counters, post, connects: RefCell::default() });
    while let Some(errand) = errands.recv().await {
        Desk::begin(&desk, errand);
    }
}

impl Desk {
    fn begin(desk: &Rc<Self>, errand: Errand) {
        let own = Rc::clone(desk);
        match errand {
            Errand::Connect { room, connection, upstream, address } => {
                let task = spawn_local(async move {
                    let connected = own.counters[usize::from(room)].connect(upstream, address).await;
                    own.connects.borrow_mut().remove(&(room, connection));
                    own.post.send(match connected {
                        Ok(stream) => Message::Connected(room, connection, stream),
                        Err((failure, why)) => Message::Failed(room, connection, failure, why),
                    });
                });
                desk.connects.borrow_mut().insert((room, connection), task.abort_handle());
            }
            Errand::Abandon { room, connection } => {
                if let Some(task) = desk.connects.borrow_mut().remove(&(room, connection)) {
                    task.abort();
                }
            }
            Errand::Resolve { room, upstream } => {
                spawn_local(async move {
                    let found = resolve(&own.counters[usize::from(room)].places[upstream.index()]).await;
                    own.post.send(Message::Resolved(room, upstream, found));
                });
            }
        }
    }
}

impl Counter {
    async fn connect(
        &self,
        upstream: UpstreamId,
        address: Option<SocketAddr>,
    ) -> Result<Stream, (ConnectFailure, String)> {
        let place = &self.places[upstream.index()];
        match timeout(self.within, reach(place, address)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err((failure_of(&error), format!("can't reach {place}: {error}"))),
            Err(_) => Err((ConnectFailure::Late, format!("{place} did not answer in time"))),
        }
    }
}
