//! Names for remote addresses: a policy says `db.internal:5432`, the kernel knows numbers.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::model::name::Remote;

/// The most addresses that one book holds.
const ADDRESSES_MAX: usize = 4_096;

/// Which declared remote an address belongs to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RemoteBook {
    exact: BTreeMap<SocketAddr, Remote>,
    any_port: BTreeMap<IpAddr, Remote>,
}

impl RemoteBook {
    /// Notes the addresses of a declared remote. The first declaration of an address stays.
    pub fn note(&mut self, remote: &Remote, addresses: impl IntoIterator<Item = IpAddr>) {
        for address in addresses {
            if self.exact.len() + self.any_port.len() >= ADDRESSES_MAX {
                return;
            }
            let address = address.to_canonical();
            match remote.port() {
                Some(port) => {
                    self.exact.entry(SocketAddr::new(address, port)).or_insert_with(|| remote.clone());
                }
                None => {
                    self.any_port.entry(address).or_insert_with(|| remote.clone());
                }
            }
        }
    }

    /// The declared remote of an address.
    pub fn declared(&self, address: SocketAddr) -> Option<&Remote> {
        self.exact.get(&address).or_else(|| self.any_port.get(&address.ip()))
    }

    /// The addresses noted for a declared remote.
    pub fn addresses(&self, remote: &Remote) -> Vec<IpAddr> {
        let exact = self.exact.iter().filter(|(_, noted)| *noted == remote).map(|(address, _)| address.ip());
        let any = self.any_port.iter().filter(|(_, noted)| *noted == remote).map(|(address, _)| *address);
        exact.chain(any).collect()
    }

    /// Whether a remote is one of the declared.
    pub fn is_declared(&self, remote: &Remote) -> bool {
        self.exact.values().chain(self.any_port.values()).any(|declared| declared == remote)
    }

    /// The name to show for an address: declared, else its number.
    pub fn name(&self, address: SocketAddr) -> Remote {
        self.declared(address).cloned().unwrap_or_else(|| Remote::from(address))
    }
}

/// The addresses of a remote whose host is a number; names must be looked up.
pub fn literal(remote: &Remote) -> Option<IpAddr> {
    remote.host().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_beats_any_port_and_mapped_is_plain() {
        let mut book = RemoteBook::default();
        let (db, host) = (Remote::parse("db:5432").unwrap(), Remote::parse("db:*").unwrap());
        let address: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        book.note(&db, [address]);
        book.note(&host, [address]);
        assert_eq!(book.name("10.0.0.1:5432".parse().unwrap()), db);
        assert_eq!(book.name("10.0.0.1:80".parse().unwrap()), host);
        assert_eq!(book.name("10.0.0.2:80".parse().unwrap()).as_str(), "10.0.0.2:80");
    }
}
