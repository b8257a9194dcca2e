//! TLS by the settings, towards upstreams, and the files that it is made of.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{VerifierBuilderError, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::config::proxy::{Identity, TlsMode, UpstreamTls};
use crate::sys::secrets::{self, SecretError};

/// The longest file of certificates or keys.
const FILE_MAX: u64 = 1 << 20;
/// Why TLS can't be had as the settings want it.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file of certificates or a key can't be read.
    #[error("{} can't be read as PEM", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// A file has no certificate.
    #[error("{} holds no certificate", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file of a key is not used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Certificate and key are not accepted.
    #[error("certificate and key are not accepted")]
    Refused(#[from] rustls::Error),
    /// No authority could be made out.
    #[error("the authorities are not accepted")]
    Authorities(#[from] VerifierBuilderError),
}

/// TLS towards an upstream.
#[derive(Clone)]
pub(in crate::proxy) struct Connector {
    pub(in crate::proxy) mode: TlsMode,
    pub(in crate::proxy) config: Arc<ClientConfig>,
    /// The name that the certificate must have, where not the upstream's own.
    pub(in crate::proxy) name: Option<String>,
}

/// By the settings of a proxy, for a protocol of that name in TLS (IANA); none where it has no TLS.
pub(in crate::proxy) fn connector(
    settings: &UpstreamTls,
    alpn: &[u8],
) -> Result<Option<Connector>, TlsError> {
    let provider = provider();
    let verifier: Arc<dyn ServerCertVerifier> = match settings.mode {
        TlsMode::Disable => return Ok(None),
        TlsMode::VerifyFull => verifier(settings.ca_file.as_deref(), &provider)?,
        TlsMode::VerifyCa => {
            let inner = verifier(settings.ca_file.as_deref(), &provider)?;
            Arc::new(Lenient { provider: Arc::clone(&provider), authorities: Some(inner) })
        }
        TlsMode::Require | TlsMode::Prefer => {
            Arc::new(Lenient { provider: Arc::clone(&provider), authorities: None })
        }
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &settings.identity {
        Some(Identity { cert, key: file }) => {
            builder.with_client_auth_cert(certificates(cert)?, key(file)?)?
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    Ok(Some(Connector { mode: settings.mode, config: Arc::new(config), name: settings.name.clone() }))
}

/// The means of encryption.
pub(in crate::proxy) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn verifier(
    ca_file: Option<&Path>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate)?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    Ok(verifier.build()?)
}

/// The certificates of a file, at least one.
pub(in crate::proxy) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |source| TlsError::Pem { path: path.to_owned(), source };
    let found: Vec<_> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(failed)?;
    if found.is_empty() { Err(TlsError::Empty { path: path.to_owned() }) } else { Ok(found) }
}

/// The key of a file.
pub(in crate::proxy) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let (content, _) = secrets::read(path, FILE_MAX)?;
    let failed = |source| TlsError::Pem { path: path.to_owned(), source };
    PrivateKeyDer::from_pem_slice(&content).map_err(failed)
}

/// Believes what the mode does not ask for: the name, or the whole certificate. That the other side holds the
/// certificate's key is checked in any case.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    /// Who must have signed the certificate; anybody where absent.
    authorities: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(authorities) = &self.authorities else { return Ok(ServerCertVerified::assertion()) };
        match authorities.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            // The chain was checked before the name.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
