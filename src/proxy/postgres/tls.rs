//! TLS as PostgreSQL has it, towards clients and towards upstreams.

use std::sync::Arc;

use rustls::ServerConfig;

use crate::config::proxy::{ListenerTls, UpstreamTls};
use crate::proxy::tls::{self, TlsError, certificates, key, provider};
use crate::wire::postgres::end_point::end_point;
use crate::wire::postgres::scram::Offer;

pub(super) use crate::proxy::tls::Connector;

/// The protocol's name in TLS (IANA), which clients that begin with TLS must say.
pub(super) const ALPN: &[u8] = b"postgresql";
/// Records towards clients: drivers that wait for the socket, and not for TLS, lose the rest of a longer one.
const RECORD_MAX: usize = 8 << 10;

/// TLS towards clients.
#[derive(Clone)]
pub(super) struct Acceptor {
    pub(super) config: Arc<ServerConfig>,
    /// What SCRAM offers with it.
    pub(super) offer: Offer,
}

/// By the settings of a listener.
pub(super) fn acceptor(settings: &ListenerTls) -> Result<Acceptor, TlsError> {
    let certificates = certificates(&settings.cert)?;
    let offer = certificates.first().and_then(|own| end_point(own)).map_or(Offer::Unbound, Offer::EndPoint);
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key(&settings.key)?)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.max_fragment_size = Some(RECORD_MAX);
    Ok(Acceptor { config: Arc::new(config), offer })
}

/// By the settings of a proxy; none where it has no TLS.
pub(super) fn connector(settings: &UpstreamTls) -> Result<Option<Connector>, TlsError> {
    tls::connector(settings, ALPN)
}
