//! Addresses of declared remotes.

use std::time::Duration;

use crate::model::name::Remote;
use crate::sampler::remotes::{RemoteBook, literal};

/// Names are looked up again after so long.
pub(super) const AGAIN: Duration = Duration::from_mins(1);
/// One name may take so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks every remote up and notes what is found. Addresses once seen stay: with a name that rotates, a live
/// session sits on one that is no longer in the answer. A name that can't be found is tried again the next time.
pub(super) async fn note(book: &mut RemoteBook, remotes: &[Remote]) {
    for remote in remotes {
        if let Some(address) = literal(remote) {
            book.note(remote, [address]);
            continue;
        }
        let looked = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((remote.host(), 0))).await;
        match looked {
            Ok(Ok(addresses)) => book.note(remote, addresses.map(|address| address.ip())),
            Ok(Err(error)) => tracing::warn!(%remote, %error, "a remote's name can't be looked up"),
            Err(_) => tracing::warn!(%remote, "a remote's name was not looked up in time"),
        }
    }
}
