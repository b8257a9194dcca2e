//! Users by name.

use std::io;

use std::ffi::CString;

use nix::unistd::{Group, User, getgrouplist};

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

/// The group of that name; `None` where there is none.
pub fn group(name: &str) -> io::Result<Option<u32>> {
    let group = Group::from_name(name).map_err(io::Error::from)?;
    Ok(group.map(|group| group.gid.as_raw()))
}

/// The groups of a user, by the host's own database; none where it does not know the user.
pub fn groups_of(uid: u32) -> Vec<u32> {
    let Ok(Some(user)) = User::from_uid(uid.into()) else { return Vec::new() };
    let Ok(name) = CString::new(user.name) else { return Vec::new() };
    let groups = getgrouplist(&name, user.gid).unwrap_or_default();
    groups.into_iter().map(nix::unistd::Gid::as_raw).collect()
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
        assert_eq!(group("root").unwrap(), Some(0));
        assert!(groups_of(0).contains(&0));
        assert!(groups_of(4_000_000_000).is_empty());
    }
}
