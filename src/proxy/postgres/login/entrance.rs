//! The first packet of a client, read.

use crate::proxy::guests::Origin;
use crate::proxy::postgres::console::DATABASE;
use crate::proxy::postgres::worker::About;
use crate::wire::postgres::backend::write_negotiate;
use crate::wire::postgres::options::{self, OptionsError};
use crate::wire::postgres::startup::{First, Startup, StartupError, Version, first};

/// The newest version of the protocol that is spoken to clients.
const NEWEST: Version = Version::V3_2;
/// Requests for encryption that a client may make before it starts.
pub(crate) const ASKED_MAX: u8 = 2;

/// What a client wants first, taken out of the buffer.
#[derive(Debug)]
pub(crate) enum Entered {
    /// TLS, after our word.
    Tls,
    /// Encryption that is not spoken here.
    Gss,
    /// TLS at once: nothing was taken out.
    DirectTls,
    /// To cancel: the number and secret of a session.
    Cancel(u32, Vec<u8>),
    /// A session.
    Session(Wish),
    /// What no pool can give.
    Unserved(Unserved),
}

/// What no pool can give.
#[derive(Debug)]
pub(crate) enum Unserved {
    /// Replication.
    Replication,
    /// Switches of a server process that are more than settings.
    Options(OptionsError),
}

impl Unserved {
    /// What its client is told, and what it can do.
    pub(crate) fn words(&self) -> (String, &'static str) {
        match self {
            Self::Replication => {
                ("a pool has no connections for replication".to_owned(), "Connect to the server itself.")
            }
            Self::Options(error) => {
                (error.to_string(), "Through a pool `options` takes -c NAME=VALUE and --NAME=VALUE.")
            }
        }
    }
}

/// A wish for a session.
#[derive(Debug)]
pub(crate) struct Wish {
    /// Who it says it is.
    pub(crate) about: About,
    /// What it must be told before anything else: the version it gets.
    pub(crate) prologue: Vec<u8>,
    /// Settings that it asks for.
    pub(crate) settings: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Wish {
    /// Whether it is for the console and no session.
    pub(crate) fn is_for_console(&self) -> bool {
        self.about.database == DATABASE
    }
}

/// Reads the first packet and tells how many bytes it had; none where more must come.
pub(crate) fn enter(bytes: &[u8], origin: &Origin) -> Result<Option<(Entered, usize)>, StartupError> {
    let Some((first, count)) = first(bytes)? else { return Ok(None) };
    let entered = match first {
        First::Ssl => Entered::Tls,
        First::GssEnc => Entered::Gss,
        First::DirectTls => Entered::DirectTls,
        First::Cancel { pid, key } => Entered::Cancel(pid, key.to_vec()),
        First::Startup(startup) if replicates(&startup) => Entered::Unserved(Unserved::Replication),
        First::Startup(startup) => match wish(&startup, origin) {
            Ok(wish) => Entered::Session(wish),
            Err(error) => Entered::Unserved(Unserved::Options(error)),
        },
    };
    Ok(Some((entered, count)))
}

/// Whether a session is for replication: the word is a boolean as the server reads them, or `database`.
fn replicates(startup: &Startup<'_>) -> bool {
    let word = startup.get(b"replication").unwrap_or_default().to_ascii_lowercase();
    !matches!(word.as_slice(), b"" | b"0" | b"f" | b"n" | b"no" | b"of" | b"off" | b"false")
}

fn wish(startup: &Startup<'_>, origin: &Origin) -> Result<Wish, OptionsError> {
    let mut prologue = Vec::new();
    if startup.must_negotiate(NEWEST) {
        write_negotiate(&mut prologue, startup.granted(NEWEST), startup.protocol_options());
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let about = About {
        user: text(startup.user),
        database: text(startup.database()),
        application: text(startup.get(b"application_name").unwrap_or_default()),
        address: origin.to_string(),
        uid: origin.uid,
        inode: origin.inode,
        pid: origin.pid,
    };
    // Those of `options` first: the server lets the others win.
    let switched = options::settings(startup.get(b"options").unwrap_or_default())?;
    let switched = switched.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes()));
    let plain = startup.settings().map(|(name, value)| (name.to_vec(), value.to_vec()));
    Ok(Wish { about, prologue, settings: switched.chain(plain).collect() })
}
