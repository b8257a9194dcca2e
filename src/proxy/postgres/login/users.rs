//! The file of users: read at the start, and again when it has changed. A file that can't be read any more changes
//! nothing: those who were known stay known.

use std::cell::RefCell;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::rand::{SecureRandom as _, SystemRandom};

use crate::sys::secrets::{self, SecretError, Stamp};
use crate::wire::postgres::scram::{ITERATIONS_DEFAULT, KEY_LEN, Verifier};
use crate::wire::postgres::secret::Secret;
use crate::wire::postgres::userlist::{self, UserFault, Users};

/// The longest file.
const FILE_MAX: u64 = 32 << 20;
/// Bytes of the salts of verifiers that are made here.
const SALT_LEN: usize = 16;
const ITERATIONS: NonZeroU32 = NonZeroU32::new(ITERATIONS_DEFAULT).expect("not zero");

/// Why a file of users is not used.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// It can't be read, or others can.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// It is no text.
    #[error("{} is no text", .0.display())]
    Text(PathBuf),
    /// Lines of it are no users.
    #[error("{}:{line}: {fault}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The first of them.
        line: usize,
        /// What is wrong with it.
        fault: UserFault,
    },
}

/// The users.
pub(crate) struct Register {
    path: PathBuf,
    inner: RefCell<Inner>,
    /// Salts of users who are not there come from this.
    seed: [u8; KEY_LEN],
}

struct Inner {
    stamp: Option<Stamp>,
    users: Arc<Users>,
    /// Verifiers of those whose password is in the file: deriving one takes milliseconds.
    verifiers: HashMap<String, Verifier>,
}

impl Register {
    /// Reads the file.
    pub(crate) fn open(path: &Path) -> Result<Self, UsersError> {
        let (users, stamp) = read(path)?;
        let inner = Inner { stamp: Some(stamp), users: Arc::new(users), verifiers: HashMap::new() };
        Ok(Self { path: path.to_owned(), inner: RefCell::new(inner), seed: random() })
    }

    /// Reads the file again where it has changed.
    pub(crate) fn refresh(&self) {
        let stamp = Stamp::now(&self.path);
        let mut inner = self.inner.borrow_mut();
        if inner.stamp == stamp {
            return;
        }
        match read(&self.path) {
            Ok((users, stamp)) => {
                *inner = Inner { stamp: Some(stamp), users: Arc::new(users), verifiers: HashMap::new() };
                tracing::info!(file = %self.path.display(), "users were read again");
            }
            Err(error) => {
                // Told once for each state of the file.
                inner.stamp = stamp;
                tracing::error!(%error, "the file of users is not used: those known before stay");
            }
        }
    }

    /// What is known of a user's password.
    pub(crate) fn secret(&self, user: &str) -> Option<Secret> {
        self.inner.borrow().users.get(user).cloned()
    }

    /// What checks a user's proof; one that lets nobody in where there is no such user. Passwords are worked on aside,
    /// so that other logins go on.
    pub(crate) async fn verifier(&self, user: &str) -> Verifier {
        let users = Arc::clone(&self.inner.borrow().users);
        let password = match users.get(user) {
            Some(Secret::Scram(verifier)) => return verifier.clone(),
            Some(Secret::Plain(password)) => password.clone(),
            Some(Secret::Md5(_)) | None => return self.nobody(user),
        };
        if let Some(known) = self.inner.borrow().verifiers.get(user) {
            return known.clone();
        }
        let salt: [u8; SALT_LEN] = random();
        let derive = move || Verifier::from_password(&password, &salt, ITERATIONS);
        let Ok(verifier) = tokio::task::spawn_blocking(derive).await else { return self.nobody(user) };
        let mut inner = self.inner.borrow_mut();
        if !Arc::ptr_eq(&users, &inner.users) {
            // The file has changed meanwhile; this login was against the old one.
            return verifier;
        }
        inner.verifiers.entry(user.to_owned()).or_insert(verifier).clone()
    }

    fn nobody(&self, user: &str) -> Verifier {
        Verifier::mock(user.as_bytes(), &self.seed, ITERATIONS)
    }
}

fn read(path: &Path) -> Result<(Users, Stamp), UsersError> {
    let (content, stamp) = secrets::read(path, FILE_MAX)?;
    let text = String::from_utf8(content).map_err(|_| UsersError::Text(path.to_owned()))?;
    let users = userlist::parse(&text).map_err(|faults| match faults.first() {
        Some((line, fault)) => UsersError::Line { path: path.to_owned(), line: *line, fault: *fault },
        None => UsersError::Text(path.to_owned()),
    })?;
    Ok((users, stamp))
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    assert!(filled.is_ok(), "the kernel has random numbers");
    bytes
}
