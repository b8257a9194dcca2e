//! Users by name.

use std::io;

use nix::unistd::User;

/// A user to run as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserIds {
    /// The user.
    pub uid: u32,
    /// The user's own group.
    pub gid: u32,
}

/// The user of that name, by the host's own database; `None` where there is none.
pub fn lookup(name: &str) -> io::Result<Option<UserIds>> {
    let user = User::from_name(name).map_err(io::Error::from)?;
    Ok(user.map(|user| UserIds { uid: user.uid.as_raw(), gid: user.gid.as_raw() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_known_and_nonsense_is_not() {
        assert_eq!(lookup("root").unwrap(), Some(UserIds { uid: 0, gid: 0 }));
        assert_eq!(lookup("no such user").unwrap(), None);
    }
}
