//! The status API on the agent's unix socket.
//!
//! `POST /v1/request` takes a [`Request`] as JSON and gives an answer as JSON: what this program's own commands use. All
//! else is the API as it is served on an address. Who asks is what SO_PEERCRED says, and that is looked at before anything
//! is read: each kind of caller has places of its own, so that nobody shuts out root or the agent's own user. A stranger is
//! told 403, and no more than the head of its request is read. Connections, sizes and times are bounded.

use std::convert::Infallible;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use crate::admin::answer::{Reply, json, say};
use crate::admin::api::{self, Desk, Visitor};
use crate::admin::door::{self, Manner, Patience};
use crate::admin::keys::bent;
use crate::agent::request::Request;
use crate::model::asker::Asker;
use crate::sys::peer::Peer;
use crate::sys::socket_file::{SocketFile, is_socket};
use crate::sys::user;

/// Requests of root and of the agent's own user under way at once.
const MASTERS_MAX: usize = 16;
/// Requests of others who may ask.
const GUESTS_MAX: usize = 8;
/// Those who may not, and are being told so.
const STRANGERS_MAX: usize = 4;
/// Bytes of a request.
const REQUEST_MAX: usize = 64 * 1_024;

/// Why the socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Another agent answers on it.
    #[error("another agent listens on {0}")]
    Taken(std::path::PathBuf),
    /// The system refused.
    #[error("can't listen on {place}")]
    Listen {
        /// The socket or the address.
        place: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Who may ask: root, the agent's own user, and these.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    /// User ids.
    pub uids: Vec<u32>,
    /// Group ids.
    pub gids: Vec<u32>,
}

impl Rights {
    /// Whether a group names the user as a member: the kernel tells no more of a peer than its first group.
    fn has_member(&self, uid: u32) -> bool {
        !self.gids.is_empty() && user::groups_of(uid).iter().any(|gid| self.gids.contains(gid))
    }

    fn judge(&self, stream: &UnixStream) -> Caller {
        let Ok(peer) = Peer::of(stream) else { return Caller::Unknown };
        if peer.uid == 0 || peer.uid == crate::sys::peer::own_uid() {
            return Caller::Master(peer.uid);
        }
        let is_named = self.uids.contains(&peer.uid) || self.gids.contains(&peer.gid);
        if is_named || self.has_member(peer.uid) {
            Caller::Guest(peer.uid)
        } else {
            Caller::Stranger(peer.uid)
        }
    }
}

/// Who asks, by the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Caller {
    /// Root, or the agent's own user.
    Master(u32),
    /// Another one who may ask.
    Guest(u32),
    /// One who may not.
    Stranger(u32),
    /// The kernel does not tell.
    Unknown,
}

/// Places for each kind of caller.
struct Places {
    masters: Semaphore,
    guests: Semaphore,
    strangers: Semaphore,
}

impl Places {
    fn new() -> Self {
        Self {
            masters: Semaphore::new(MASTERS_MAX),
            guests: Semaphore::new(GUESTS_MAX),
            strangers: Semaphore::new(STRANGERS_MAX),
        }
    }

    fn of(&self, caller: Caller) -> &Semaphore {
        match caller {
            Caller::Master(_) => &self.masters,
            Caller::Guest(_) => &self.guests,
            Caller::Stranger(_) | Caller::Unknown => &self.strangers,
        }
    }
}

/// Serves the socket until the future is dropped. Runs on a local set.
pub async fn serve(listener: UnixListener, rights: Rights, desk: Rc<Desk>) -> Infallible {
    let rights = Rc::new(rights);
    let places = Rc::new(Places::new());
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        let (rights, desk, places) = (Rc::clone(&rights), Rc::clone(&desk), Rc::clone(&places));
        tokio::task::spawn_local(async move {
            let caller = rights.judge(&stream);
            let Ok(_permit) = places.of(caller).try_acquire() else { return };
            let handle = async |request, patience: &_| handle(request, (caller, patience), &desk).await;
            door::attend(TokioIo::new(stream), Manner::Once, handle).await;
        });
    }
}

/// Opens the socket; one that nobody answers on any more is taken over. The file goes with what is given beside it.
///
/// # Errors
///
/// Another agent answers on it, something else is in its place, or the system refuses.
pub fn listen(path: &Path) -> Result<(UnixListener, SocketFile), AdminError> {
    let failed = |source| AdminError::Listen { place: path.display().to_string(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let (listener, file) = SocketFile::bind(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse if is_socket(path) => AdminError::Taken(path.to_owned()),
        _ => failed(error),
    })?;
    Ok((UnixListener::from_std(listener).map_err(failed)?, file))
}

async fn handle(
    request: hyper::Request<Incoming>,
    (caller, patience): (Caller, &Rc<Patience>),
    desk: &Rc<Desk>,
) -> Reply {
    let uid = match caller {
        Caller::Master(uid) | Caller::Guest(uid) => uid,
        Caller::Stranger(uid) => return say(StatusCode::FORBIDDEN, &stranger(uid)),
        Caller::Unknown => return say(StatusCode::FORBIDDEN, "the peer is unknown"),
    };
    if let Some(refusal) = bent(&request) {
        return refusal;
    }
    if (request.method(), request.uri().path()) != (&Method::POST, "/v1/request") {
        return api::serve(request, &Visitor::known(uid, patience), desk).await;
    }
    let Ok(body) = Limited::new(request.into_body(), REQUEST_MAX).collect().await else {
        return say(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large or broken");
    };
    match serde_json::from_slice::<Request>(&body.to_bytes()) {
        Ok(request) => json(&desk.ask(request, Asker::User { uid }).await),
        Err(error) => say(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

/// Who may, and how to become one of them.
fn stranger(uid: u32) -> String {
    format!(
        "user {uid} may not ask: root, the agent's own user and those of `[admin] allow` may; \
         `allow = {{ uid = [{uid}] }}` under [admin] of the agent's file lets this one in, `gid` a group"
    )
}
