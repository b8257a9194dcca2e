//! What there is to log in with at an upstream.
//!
//! With `pool.login` that is the password of its file, for every connection. Without it each client's own user logs in:
//! with what the file of users holds of it, or with what the client itself has shown. From a login by SCRAM that are two
//! keys, which open a server that keeps the same verifier (same password, salt and iterations) and no other.

use std::cell::RefCell;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::path::PathBuf;

use subtle::ConstantTimeEq as _;

use crate::sys::secrets::{self, SecretError};
use crate::wire::postgres::md5::Md5Secret;
use crate::wire::postgres::scram::Keys;
use crate::wire::postgres::secret::Secret;

/// The most users whose words are remembered.
const SHOWN_MAX: usize = 1_024;

/// What a client has shown at its login. No Debug: it is a secret.
#[derive(Clone)]
pub(super) enum Shown {
    Password(Vec<u8>),
    Keys(Keys),
}

/// What to log in with. No Debug: it is a secret.
#[derive(Clone)]
pub(super) enum Means {
    Nothing,
    Password(Vec<u8>),
    Md5(Md5Secret),
    Keys(Keys),
}

/// Keys that were derived, and of what: that takes milliseconds, and a server keeps its salts.
struct Derived {
    password: Vec<u8>,
    salt: Vec<u8>,
    iterations: NonZeroU32,
    keys: Keys,
}

/// The means of one proxy.
#[derive(Default)]
pub(super) struct Purse {
    /// The file of the password, and what it held when it was last read.
    file: Option<(PathBuf, RefCell<Vec<u8>>)>,
    /// Whether the proxy logs in as somebody of its own.
    fixed: bool,
    shown: RefCell<HashMap<Vec<u8>, Shown>>,
    derived: RefCell<HashMap<Vec<u8>, Derived>>,
}

impl Purse {
    /// Of a proxy that logs in as its clients.
    pub(super) fn of_clients() -> Self {
        Self::default()
    }

    /// Of a proxy that logs in as itself.
    pub(super) fn of_login(password_file: Option<&PathBuf>) -> Result<Self, SecretError> {
        let file = match password_file {
            Some(path) => {
                let password = secrets::read_password(path)?;
                Some((path.clone(), RefCell::new(password)))
            }
            None => None,
        };
        Ok(Self { file, fixed: true, ..Self::default() })
    }

    /// What there is for a user; `kept` is what the file of users holds of it.
    pub(super) fn means(&self, user: &[u8], kept: Option<Secret>) -> Means {
        if let Some((_, password)) = &self.file {
            return Means::Password(password.borrow().clone());
        }
        if self.fixed {
            return Means::Nothing;
        }
        match (self.shown.borrow().get(user), kept) {
            (_, Some(Secret::Plain(password))) => Means::Password(password),
            (Some(Shown::Password(password)), _) => Means::Password(password.clone()),
            (Some(Shown::Keys(keys)), _) => Means::Keys(keys.clone()),
            (None, Some(Secret::Md5(hash))) => Means::Md5(hash),
            (None, Some(Secret::Scram(_)) | None) => Means::Nothing,
        }
    }

    /// A client has logged in by this.
    pub(super) fn remember(&self, user: &[u8], shown: Shown) {
        let mut all = self.shown.borrow_mut();
        if !self.fixed && (all.len() < SHOWN_MAX || all.contains_key(user)) {
            all.insert(user.to_vec(), shown);
        }
    }

    /// Whether this is the password that the upstream took last.
    pub(super) fn is_known(&self, user: &[u8], password: &[u8]) -> bool {
        match self.shown.borrow().get(user) {
            Some(Shown::Password(known)) => bool::from(known.as_slice().ct_eq(password)),
            Some(Shown::Keys(_)) | None => false,
        }
    }

    /// After a login that was refused: reads the file again. Gives whether it holds something else now.
    pub(super) fn renew(&self) -> bool {
        let Some((path, password)) = &self.file else { return false };
        match secrets::read_password(path) {
            Ok(now) => {
                let other = !bool::from(password.borrow().as_slice().ct_eq(&now));
                *password.borrow_mut() = now;
                other
            }
            Err(error) => {
                tracing::error!(%error, "the file of a password is not used");
                false
            }
        }
    }

    /// Keys of a password for a server's challenge, derived aside so that other logins go on.
    pub(super) async fn derive(
        &self,
        user: &[u8],
        password: &[u8],
        (salt, iterations): (&[u8], NonZeroU32),
    ) -> Option<Keys> {
        if let Some(known) = self.derived.borrow().get(user)
            && known.salt == salt
            && known.iterations == iterations
            && bool::from(known.password.as_slice().ct_eq(password))
        {
            return Some(known.keys.clone());
        }
        let (secret, salted) = (password.to_vec(), salt.to_vec());
        let keys =
            tokio::task::spawn_blocking(move || Keys::derive(&secret, &salted, iterations)).await.ok()?;
        let derived =
            Derived { password: password.to_vec(), salt: salt.to_vec(), iterations, keys: keys.clone() };
        let mut all = self.derived.borrow_mut();
        if all.len() >= SHOWN_MAX {
            all.clear();
        }
        all.insert(user.to_vec(), derived);
        Some(keys)
    }
}
