//! An address to call over HTTP, treated as the secret it mostly is.
//!
//! A webhook's URL is its password. So this type has no Debug and no Serialize, and what is said about it is
//! only [`Endpoint::label`]: scheme and host.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};

use crate::config::Secret;
use crate::config::headers::{self, HeadersError};

/// The longest file of a URL or of headers that is read.
const FILE_MAX: u64 = 64 * 1024;

/// An `http` or `https` URL, with headers to send.
#[derive(Clone)]
pub struct Endpoint {
    uri: Uri,
    label: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Why there is no endpoint. Never tells the URL.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Not a URL.
    #[error("not a URL")]
    NotAUrl,
    /// Another scheme than http or https.
    #[error("the URL must start with http:// or https://")]
    Scheme,
    /// `user:password@` before the host, which would end up in logs on the way.
    #[error("the URL must not hold a user and password")]
    Userinfo,
    /// A header that can't be sent.
    #[error("the header `{name}` can't be sent")]
    Header {
        /// Its name.
        name: String,
    },
    /// A file of headers that is none.
    #[error("{path} holds no headers")]
    Headers {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: HeadersError,
    },
    /// The file can be read by others than its owner and group.
    #[error("{path} holds a secret and may be read by everybody")]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be read.
    #[error("could not read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Endpoint {
    /// Parses a URL.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        let uri: Uri = url.trim().parse().map_err(|_| EndpointError::NotAUrl)?;
        let scheme = match uri.scheme_str() {
            Some(scheme @ ("http" | "https")) => scheme,
            Some(_) => return Err(EndpointError::Scheme),
            None => return Err(EndpointError::NotAUrl),
        };
        let authority = uri.authority().ok_or(EndpointError::NotAUrl)?;
        if authority.as_str().contains('@') {
            return Err(EndpointError::Userinfo);
        }
        let label = format!("{scheme}://{authority}");
        Ok(Self { uri, label, headers: Vec::new() })
    }

    /// Reads a URL from a file that not everybody may read; the first line counts.
    pub fn read(path: &Path) -> Result<Self, EndpointError> {
        let text = secret_text(path)?;
        Self::parse(text.lines().next().unwrap_or_default())
    }

    /// The same endpoint, sending these headers too.
    pub fn with_headers<'a>(
        mut self,
        headers: impl IntoIterator<Item = (&'a str, &'a Secret)>,
    ) -> Result<Self, EndpointError> {
        for (name, value) in headers {
            let header = name.parse().ok().zip(HeaderValue::from_str(value.reveal()).ok());
            let (key, mut value) = header.ok_or_else(|| EndpointError::Header { name: name.to_owned() })?;
            value.set_sensitive(true);
            self.headers.push((key, value));
        }
        Ok(self)
    }

    /// The same endpoint, sending the headers of a file of `Name: value` lines too.
    pub fn with_headers_file(self, path: &Path) -> Result<Self, EndpointError> {
        let found = headers::parse(&secret_text(path)?);
        let found = found.map_err(|source| EndpointError::Headers { path: path.to_owned(), source })?;
        self.with_headers(found.iter().map(|(name, value)| (name.as_str(), value)))
    }

    /// Scheme and host: what may be said about it.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The whole of it, a secret.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The headers to send.
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }
}

/// The text of a file that not everybody may read.
pub fn secret_text(path: &Path) -> Result<String, EndpointError> {
    let unreadable = |source| EndpointError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    if mode & 0o004 != 0 {
        return Err(EndpointError::Exposed { path: path.to_owned() });
    }
    let mut text = String::new();
    file.take(FILE_MAX).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_scheme_and_host_are_shown() {
        let endpoint = Endpoint::parse("https://hooks.slack.com/services/T0/B0/secret\n").unwrap();
        assert_eq!(endpoint.label(), "https://hooks.slack.com");
        for (url, part) in
            [("ftp://x/secret", "http://"), ("secret", "not a URL"), ("http://u:secret@h/", "user")]
        {
            let said = Endpoint::parse(url).err().expect("refused").to_string();
            assert!(said.contains(part) && !said.contains("secret"), "{said}");
        }
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_refused_without_its_value() {
        let endpoint = || Endpoint::parse("http://h/").unwrap();
        let (good, bad) = (Secret::new("Bearer x"), Secret::new("s3cret\n"));
        assert!(endpoint().with_headers([("Authorization", &good)]).is_ok());
        let said = endpoint().with_headers([("X-Key", &bad)]).err().expect("refused").to_string();
        assert!(said.contains("X-Key") && !said.contains("s3cret"), "{said}");
    }

    #[test]
    fn a_file_that_everybody_may_read_is_refused() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("url");
        fs::write(&path, "http://127.0.0.1:1/x\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Endpoint::read(&path), Err(EndpointError::Exposed { .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(
            Endpoint::read(&path).ok().map(|e| e.label().to_owned()).as_deref(),
            Some("http://127.0.0.1:1")
        );
    }
}
