//! Values in one form, whoever wrote them.

use std::borrow::Cow;

use super::Parameter;

/// The one form of a value. `before` is the parameter's value so far, for what this one leaves open.
pub(super) fn canonical<'v>(parameter: Parameter, value: &'v str, before: Option<&str>) -> Cow<'v, str> {
    match parameter {
        Parameter::ClientEncoding => encoding(value),
        Parameter::DateStyle => date_style(value, before),
        Parameter::IntervalStyle => value.to_ascii_lowercase().into(),
        Parameter::StandardConformingStrings => boolean(value),
        Parameter::SearchPath => list(&items(value)).into(),
        Parameter::TimeZone => time_zone(value),
        Parameter::ExtraFloatDigits | Parameter::ApplicationName => value.into(),
    }
}

/// Encodings are told apart by their letters and digits; the few with several names in daily use are known.
fn encoding(value: &str) -> Cow<'_, str> {
    let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
    match plain.to_ascii_uppercase().as_str() {
        "UTF8" | "UNICODE" => "UTF8".into(),
        "LATIN1" | "ISO88591" => "LATIN1".into(),
        "SQLASCII" => "SQL_ASCII".into(),
        _ => value.to_ascii_uppercase().into(),
    }
}

/// Zones are found in any case; the one that most sessions have is written in one.
fn time_zone(value: &str) -> Cow<'_, str> {
    if value.eq_ignore_ascii_case("utc") { "UTC".into() } else { value.into() }
}

fn boolean(value: &str) -> Cow<'_, str> {
    match value.to_ascii_lowercase().as_str() {
        "on" | "true" | "t" | "yes" | "y" | "1" | "tr" | "tru" | "ye" => "on".into(),
        "off" | "of" | "false" | "f" | "no" | "n" | "0" | "fa" | "fal" | "fals" => "off".into(),
        _ => value.into(),
    }
}

/// A style and an order of fields, each of which may be left out.
fn date_style<'v>(value: &'v str, before: Option<&str>) -> Cow<'v, str> {
    let (mut style, mut order) = before.map_or((None, None), date_words);
    let (new_style, new_order) = date_words(value);
    let unknown = value.split(',').any(|word| date_words(word) == (None, None));
    if unknown {
        return value.into();
    }
    if new_style == Some("German") && new_order.is_none() {
        order = Some("DMY");
    }
    style = new_style.or(style);
    order = new_order.or(order);
    match (style, order) {
        (Some(style), Some(order)) => format!("{style}, {order}").into(),
        (Some(word), None) | (None, Some(word)) => word.into(),
        (None, None) => value.into(),
    }
}

fn date_words(value: &str) -> (Option<&'static str>, Option<&'static str>) {
    let (mut style, mut order) = (None, None);
    for word in value.split(',') {
        match word.trim().to_ascii_uppercase().as_str() {
            "ISO" => style = Some("ISO"),
            "SQL" => style = Some("SQL"),
            "POSTGRES" | "POSTGRESQL" => style = Some("Postgres"),
            "GERMAN" => style = Some("German"),
            "YMD" => order = Some("YMD"),
            "DMY" | "EURO" | "EUROPEAN" => order = Some("DMY"),
            "MDY" | "US" | "NONEURO" | "NONEUROPEAN" => order = Some("MDY"),
            _ => {}
        }
    }
    (style, order)
}

/// The names of a list: parted by commas, folded to lower case where they are not quoted.
pub(super) fn items(value: &str) -> Vec<String> {
    let mut items = Vec::new();
    let mut rest = value.trim();
    loop {
        let (item, behind) = item(rest);
        items.push(item);
        match behind.trim_start().strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None => return items,
        }
    }
}

/// The first name of a list, and what is behind it.
fn item(list: &str) -> (String, &str) {
    let Some(quoted) = list.strip_prefix('"') else {
        let end = list.find(',').unwrap_or(list.len());
        return (list[..end].trim_end().to_ascii_lowercase(), &list[end..]);
    };
    let mut rest = quoted;
    let mut item = String::new();
    loop {
        let (part, behind) = rest.split_once('"').unwrap_or((rest, ""));
        item += part;
        match behind.strip_prefix('"') {
            Some(more) => {
                item.push('"');
                rest = more;
            }
            // What stands between a closing quote and the comma means nothing to the server either: it refuses.
            None => return (item, &behind[behind.find(',').unwrap_or(behind.len())..]),
        }
    }
}

/// A list as the server writes it: quoted where a name is not plain.
fn list(items: &[String]) -> String {
    let plain = |item: &str| {
        let first = item.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        first && item.bytes().all(fits)
    };
    let written = items
        .iter()
        .map(|item| if plain(item) { item.clone() } else { format!("\"{}\"", item.replace('"', "\"\"")) });
    written.collect::<Vec<_>>().join(", ")
}
