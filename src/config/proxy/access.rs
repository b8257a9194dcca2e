//! Users and groups, by number or name. Names are looked up elsewhere.

use crate::config::read;
use crate::config::section::{Context, Section};
use crate::config::show::{Show, quoted};
use crate::document::{Faults, Value};
use crate::model::diagnostic::Diagnostic;

/// The longest name of a user or group.
const NAME_MAX: usize = 256;

/// Who may do something: whoever is one of these users or in one of these groups.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Access {
    /// Users.
    pub users: Vec<Id>,
    /// Groups.
    pub groups: Vec<Id>,
}

/// A user or a group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Id {
    /// By number.
    Number(u32),
    /// By name.
    Name(String),
}

impl Show for Id {
    fn show(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Name(name) => quoted(name),
        }
    }
}

/// Reads a table of `uid` and `gid`, where it is present.
pub(super) fn read(proxy: &mut Section<'_>, cx: &mut Context<'_>, key: &'static str) -> Option<Access> {
    let mut section = proxy.present(cx, key)?;
    let users = section.or(cx, "uid", Vec::new(), read::list(id));
    let groups = section.or(cx, "gid", Vec::new(), read::list(id));
    if lists_none(&mut section, "uid") && lists_none(&mut section, "gid") {
        let message = format!("`{key}` names nobody");
        let help = "write for example { uid = [\"bot\"] }, or leave it out";
        cx.faults.push(Diagnostic::error("nobody", section.span(), message).help(help));
    }
    section.finish(cx);
    Some(Access { users, groups })
}

/// Whether nothing stands there; a list whose items are wrong is another fault.
fn lists_none(section: &mut Section<'_>, key: &'static str) -> bool {
    let items = section.value(key).map(|value| value.list(&mut Faults::default()));
    items.is_none_or(|items| items.is_some_and(|items| items.is_empty()))
}

fn id(value: Value<'_>, faults: &mut Faults) -> Option<Id> {
    if !value.is_text() {
        let number = value.whole(0..u64::from(u32::MAX), faults)?;
        return u32::try_from(number).ok().map(Id::Number);
    }
    let text = value.text(faults)?;
    let name = text.value.as_ref();
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, ':' | ',' | '/');
    let fault = Diagnostic::error("bad-name", text.span.clone(), "this is no name of a user or a group");
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
        faults.push(fault.help(format!("a number stands without quotes: {name}")));
    } else if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(fits) {
        faults.push(fault);
    } else {
        return Some(Id::Name(name.to_owned()));
    }
    None
}
