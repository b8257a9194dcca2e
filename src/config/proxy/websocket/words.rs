//! The words in which messages are described: places in them, what stands there, and what is made of them.

use std::collections::BTreeMap;

use crate::config::read;
use crate::config::show::{Show, quoted};
use crate::document::{Faults, Value};
use crate::model::diagnostic::Diagnostic;

/// What stands for anything.
const ANYTHING: &str = "*";
/// The most places of one description.
const PLACES_MAX: usize = 16;
/// The longest text that is made of an item.
const TEXT_MAX: usize = 16 << 10;

/// What a message looks like: what stands at which places; nothing looks like an empty one.
pub type Looks = BTreeMap<String, Meant>;

/// What stands at a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Meant {
    /// Exactly this.
    Is(serde_json::Value),
    /// Anything but null.
    Something,
}

impl Show for Meant {
    fn show(&self) -> String {
        match self {
            Self::Is(serde_json::Value::String(text)) => quoted(text),
            Self::Is(value) => value.to_string(),
            Self::Something => quoted(ANYTHING),
        }
    }
}

/// What the clients of a stream speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speaks {
    /// What the settings describe.
    Json,
    /// JSON-RPC with an Ethereum node.
    Ethereum,
}

const SPEAKS: &[(&str, Speaks)] = &[("json", Speaks::Json), ("ethereum", Speaks::Ethereum)];

impl Show for Speaks {
    fn show(&self) -> String {
        quoted(match self {
            Self::Json => "json",
            Self::Ethereum => "ethereum",
        })
    }
}

pub(super) fn speaks(value: Value<'_>, faults: &mut Faults) -> Option<Speaks> {
    read::word(SPEAKS)(value, faults)
}

/// What is done with a client that does not keep up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slow {
    /// The upstream waits for it.
    Wait,
    /// Of each topic it gets the newest message only.
    Conflate,
    /// It is closed.
    Close,
}

const SLOW: &[(&str, Slow)] = &[("wait", Slow::Wait), ("conflate", Slow::Conflate), ("close", Slow::Close)];

impl Show for Slow {
    fn show(&self) -> String {
        quoted(match self {
            Self::Wait => "wait",
            Self::Conflate => "conflate",
            Self::Close => "close",
        })
    }
}

pub(super) fn slow(value: Value<'_>, faults: &mut Faults) -> Option<Slow> {
    read::word(SLOW)(value, faults)
}

/// How the numbers of messages go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Numbers {
    /// They rise, by any amount.
    Rise,
    /// By one each time.
    ByOne,
}

const NUMBERS: &[(&str, Numbers)] = &[("rise", Numbers::Rise), ("by-one", Numbers::ByOne)];

impl Show for Numbers {
    fn show(&self) -> String {
        quoted(match self {
            Self::Rise => "rise",
            Self::ByOne => "by-one",
        })
    }
}

pub(super) fn numbers(value: Value<'_>, faults: &mut Faults) -> Option<Numbers> {
    read::word(NUMBERS)(value, faults)
}

/// A table of places and what stands there.
pub(super) fn looks(value: Value<'_>, faults: &mut Faults) -> Option<Looks> {
    let entries = value.table(faults)?.raw_entries();
    if entries.is_empty() || entries.len() > PLACES_MAX {
        let message = format!("from one to {PLACES_MAX} places stand here");
        faults.push(Diagnostic::error("out-of-range", value.span(), message));
        return None;
    }
    let mut found = Looks::new();
    for (place, span, value) in entries {
        if !is_pointer(&place) {
            let fault = Diagnostic::error("bad-value", span, "a place in a message is a JSON pointer");
            faults.push(fault.help("write for example { \"/method\" = \"SUBSCRIBE\" }"));
        } else if let Some(meant) = meant(value, faults) {
            found.insert(place.into_owned(), meant);
        }
    }
    Some(found)
}

fn meant(value: Value<'_>, faults: &mut Faults) -> Option<Meant> {
    if value.is_text() {
        let text = value.text(faults)?.value.into_owned();
        return Some(if text == ANYTHING { Meant::Something } else { Meant::Is(text.into()) });
    }
    let unheard = &mut Faults::default();
    if let Some(flag) = value.flag(unheard) {
        return Some(Meant::Is(flag.into()));
    }
    value.whole(0..u64::from(u32::MAX), faults).map(|number| Meant::Is(number.into()))
}

/// A place in a message (RFC 6901).
pub(super) fn pointer(value: Value<'_>, faults: &mut Faults) -> Option<String> {
    let text = read::pointer(value, faults)?;
    if is_pointer(&text) {
        return Some(text);
    }
    let message = "in a JSON pointer `~` is written `~0`, and it has at most 256 bytes";
    faults.push(Diagnostic::error("bad-value", value.span(), message));
    None
}

fn is_pointer(text: &str) -> bool {
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    (text.is_empty() || text.starts_with('/')) && escapes && text.len() <= 256
}

/// A message as JSON, with places in braces.
pub(super) fn json(value: Value<'_>, faults: &mut Faults) -> Option<String> {
    let text = read::text(value, faults)?;
    let why = match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(json) => match stray(&json) {
            Some(stray) => {
                format!("`{{{stray}}}` is neither {{topic}} nor a place in the item like {{/data/price}}")
            }
            None if text.len() > TEXT_MAX => format!("a message has at most {TEXT_MAX} bytes"),
            None => return Some(text),
        },
        Err(error) => format!("this is not JSON: {error}"),
    };
    faults.push(Diagnostic::error("bad-value", value.span(), why));
    None
}

/// Something in braces that is no place.
fn stray(json: &serde_json::Value) -> Option<String> {
    match json {
        serde_json::Value::String(text) => {
            let places = text.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
            let mut strays = places.map(|(inside, _)| inside).filter(|p| *p != "topic" && !is_pointer(p));
            strays.next().map(str::to_owned)
        }
        serde_json::Value::Array(items) => items.iter().find_map(stray),
        serde_json::Value::Object(fields) => fields.values().find_map(stray),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => None,
    }
}

/// What is asked in a poll.
pub(super) fn url(value: Value<'_>, faults: &mut Faults) -> Option<String> {
    let text = read::text(value, faults)?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let fits = |rest: &str| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let bare = rest.replace("{topic}", "x");
        let plain = bare.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte));
        plain && !host.is_empty() && !host.contains(['@', '{'])
    };
    if rest.is_some_and(fits) {
        return Some(text);
    }
    let message = "a poll asks an address of http:// or https://, without a password in it";
    let fault = Diagnostic::error("bad-value", value.span(), message);
    faults.push(fault.help("write for example \"https://api.venue.example/ticker?symbol={topic}\""));
    None
}

/// Where pages come from, as a browser writes it.
pub(super) fn origin(value: Value<'_>, faults: &mut Faults) -> Option<String> {
    let text = read::text(value, faults)?;
    let mut parts = text.splitn(2, "://");
    let fits = |host: &str| {
        let letter =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte);
        !host.is_empty() && host.len() <= 256 && host.bytes().all(letter)
    };
    let is_scheme = |scheme: &str| {
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    let usual = [("http://", ":80"), ("https://", ":443")];
    let is_long = usual.iter().any(|(scheme, port)| text.starts_with(scheme) && text.ends_with(port));
    if parts.next().is_some_and(is_scheme) && parts.next().is_some_and(fits) && !is_long {
        return Some(text);
    }
    let message =
        "this is no origin: a scheme and a host, in small letters, with a port that is not the usual one";
    let fault = Diagnostic::error("bad-value", value.span(), message);
    faults.push(fault.help(
        "write it as the browser does, for example \"https://desk.example\" or \"http://127.0.0.1:8000\"",
    ));
    None
}
