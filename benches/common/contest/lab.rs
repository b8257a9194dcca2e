//! The place of measuring: one CPU for all, a folder, free ports, a certificate.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::common::Attempt;
use crate::common::ground::{Ports, pin};

/// Everything that measuring needs beside the subjects.
#[derive(Debug)]
pub(crate) struct Lab {
    folder: tempfile::TempDir,
    /// The CPU that everything shares.
    pub(crate) cpu: usize,
    ports: Ports,
}

impl Lab {
    /// Pins this thread, and with it all that it starts from now on, and makes a certificate for the upstream.
    pub(crate) fn open() -> Attempt<Self> {
        let folder = tempfile::tempdir()?;
        // nginx drops to a user of its own, who has to read it.
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let lab = Self { folder, cpu: pin(None)?, ports: Ports::default() };
        // An authority, and a certificate of it: nobody takes one for the other.
        lab.openssl(&["-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"])?;
        let own = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
        let signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"];
        lab.openssl(&[&own[..], &signed, &["-keyout", "key.pem", "-out", "cert.pem"]].concat())?;
        Ok(lab)
    }

    fn openssl(&self, words: &[&str]) -> Attempt<()> {
        let made = Command::new("openssl")
            .current_dir(self.folder.path())
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
            ])
            .args(words)
            .output()
            .map_err(|error| format!("openssl, which makes the certificate: {error}"))?;
        if made.status.success() {
            return Ok(());
        }
        Err(format!("openssl: {}", String::from_utf8_lossy(&made.stderr)).into())
    }

    /// What the upstream needs to speak TLS with that certificate.
    pub(crate) fn tls(&self) -> Attempt<Arc<ServerConfig>> {
        let certs = CertificateDer::pem_file_iter(self.path("cert.pem"))?.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_file(self.path("key.pem"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(certs, key)?;
        Ok(Arc::new(config))
    }

    /// A path of this run's own; gone with the lab.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A port that nobody listens on; never the same twice.
    pub(crate) fn port(&self) -> Attempt<u16> {
        self.ports.next()
    }
}
