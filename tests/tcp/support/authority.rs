//! An authority for the TLS of a test.

use std::fs;
use std::path::Path;
use std::process::Command;

/// An authority, and a certificate of it for `localhost`.
pub(crate) fn certify(at: &Path) {
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    let openssl = |arguments: &[&str]| {
        let output =
            Command::new("openssl").current_dir(at).args(["req", "-x509"]).args(key).args(arguments).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    openssl(&["-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"]);
    let own = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    let signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"];
    let files = ["-keyout", "server.key", "-out", "server.pem"];
    openssl(&[&own[..], &signed, &files].concat());
    assert!(fs::metadata(at.join("server.pem")).is_ok());
}
