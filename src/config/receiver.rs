//! `[notify.NAME]`: who is told, and how.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::secret::Secret;
use super::section::{Context, Section};
use super::show::Show;
use super::url::Url;
use super::{defaults, read};
use crate::document::{Faults, Value};
use crate::model::diagnostic::Diagnostic;
use crate::model::name::Name;
use crate::model::units::Quota;

/// The most receivers.
pub(super) const RECEIVERS_MAX: usize = 32;
/// The ways to reach a receiver; each has exactly one.
pub(super) const WAYS: &[&str] = &["url_file", "url_env", "url", "command"];

/// Somebody to tell.
#[derive(Clone, PartialEq, Debug)]
pub struct Receiver {
    /// Its name; `journal` is always there and not in this list.
    pub name: Name,
    /// How it is reached.
    pub way: Way,
    /// One attempt may take so long.
    pub timeout: Duration,
    /// Notices within this time go out as one.
    pub group: Duration,
    /// At most so many; the rest is counted and told with the next.
    pub rate: Quota,
    /// Attempts after the first.
    pub retries: u64,
}

/// How a receiver is reached.
#[derive(Clone, PartialEq, Debug)]
pub enum Way {
    /// By an HTTP POST.
    Webhook {
        /// Where to.
        url: UrlSource,
        /// What is sent.
        format: Format,
        /// Headers to send with it.
        headers: BTreeMap<String, Secret>,
        /// A file of more headers, `Name: value` lines.
        headers_file: Option<PathBuf>,
    },
    /// By a command that gets the notice as JSON on its standard input.
    Command(Vec<String>),
}

/// Where the address of a webhook stands. It is a secret: who has it can write to the channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UrlSource {
    /// In a file, read at start and at each reload.
    File(PathBuf),
    /// In a variable of the agent's environment.
    Env(String),
    /// In the agent's file itself.
    Inline(Secret),
}

/// What a webhook is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// What Slack and those who copy it understand: `{"text": …}`.
    Slack,
    /// The event as it is.
    Json,
}

const FORMATS: &[(&str, Format)] = &[("slack", Format::Slack), ("json", Format::Json)];

impl Show for Format {
    fn show(&self) -> String {
        let word = match self {
            Self::Slack => "slack",
            Self::Json => "json",
        };
        super::show::quoted(word)
    }
}

/// Reads one receiver.
pub(super) fn read(name: Name, mut section: Section<'_>, cx: &mut Context<'_>) -> Option<Receiver> {
    let way = way(&mut section, cx);
    let seconds = Duration::from_millis(100)..=Duration::from_mins(1);
    let timeout = section.or(cx, "timeout", defaults::NOTIFY_TIMEOUT, read::span(seconds));
    let group = Duration::ZERO..=Duration::from_hours(1);
    let group = section.or(cx, "group", defaults::NOTIFY_GROUP, read::span(group));
    let rate = section.or(cx, "rate", defaults::NOTIFY_RATE, |v, f| v.parsed(f, Quota::parse));
    let retries = section.or(cx, "retries", defaults::NOTIFY_RETRIES, read::count(0..=10));
    section.finish(cx);
    Some(Receiver { name, way: way?, timeout, group, rate, retries })
}

fn way(section: &mut Section<'_>, cx: &mut Context<'_>) -> Option<Way> {
    let given: Vec<&'static str> = WAYS.iter().copied().filter(|key| section.value(key).is_some()).collect();
    if given.as_slice() != ["command"] {
        // Asked for here, so that they are not called unknown on top of what else is wrong.
        for key in ["format", "headers", "headers_file"] {
            section.value(key);
        }
    }
    match given.as_slice() {
        ["command"] => section.get(cx, "command", read::argv).map(Way::Command),
        [key] => webhook(section, key, cx),
        [] => {
            section.miss(cx, "url_file", Some("say how it is reached: url_file, url_env, url or command"));
            None
        }
        [_, second, ..] => {
            let span = section.key_span(second).unwrap_or_else(|| section.span());
            let message = format!("a receiver is reached one way, this one has {}", given.join(" and "));
            cx.error("one-variant", span, message);
            None
        }
    }
}

fn webhook(section: &mut Section<'_>, key: &'static str, cx: &mut Context<'_>) -> Option<Way> {
    let url = match key {
        "url_file" => section.file(cx, "url_file").map(UrlSource::File),
        "url_env" => section.get(cx, "url_env", variable).map(UrlSource::Env),
        _ => inline(section, cx).map(UrlSource::Inline),
    };
    let format = section.or(cx, "format", Format::Slack, read::word(FORMATS));
    let headers = section.secret(cx, "headers", headers).unwrap_or_default();
    let headers_file = section.file(cx, "headers_file");
    Some(Way::Webhook { url: url?, format, headers, headers_file })
}

fn inline(section: &mut Section<'_>, cx: &mut Context<'_>) -> Option<Secret> {
    if let Some(span) = section.key_span("url") {
        let message = "this address is a secret, and this file is read by more people than need it";
        let help = "put it into a file of its own and write url_file = \"/run/credentials/fdguard/NAME\"";
        cx.faults.push(Diagnostic::warning("inline-secret", span, message).help(help));
    }
    section.secret(cx, "url", |value, faults| {
        value.parsed(faults, Url::parse).map(|url| Secret::new(url.as_str()))
    })
}

fn variable(value: Value<'_>, faults: &mut Faults) -> Option<String> {
    let name = read::text(value, faults)?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.bytes().all(fits) {
        return Some(name);
    }
    let message = "this is no name of a variable";
    let help = "url_env names a variable that holds the address";
    faults.push(Diagnostic::error("bad-name", value.span(), message).help(help));
    None
}

fn headers(value: Value<'_>, faults: &mut Faults) -> Option<BTreeMap<String, Secret>> {
    let mut found = BTreeMap::new();
    for (name, span, value) in value.table(faults)?.raw_entries() {
        if !super::headers::is_name(&name) {
            let message = format!("`{}` is no name of a header", name.escape_debug());
            faults.push(Diagnostic::error("bad-name", span, message));
            continue;
        }
        if super::headers::is_secret(&name) {
            let message = format!("`{name}` is a secret, and this file is read by more people than need it");
            let help = "put it into a file of `Name: value` lines and write headers_file = …";
            faults.push(Diagnostic::warning("inline-secret", span, message).help(help));
        }
        let Some(text) = value.text(faults) else { continue };
        if super::headers::is_value(&text.value) {
            found.insert(name.into_owned(), Secret::new(&text.value));
        } else {
            let message = "a header holds visible characters in one line";
            faults.push(Diagnostic::error("bad-value", text.span, message));
        }
    }
    Some(found)
}
