//! A table of settings being read: every value that is taken leaves a line for `config show`.

use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::show::{Show, Shown, key};
use super::sources::{Origin, Sources};
use crate::document::{Faults, Table, Value};
use crate::model::diagnostic::Diagnostic;
use crate::model::name::Name;

/// What a load gathers beside the settings themselves.
pub(super) struct Context<'s> {
    pub(super) faults: Faults,
    pub(super) shown: Vec<Shown>,
    /// Places of secrets, to be blotted out wherever the source is shown.
    pub(super) secrets: Vec<Range<usize>>,
    pub(super) sources: &'s Sources,
    /// The folder that relative paths are meant from.
    pub(super) base: Arc<Path>,
}

impl Context<'_> {
    fn show(&mut self, path: &str, name: &str, value: &impl Show, origin: Origin) {
        let key = if path.is_empty() { key(name) } else { format!("{path}.{}", key(name)) };
        self.shown.push(Shown { key, value: value.show(), origin });
    }

    /// An error in a value.
    pub(super) fn error(&mut self, code: &'static str, span: Range<usize>, message: impl Into<String>) {
        self.faults.push(Diagnostic::error(code, span, message));
    }
}

/// A table of settings, or the lack of one, which reads as all defaults.
pub(super) struct Section<'d> {
    table: Option<Table<'d>>,
    path: String,
}

impl<'d> Section<'d> {
    /// The root.
    pub(super) fn root(table: Table<'d>) -> Self {
        Self { table: Some(table), path: String::new() }
    }

    /// Its place, empty where it is absent.
    pub(super) fn span(&self) -> Range<usize> {
        self.table.as_ref().map_or(0..0, Table::span)
    }

    /// The place of a key.
    pub(super) fn key_span(&self, key: &str) -> Option<Range<usize>> {
        self.table.as_ref().and_then(|table| table.key_span(key))
    }

    /// The value of a key as it stands; leaves no line.
    pub(super) fn value(&mut self, key: &'static str) -> Option<Value<'d>> {
        self.table.as_mut()?.value(key)
    }

    /// A setting that may be absent.
    pub(super) fn get<T: Show>(
        &mut self,
        cx: &mut Context<'_>,
        key: &'static str,
        read: impl FnOnce(Value<'d>, &mut Faults) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(key)?;
        let read = read(value, &mut cx.faults)?;
        let origin = cx.sources.origin(&value.span());
        cx.show(&self.path, key, &read, origin);
        Some(read)
    }

    /// A setting with a default.
    pub(super) fn or<T: Show>(
        &mut self,
        cx: &mut Context<'_>,
        key: &'static str,
        default: T,
        read: impl FnOnce(Value<'d>, &mut Faults) -> Option<T>,
    ) -> T {
        if self.value(key).is_some() {
            return self.get(cx, key, read).unwrap_or(default);
        }
        cx.show(&self.path, key, &default, Origin::Default);
        default
    }

    /// A setting that must be there.
    pub(super) fn need<T: Show>(
        &mut self,
        cx: &mut Context<'_>,
        key: &'static str,
        read: impl FnOnce(Value<'d>, &mut Faults) -> Option<T>,
    ) -> Option<T> {
        if self.value(key).is_none() {
            self.miss(cx, key, None);
        }
        self.get(cx, key, read)
    }

    /// Reports that a key is missing.
    pub(super) fn miss(&self, cx: &mut Context<'_>, key: &str, help: Option<&str>) {
        let start = self.span().start;
        let message = match self.path.as_str() {
            "" => format!("`{key}` is missing"),
            path => format!("`{key}` is missing in `{path}`"),
        };
        let mut fault = Diagnostic::error("missing-key", start..start, message);
        fault.help = help.map(str::to_owned);
        cx.faults.push(fault);
    }

    /// A secret text: no line shows it, no diagnostic quotes it.
    pub(super) fn secret<T: Show>(
        &mut self,
        cx: &mut Context<'_>,
        key: &'static str,
        read: impl FnOnce(Value<'d>, &mut Faults) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(key)?;
        // The values of a table are secret, its keys are not.
        let inside = value.is_table().then(|| value.table(&mut Faults::default())).flatten();
        match inside {
            Some(table) => cx.secrets.extend(table.raw_entries().iter().map(|(_, _, value)| value.span())),
            None => cx.secrets.push(value.span()),
        }
        self.get(cx, key, read)
    }

    /// A path, relative ones meant from the folder of the file.
    pub(super) fn file(&mut self, cx: &mut Context<'_>, key: &'static str) -> Option<PathBuf> {
        let base = Arc::clone(&cx.base);
        self.get(cx, key, |value, faults| path_from(&base, value, faults))
    }

    /// A path with a default.
    pub(super) fn file_or(&mut self, cx: &mut Context<'_>, key: &'static str, default: PathBuf) -> PathBuf {
        let base = Arc::clone(&cx.base);
        self.or(cx, key, default, |value, faults| path_from(&base, value, faults))
    }

    /// A table inside; its absence reads as all defaults.
    pub(super) fn section(&mut self, cx: &mut Context<'_>, name: &'static str) -> Section<'d> {
        let path = self.inside(name);
        Section { table: self.value(name).and_then(|value| value.table(&mut cx.faults)), path }
    }

    /// A table inside, where it is present.
    pub(super) fn present(&mut self, cx: &mut Context<'_>, name: &'static str) -> Option<Section<'d>> {
        self.value(name)?;
        Some(self.section(cx, name)).filter(|section| section.table.is_some())
    }

    /// The tables inside a table, by the names their author gave them, each with the place of its name.
    pub(super) fn named(
        &mut self,
        cx: &mut Context<'_>,
        kind: &'static str,
    ) -> Vec<(Name, Range<usize>, Section<'d>)> {
        let Some(table) = self.section(cx, kind).table else { return Vec::new() };
        let mut found = Vec::new();
        for (name, span, value) in table.named_entries(&mut cx.faults) {
            if let Some(table) = value.table(&mut cx.faults) {
                let path = format!("{kind}.{}", key(name.as_str()));
                found.push((name, span, Section { table: Some(table), path }));
            }
        }
        found
    }

    fn inside(&self, name: &str) -> String {
        if self.path.is_empty() { key(name) } else { format!("{}.{}", self.path, key(name)) }
    }

    /// Reports what nobody asked for.
    pub(super) fn finish(self, cx: &mut Context<'_>) {
        if let Some(table) = self.table {
            table.finish(&mut cx.faults);
        }
    }
}

/// A path as it is meant: relative ones from `base`, `.` parts dropped. Links are not followed.
pub(super) fn path_from(base: &Path, value: Value<'_>, faults: &mut Faults) -> Option<PathBuf> {
    let text = value.text(faults)?;
    if text.value.is_empty() || text.value.contains('\0') {
        faults.push(Diagnostic::error("bad-path", text.span, "a path is missing here"));
        return None;
    }
    Some(resolved(base, &text.value))
}

/// `path` as seen from `base`.
pub(super) fn resolved(base: &Path, path: &str) -> PathBuf {
    base.join(path).components().filter(|part| *part != Component::CurDir).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_meant_from_the_folder_of_the_file() {
        let seen = |base: &str, path: &str| resolved(Path::new(base), path).display().to_string();
        assert_eq!(seen("/etc/fdguard", "policies/a.toml"), "/etc/fdguard/policies/a.toml");
        assert_eq!(seen("/etc/fdguard", "./a"), "/etc/fdguard/a");
        assert_eq!(seen("/etc/fdguard", "/a"), "/a");
        assert_eq!(seen("", "a"), "a");
        assert_eq!(seen("/etc", "../a"), "/etc/../a");
    }
}
