//! Resolved settings as `config show` prints them: one line each, as TOML that can be loaded again, with origin.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::matching::Pattern;
use super::secret::Secret;
use super::sources::Origin;
use super::url::Url;
use crate::model::action::Word;
use crate::model::name::{Name, Remote};
use crate::model::units::{Quota, format_bytes, format_ratio, format_span};

/// What stands in place of a secret.
pub const HIDDEN: &str = "(hidden)";

/// What stands where there is no bound.
pub(super) const NONE: &str = "none";

/// One resolved setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// Where it lies, as a dotted key.
    pub key: String,
    /// Its value as TOML, secrets hidden.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}  # {}", self.key, self.value, self.origin)
    }
}

/// Where the setting at `path` was written, or the first one below it; none where all of it is the default.
pub fn place<'s>(shown: &'s [Shown], path: &[&str]) -> Option<&'s Origin> {
    let path = path.iter().map(|part| key(part)).collect::<Vec<_>>().join(".");
    let is_there = |line: &&Shown| {
        let below = line.key.strip_prefix(&path);
        line.origin != Origin::Default && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    shown.iter().find(is_there).map(|line| &line.origin)
}

/// A setting's value as TOML.
pub(super) trait Show {
    fn show(&self) -> String;
}

/// A number of bytes, shown with its unit.
#[derive(Clone, Copy)]
pub(super) struct Size(pub(super) u64);

/// A fraction, shown as per cent.
#[derive(Clone, Copy)]
pub(super) struct Share(pub(super) f64);

/// A text in quotes.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A key, in quotes where it needs them.
pub(super) fn key(text: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !text.is_empty() && text.bytes().all(bare) { text.to_owned() } else { quoted(text) }
}

fn list<T: Show>(items: impl Iterator<Item = T>) -> String {
    let items: Vec<String> = items.map(|item| item.show()).collect();
    format!("[{}]", items.join(", "))
}

impl<T: Show> Show for &T {
    fn show(&self) -> String {
        T::show(self)
    }
}

impl Show for bool {
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Show for u64 {
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Show for u32 {
    fn show(&self) -> String {
        self.to_string()
    }
}

impl<T: Show> Show for Option<T> {
    fn show(&self) -> String {
        self.as_ref().map_or_else(|| quoted(NONE), Show::show)
    }
}

impl Show for Size {
    fn show(&self) -> String {
        let short = format_bytes(self.0);
        let exact = crate::model::units::parse_bytes(&short) == Ok(self.0);
        quoted(&if exact { short } else { format!("{}B", self.0) })
    }
}

impl Show for Share {
    fn show(&self) -> String {
        quoted(&format_ratio(self.0))
    }
}

impl Show for Duration {
    fn show(&self) -> String {
        quoted(&format_span(*self))
    }
}

impl Show for String {
    fn show(&self) -> String {
        quoted(self)
    }
}

impl Show for PathBuf {
    fn show(&self) -> String {
        quoted(&self.to_string_lossy())
    }
}

impl Show for Secret {
    fn show(&self) -> String {
        quoted(HIDDEN)
    }
}

macro_rules! show_as_text {
    ($($kind:ty),*) => {
        $(impl Show for $kind {
            fn show(&self) -> String {
                quoted(&self.to_string())
            }
        })*
    };
}

show_as_text!(Name, Remote, Word, Quota, Url, Pattern);

impl<T: Show> Show for Vec<T> {
    fn show(&self) -> String {
        list(self.iter())
    }
}

impl<T: Show> Show for BTreeSet<T> {
    fn show(&self) -> String {
        list(self.iter())
    }
}

impl<T: Show> Show for BTreeMap<String, T> {
    fn show(&self) -> String {
        let entry = |(name, value): (&String, &T)| format!("{} = {}", key(name), value.show());
        let entries: Vec<String> = self.iter().map(entry).collect();
        if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_out_as_toml() {
        assert_eq!(quoted("a\"b"), "'a\"b'");
        assert_eq!(key("orders-db"), "orders-db");
        assert_eq!(key("a.b"), "\"a.b\"");
        assert_eq!(Size(1500).show(), "\"1500B\"");
        assert_eq!(Size(512 << 20).show(), "\"512MiB\"");
        let env = BTreeMap::from([("TOKEN".to_owned(), Secret::new("x"))]);
        assert_eq!(env.show(), "{ TOKEN = \"(hidden)\" }");
    }
}
