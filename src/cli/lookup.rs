//! Addresses of declared remotes.

use std::time::Duration;

use crate::model::name::Remote;
use crate::sampler::remotes::{RemoteBook, literal};

/// Names are looked up again after so long.
pub(super) const AGAIN: Duration = Duration::from_mins(1);
/// One name may take so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks every remote up. A name that can't be found is left out and tried again the next time.
pub(super) async fn book(remotes: &[Remote]) -> RemoteBook {
    let mut book = RemoteBook::default();
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
    book
}
