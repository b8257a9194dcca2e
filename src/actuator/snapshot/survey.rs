//! Reads everything of the target that a bundle holds. No part's failure keeps the others from being read.

use std::collections::BTreeMap;
use std::io;

use crate::sys::sock_diag::SocketRecord;

use super::super::procdir::ProcDir;
use super::super::worker::Wanted;
use super::threads::Thread;
use super::{Material, Row, descriptors, maps, sockets, threads};
use crate::model::chain::chain;

/// No text of the target is read further.
const TEXT_MAX: u64 = 256 * 1024;
/// Characters of the command line in the report; the whole of it has a file of its own.
const COMMAND_MAX: usize = 400;
/// The text of the mappings is long: about 100 bytes each, 65,530 mappings by default.
const MAPS_MAX: u64 = 8 << 20;

/// A table of the bundle.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) file: &'static str,
    pub(super) columns: &'static [&'static str],
    pub(super) rows: Vec<Row>,
}

/// A text of the bundle.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) file: &'static str,
    pub(super) text: String,
}

/// What was read, and what could not be.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) tables: Vec<Table>,
    pub(super) texts: Vec<Text>,
    /// What is not there, and why.
    pub(super) missing: BTreeMap<&'static str, String>,
    /// Descriptors by kind.
    pub(super) kinds: BTreeMap<&'static str, usize>,
    /// TCP sockets by remote and state.
    pub(super) remotes: BTreeMap<(String, &'static str), usize>,
    pub(super) threads: Vec<Thread>,
    pub(super) command: String,
}

impl Survey {
    /// Surveys the target; stops between parts where nobody waits any more.
    pub(super) fn of(material: &Material, wanted: &Wanted) -> Self {
        let mut survey = Self::default();
        let dir = ProcDir::of(material.order.subject.process.dir());
        let parts: [fn(&mut Self, &Material, &ProcDir); 5] =
            [Self::sockets_and_descriptors, Self::threads, Self::maps, Self::texts, Self::stacks];
        for part in parts {
            if wanted.still() {
                part(&mut survey, material, &dir);
            }
        }
        survey
    }

    fn sockets_and_descriptors(&mut self, material: &Material, dir: &ProcDir) {
        let process = &material.order.subject.process;
        // The tables first, the descriptors second: what is made in between is then missing in the tables, which
        // its age tells, instead of dead sockets being taken for live ones.
        let dumped = sockets::dump(process).map_err(|error| chain(&error));
        let records: &[SocketRecord] = match &dumped {
            Ok(records) => records,
            Err(why) => {
                self.missing.insert("sockets.tsv", why.clone());
                &[]
            }
        };
        let listed = descriptors::read(process, dir, material.order.aged.as_deref());
        let listed = match listed {
            Ok(listed) if listed.is_empty() && !process.is_alive() => {
                self.missing.insert("descriptors.tsv", "the process has ended".to_owned());
                return;
            }
            Ok(listed) => listed,
            Err(error) => {
                self.missing.insert("descriptors.tsv", error.to_string());
                return;
            }
        };
        let by_inode = sockets::by_inode(records);
        for descriptor in &listed {
            *self.kinds.entry(descriptor.kind.name()).or_default() += 1;
            if let Some(record) = descriptor.inode.and_then(|inode| by_inode.get(&inode)) {
                *self.remotes.entry((record.remote.to_string(), record.state.name())).or_default() += 1;
            }
        }
        let rows = listed.iter().map(|one| descriptors::row(one, &by_inode, &material.redactor)).collect();
        self.table("descriptors.tsv", &descriptors::COLUMNS, rows);
        if dumped.is_ok() {
            let own = listed.iter().filter_map(|one| by_inode.get(&one.inode?).copied());
            let own: BTreeMap<u32, &SocketRecord> = own.map(|record| (record.inode, record)).collect();
            self.table("sockets.tsv", &sockets::COLUMNS, own.into_values().map(sockets::row).collect());
        }
    }

    fn threads(&mut self, _: &Material, dir: &ProcDir) {
        match threads::read(dir) {
            Ok(threads) => {
                self.table("threads.tsv", &threads::COLUMNS, threads.iter().map(threads::row).collect());
                self.threads = threads;
            }
            Err(error) => drop(self.missing.insert("threads.tsv", error.to_string())),
        }
    }

    fn maps(&mut self, _: &Material, dir: &ProcDir) {
        match dir.text("maps", MAPS_MAX) {
            Ok(text) => self.table("maps.tsv", &maps::COLUMNS, maps::summary(&text)),
            Err(error) => drop(self.missing.insert("maps.tsv", error.to_string())),
        }
    }

    fn texts(&mut self, material: &Material, dir: &ProcDir) {
        for (file, entry) in [("status.txt", "status"), ("limits.txt", "limits"), ("cgroup.txt", "cgroup")] {
            self.text(file, dir.text(entry, TEXT_MAX));
        }
        let command = dir.text("cmdline", TEXT_MAX).map(|text| {
            let arguments = text.trim_end_matches('\0').split('\0');
            material.redactor.arguments(arguments).join(" ")
        });
        let whole = command.as_deref().unwrap_or_default();
        self.command = whole.chars().map(|c| if c == '\n' { ' ' } else { c }).take(COMMAND_MAX).collect();
        self.text("cmdline.txt", command);
    }

    fn stacks(&mut self, material: &Material, _: &ProcDir) {
        match &material.stacks {
            Some(Ok(stacks)) => self.text("stacks.txt", Ok(material.redactor.text(stacks))),
            Some(Err(why)) => drop(self.missing.insert("stacks.txt", why.clone())),
            None => {}
        }
    }

    fn table(&mut self, file: &'static str, columns: &'static [&'static str], rows: Vec<Row>) {
        self.tables.push(Table { file, columns, rows });
    }

    fn text(&mut self, file: &'static str, text: io::Result<String>) {
        match text {
            Ok(text) => self.texts.push(Text { file, text }),
            Err(error) => drop(self.missing.insert(file, error.to_string())),
        }
    }
}
