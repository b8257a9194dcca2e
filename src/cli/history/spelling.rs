//! A signal as people type it: as policies write it, or as the recording names its column.

use crate::model::ages::STEPS;
use crate::model::column::Column;
use crate::model::diagnostic::suggest;
use crate::model::signal::{Argument, CATALOGUE, Signal};
use crate::model::units::{format_span, parse_span};

/// The column that is meant, or what to say.
pub(super) fn column(text: &str) -> Result<Column, String> {
    let text = text.trim();
    if let Some(found) = Column::parse(text).or_else(|| flat(text).and_then(|flat| Column::parse(&flat))) {
        return Ok(found);
    }
    if let Some(age) = inside(text, "socket.leaked(", ")") {
        let steps: Vec<_> = STEPS
            .iter()
            .map(|seconds| format_span(std::time::Duration::from_secs(u64::from(*seconds))))
            .collect();
        return Err(format!(
            "the recording holds no `socket.leaked({age})`; the ages are {}",
            steps.join(", ")
        ));
    }
    let named = CATALOGUE.iter().find(|row| row.name == text);
    if let Some(row) = named {
        let example = match row.argument {
            Argument::Age => "socket.leaked(2m)",
            Argument::Kind => "fd.by_kind(socket)",
            Argument::RemoteField => "socket.by_remote(\"10.0.0.1:443\").close_wait",
            Argument::Remote => "socket.connect_rate(\"10.0.0.1:443\")",
            Argument::Named => "pool[\"orders-db\"].waiting",
            Argument::Session | Argument::None => return Err(format!("`{text}` is not recorded")),
        };
        return Err(format!("`{text}` needs its argument: `{example}`"));
    }
    let hint = suggest(text, CATALOGUE.iter().map(|row| row.name));
    Err(hint.map_or_else(
        || format!("no signal `{text}`; `fd.open`, `fd.tte`, `socket.close_wait` are some"),
        |known| format!("no signal `{text}`; did you mean `{known}`?"),
    ))
}

/// The signal by whose unit a column's values are shown.
pub(super) fn unit_of(column: &Column) -> Signal {
    match column {
        Column::Plain(signal) | Column::Named(signal, _) => *signal,
        Column::Kind(_) => Signal::FdByKind,
        Column::Leaked(_) => Signal::SocketLeaked,
        Column::Remotes | Column::Remote(..) => Signal::SocketByRemote,
        Column::ConnectRate(_) => Signal::SocketConnectRate,
    }
}

/// The recording's name for what a policy writes.
fn flat(text: &str) -> Option<String> {
    if let Some(kind) = inside(text, "fd.by_kind(", ")") {
        return Some(format!("fd.by_kind.{kind}"));
    }
    if let Some(age) = inside(text, "socket.leaked(", ")") {
        return parse_span(age).ok().map(|age| format!("leaked.{}", age.as_secs()));
    }
    if let Some(remote) = inside(text, "socket.connect_rate(\"", "\")") {
        return Some(format!("remote.{remote}.connect_rate"));
    }
    if let Some(rest) = text.strip_prefix("socket.by_remote(\"") {
        return rest.split_once("\").").map(|(remote, field)| format!("remote.{remote}.{field}"));
    }
    let (group, rest) = text.split_once("[\"")?;
    rest.split_once("\"].").map(|(name, field)| format!("{group}.{name}.{field}"))
}

fn inside<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.strip_suffix(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_understood() {
        for (typed, meant) in [
            ("fd.open", "fd.open"),
            ("fd.by_kind(socket)", "fd.by_kind.socket"),
            ("socket.by_remote(\"10.0.0.1:443\").close_wait", "remote.10.0.0.1:443.close_wait"),
            ("socket.connect_rate(\"db:5432\")", "remote.db:5432.connect_rate"),
            ("pool[\"orders-db\"].idle", "pool.orders-db.idle"),
        ] {
            assert_eq!(column(typed).unwrap(), Column::parse(meant).unwrap(), "{typed}");
        }
        let step = STEPS[0];
        assert_eq!(column(&format!("socket.leaked({step}s)")).unwrap(), Column::Leaked(0));
    }

    #[test]
    fn what_is_not_understood_gets_a_hint() {
        assert_eq!(column("fd.opne").unwrap_err(), "no signal `fd.opne`; did you mean `fd.open`?");
        assert!(column("socket.leaked").unwrap_err().contains("socket.leaked(2m)"));
        assert!(column("socket.leaked(17s)").unwrap_err().contains("the ages are"));
        assert!(column("clock.session").unwrap_err().contains("not recorded"));
    }
}
