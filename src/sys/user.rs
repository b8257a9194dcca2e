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

/// The name of a user; `None` where the host's database has none, or can't be asked.
pub fn name_of(uid: u32) -> Option<String> {
    User::from_uid(uid.into()).ok().flatten().map(|user| user.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_user_has_a_name() {
        assert_eq!(name_of(0).as_deref(), Some("root"));
    }

    #[test]
    fn root_is_known_and_nonsense_is_not() {
        assert_eq!(lookup("root").unwrap(), Some(UserIds { uid: 0, gid: 0 }));
        assert_eq!(lookup("no such user").unwrap(), None);
    }
}
