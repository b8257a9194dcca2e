//! `snapshot`: an evidence bundle, taken before anything is done that would destroy the evidence.
//!
//! Whatever can't be read of a target that is half dead is named in `summary.json` under `missing`; the rest is
//! written all the same. The environment of the target is never read, and links, command lines, stacks and
//! history pass through the redactor. Everything is bounded: rows read, bytes of a file, bytes of a bundle,
//! number of bundles.

use std::path::PathBuf;
use std::sync::Arc;

use crate::model::clock::Clock;
use crate::model::decision::Done;
use crate::model::units::format_bytes;

mod bundle;
mod descriptors;
mod maps;
mod report;
mod sockets;
mod stacks;
mod survey;
#[cfg(test)]
mod tests;
mod threads;

pub use bundle::Bounds;

use super::kit::Kit;
use super::order::Order;
use super::redact::Redactor;
use super::settings::Evidence;
use super::worker::Wanted;
use crate::model::chain::chain;
use bundle::{Bundle, BundleError};
use survey::{Survey, Table};

/// A row of a table.
type Row = Vec<String>;

/// All that a bundle is made from.
struct Material {
    order: Order,
    host: String,
    evidence: Evidence,
    redactor: Arc<Redactor>,
    clock: Arc<dyn Clock>,
    stacks: Option<Result<String, String>>,
}

/// Takes a bundle.
pub(super) async fn take(kit: &Kit, order: &Order) -> Result<Done, String> {
    let stacks = stacks::python(&order.subject.process).await;
    let material = Material {
        order: order.clone(),
        host: kit.settings.host.clone(),
        evidence: kit.settings.evidence.clone(),
        redactor: Arc::clone(&kit.redactor),
        clock: Arc::clone(&kit.settings.clock),
        stacks,
    };
    let written = kit.worker.run(move |wanted| write(&material, wanted)).await;
    let (path, files, bytes) = written.map_err(|error| error.to_string())??;
    let summary = format!("evidence in {}: {files} files, {}", path.display(), format_bytes(bytes));
    Ok(Done { summary })
}

/// Surveys the target and writes the bundle. Gives its path, number of files and size.
fn write(material: &Material, wanted: &Wanted) -> Result<(PathBuf, usize, u64), String> {
    let survey = Survey::of(material, wanted);
    if !wanted.still() {
        return Err("given up".to_owned());
    }
    let written = put(material, &survey).map_err(|error| chain(&error))?;
    Ok(written)
}

fn put(material: &Material, survey: &Survey) -> Result<(PathBuf, usize, u64), BundleError> {
    let Material { order, evidence, clock, redactor, .. } = material;
    let now = clock.wall();
    let parts = format!("{}-{}-d{}", order.target, order.process.pid, order.decision.0);
    let mut bundle = Bundle::open(&evidence.folder, bundle::name(now, &parts), evidence.bounds)?;
    bundle.file("report.txt", report::text(material, survey, now))?;
    for table in &survey.tables {
        bundle.file(table.file, lines(table))?;
    }
    for text in &survey.texts {
        bundle.file(text.file, text.text.lines().map(str::to_owned))?;
    }
    bundle.file("history.txt", order.story.history.iter().map(|line| redactor.text(line)))?;
    // Last, since it names the others.
    let summary = report::summary(material, survey, (now, bundle.written()));
    bundle.last_file("summary.json", summary)?;
    let (files, bytes) = (bundle.written().len(), bundle.written().iter().map(|file| file.bytes).sum());
    Ok((bundle.finish(now)?, files, bytes))
}

/// A table as tab-separated lines, its head first.
fn lines(table: &Table) -> impl Iterator<Item = String> {
    let head = table.columns.join("\t");
    let cell = |cell: &String| cell.replace(['\t', '\n', '\r'], " ");
    std::iter::once(head)
        .chain(table.rows.iter().map(move |row| row.iter().map(cell).collect::<Vec<_>>().join("\t")))
}
