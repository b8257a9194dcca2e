//! The doors of a running agent: the control socket, the address of the status API, and that of the metrics.

use std::rc::Rc;
use std::time::Duration;

use tokio::net::UnixListener;

use super::Known;
use crate::admin::{self, AdminError, ApiServer, Desk, Keys, MetricsServer, Rights, TokenFile, Tokens};
use crate::agent::Ends;
use crate::agent::feed::Feed;
use crate::agent::mailbox::{Mailbox, Message};
use crate::agent::request::{Answer, Command, Envelope, Request};
use crate::cli::pools::{self, Gates};
use crate::cli::usual;
use crate::config::{self, Config};
use crate::journal::place::Place;
use crate::model::chain::chain;
use crate::proxy::Proxies;
use crate::sys::socket_file::SocketFile;

/// The control socket and its file.
pub(super) type Door = (UnixListener, SocketFile);

/// An address that could not be taken is tried again after so long.
const AGAIN: Duration = Duration::from_secs(30);

/// Opens the control socket. Where another agent answers on it, a second would guard the same targets, and both
/// would act; only an `exec`, whose child is its own, does without a socket. So does an agent that is refused one.
pub(super) fn listen(config: &Config, ends: &Ends) -> Result<Option<Door>, AdminError> {
    match (admin::listen(&config.admin.socket), ends) {
        (Ok(door), _) => Ok(Some(door)),
        (Err(error @ AdminError::Taken(_)), Ends::Never) => Err(error),
        (Err(error), _) => {
            tracing::warn!(error = chain(&error), "the control socket can't be served");
            Ok(None)
        }
    }
}

/// What the control socket and the status API answer from.
pub(super) fn desk(
    config: &Config,
    feed: Feed,
    (mailbox, proxies, gates): (Mailbox, Option<Proxies>, Gates),
    known: Rc<Known>,
) -> Rc<Desk> {
    let submit = move |envelope: Envelope| {
        let Err(envelope) = pools::command(proxies.as_ref(), &gates, &mailbox, envelope) else { return };
        let message = match &envelope.request {
            Request::Do(Command::Reload) => Message::Reload(known.reload(), Some(envelope)),
            Request::Status
            | Request::Explain { .. }
            | Request::Events { .. }
            | Request::Trading { .. }
            | Request::Do(_) => Message::Asked(envelope),
        };
        if let Err(message) = mailbox.post(message) {
            busy(*message);
        }
    };
    let store = Place::of(&config.history, &usual::host());
    Desk::new(submit, feed, store)
}

/// Serves the control socket.
pub(super) async fn socket(listener: UnixListener, admin: config::Admin, desk: Rc<Desk>) {
    let uids = admin.uids.iter().filter_map(|uid| u32::try_from(*uid).ok()).collect();
    let gids = admin.gids.iter().filter_map(|gid| u32::try_from(*gid).ok()).collect();
    match admin::serve(listener, Rights { uids, gids }, desk).await {}
}

/// Serves the status API. That it can't be is no reason not to guard: it is told, and tried again.
pub(super) async fn api(place: config::Api, desk: Rc<Desk>) {
    let tokens = Tokens {
        read: place.read_token_file.map(TokenFile::at),
        write: place.write_token_file.map(TokenFile::at),
    };
    let server = loop {
        match ApiServer::listen(place.listen, tokens.clone()).await {
            Ok(server) => break server,
            Err(error) => tracing::warn!(error = chain(&error), "the status API can't be served"),
        }
        tokio::time::sleep(AGAIN).await;
    };
    match server.serve(desk).await {}
}

/// Serves metrics. That they can't be is no reason not to guard: it is told, and tried again.
pub(super) async fn metrics(place: config::Metrics, mailbox: Mailbox) {
    let keys = place.token_file.map_or(Keys::None, |path| Keys::Token(TokenFile::at(path)));
    let server = loop {
        match MetricsServer::listen(place.listen, keys.clone()).await {
            Ok(server) => break server,
            Err(error) => tracing::warn!(error = chain(&error), "metrics can't be served"),
        }
        tokio::time::sleep(AGAIN).await;
    };
    let submit = move |envelope| {
        if let Err(message) = mailbox.post(Message::Asked(envelope)) {
            busy(*message);
        }
    };
    match server.serve(submit).await {}
}

/// A message that could not be posted is answered here.
fn busy(message: Message) {
    if let Message::Asked(envelope) | Message::Reload(_, Some(envelope)) = message {
        drop(envelope.reply.send(Answer::Refused("the agent is busy or ending".to_owned())));
    }
}
