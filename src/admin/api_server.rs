//! The status API and its page on an address of this machine, for those who bring a token.
//!
//! What the page is made of and the description of the API tell nothing of the agent and are given to everybody; all else
//! wants a token. A request must name the place by its address, and none of a page of another place is answered.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::net::TcpListener;

use crate::admin::api::{self, Desk, STREAMS_MAX, Visitor};
use crate::admin::door;
use crate::admin::keys::{Tokens, misdirected};
use crate::admin::server::AdminError;

/// Connections at once: all streams, and as many again for the other requests.
const CONNECTIONS_MAX: usize = 2 * STREAMS_MAX;

/// The listener, opened.
#[derive(Debug)]
pub struct ApiServer {
    listener: TcpListener,
    tokens: Tokens,
}

impl ApiServer {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// The system refuses the address.
    pub async fn listen(address: SocketAddr, tokens: Tokens) -> Result<Self, AdminError> {
        Ok(Self { listener: door::listen(address).await?, tokens })
    }

    /// Serves it until the future is dropped. Runs on a local set.
    pub async fn serve(self, desk: Rc<Desk>) -> Infallible {
        let tokens = self.tokens;
        let handle = async move |request, patience: &_| match misdirected(&request) {
            Some(refusal) => refusal,
            None => api::serve(request, &Visitor::unknown(&tokens, patience), &desk).await,
        };
        door::serve(self.listener, CONNECTIONS_MAX, handle).await
    }
}
