//! What the desk needs of one proxy, made from its settings: files are read here, so that what is wrong with them is told
//! at the start.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use crate::config::proxy::{self as config, Postgres, Proxy};
use crate::model::units::Quota;
use crate::proxy::place::Place;
use crate::proxy::postgres::credentials::Purse;
use crate::proxy::postgres::desk::Counter;
use crate::proxy::postgres::login::tries::Tries;
use crate::proxy::postgres::login::users::Register;
use crate::proxy::postgres::login::{Auth, Gate, TlsWish};
use crate::proxy::postgres::route::Route;
use crate::proxy::postgres::tls::{self, Connector};
use crate::proxy::start::StartError;
use crate::wire::postgres::startup::Version;

/// The newest version of the protocol that is asked for at servers: with it a cancel can't be guessed.
const NEWEST: Version = Version::V3_2;

/// A proxy on its way to the desk: what is shared there within a thread is made there.
pub(super) struct Piece {
    name: String,
    places: Vec<Place>,
    connector: Option<Connector>,
    gate: Gate,
    purse: Purse,
    tries: Quota,
    connect_within: Duration,
}

impl Piece {
    /// By the settings.
    pub(super) fn of(proxy: &Proxy, postgres: &Postgres) -> Result<Self, StartError> {
        let name = proxy.name.to_string();
        let no_tls = |source| StartError::Tls { name: name.clone(), source };
        let no_users = |source| StartError::Users { name: name.clone(), source };
        let no_password = |source| StartError::Password { name: name.clone(), source };
        let admission = &postgres.admission;
        let tls = admission.tls.as_ref().map(tls::acceptor).transpose().map_err(no_tls)?;
        let required = admission.tls.as_ref().is_some_and(|tls| tls.require);
        let auth = match &admission.auth {
            config::Auth::Trust => Auth::Trust,
            config::Auth::Md5 { users_file } => Auth::Md5(Register::open(users_file).map_err(no_users)?),
            config::Auth::ScramSha256 { users_file } => {
                Auth::Scram(Register::open(users_file).map_err(no_users)?)
            }
            config::Auth::Password { users_file: Some(file) } => {
                Auth::Password(Register::open(file).map_err(no_users)?)
            }
            config::Auth::Password { users_file: None } => Auth::Upstream,
        };
        let purse = match &postgres.sessions.login {
            Some(login) => Purse::of_login(login.password_file.as_ref()).map_err(no_password)?,
            None => Purse::of_clients(),
        };
        let connector = tls::connector(&postgres.tls).map_err(no_tls)?;
        let tls_required = if required { TlsWish::Required } else { TlsWish::Free };
        Ok(Self {
            places: proxy.upstream.iter().map(Place::of).collect(),
            connector,
            gate: Gate { auth, tls, tls_required },
            purse,
            tries: admission.tries,
            connect_within: proxy.pool.connect_timeout,
            name,
        })
    }

    /// At the desk.
    pub(super) fn into_counter(self) -> Counter {
        let route = |place| Route { place, tls: self.connector.clone(), version: Cell::new(NEWEST) };
        Counter {
            name: self.name,
            routes: self.places.into_iter().map(route).collect(),
            gate: self.gate,
            purse: self.purse,
            tries: RefCell::new(Tries::new(self.tries)),
            told: Cell::new(None),
            connect_within: self.connect_within,
        }
    }
}
