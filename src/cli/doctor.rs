//! `fdguard doctor`: for each group of signals and each action whether it works here, by trying it.
//!
//! What harms is tried on a child of our own ([`mod@patient`]); on a given process only what it can't notice: reads,
//! its own limits set to what they are, a signal of number 0, a destroy of a socket that is not there.

mod actions;
mod finding;
mod host;
mod patient;
mod signals;

use serde::Serialize;

use crate::cli::args::DoctorArgs;
use crate::cli::columns::shortened;
use crate::cli::exit::Exit;
use crate::cli::page::{Page, Tone};
use crate::cli::print;
use crate::model::chain::chain;
use crate::sys::ability::{Ability, Capability};
use crate::sys::adopted::Adopted;
use crate::sys::command;
use crate::sys::proc_root::ProcRoot;

use finding::{Finding, Section, Verdict};
use patient::Patient;

pub(super) use host::hides_others;
pub(super) use patient::run as patient;

/// What the doctor found.
#[derive(Debug, Serialize)]
struct Diagnosis {
    /// The process it was tried on; none for a child of the doctor.
    pid: Option<u32>,
    on: String,
    uid: u32,
    capabilities: Vec<&'static str>,
    findings: Vec<Finding>,
    /// Whether all that the built-in default policy needs works.
    default_policy: bool,
}

/// Tries everything and tells.
pub(super) fn run(args: &DoctorArgs) -> Exit {
    let diagnosis = match diagnose(args.pid) {
        Ok(diagnosis) => diagnosis,
        Err(why) => {
            print::complain(&why);
            return Exit::Usage;
        }
    };
    if args.json {
        print::json(&diagnosis);
    } else {
        let mut page = Page::for_output();
        draw(&diagnosis, &mut page);
        page.print();
    }
    if diagnosis.default_policy { Exit::Good } else { Exit::Finding }
}

fn diagnose(pid: Option<u32>) -> Result<Diagnosis, String> {
    let root = ProcRoot::default();
    let ability = Ability::read(&root);
    let mut patient =
        Patient::start().map_err(|error| format!("can't start a child to try things on: {error}"))?;
    let subject = match pid {
        Some(pid) => Some(Adopted::open(&root, pid).map_err(|error| chain(&error))?),
        None => None,
    };
    let on = match &subject {
        Some(given) => {
            command::line(given).ok().filter(|line| !line.is_empty()).unwrap_or_else(|| "?".to_owned())
        }
        None => "a child of its own".to_owned(),
    };
    let mut findings = signals::tried(subject.as_ref().unwrap_or(patient.adopted()), &ability);
    findings.extend(host::signals(&root));
    findings.extend(actions::tried(subject.as_ref(), &mut patient, &ability));
    findings.extend(host::found(&ability));
    let default_policy =
        findings.iter().all(|finding| !finding.default_policy || finding.verdict != Verdict::Fails);
    let held = Capability::ALL.into_iter().filter(|one| ability.has(*one));
    let capabilities = held.map(Capability::name).collect();
    Ok(Diagnosis { pid, on, uid: ability.uid, capabilities, findings, default_policy })
}

fn draw(diagnosis: &Diagnosis, page: &mut Page) {
    let on = match diagnosis.pid {
        Some(pid) => format!("pid {pid}: {}", shortened(&diagnosis.on, 60)),
        None => format!("{}; `--pid N` tries on a live one", diagnosis.on),
    };
    page.heading("DOCTOR", &on);
    let held =
        if diagnosis.capabilities.is_empty() { "none".to_owned() } else { diagnosis.capabilities.join(", ") };
    page.sentences(2, &format!("as uid {}; capabilities that matter: {held}", diagnosis.uid));
    for section in Section::ALL {
        page.heading(section.title(), "");
        for finding in diagnosis.findings.iter().filter(|finding| finding.section == section) {
            line(finding, page);
        }
    }
    let (tone, text) = if diagnosis.default_policy {
        (Tone::Good, "all that the built-in default policy needs works")
    } else {
        (
            Tone::Alarm,
            "something that the built-in default policy needs does not work: see the rows marked `no`",
        )
    };
    let text = page.tinted(tone, text);
    page.heading("IN SUM", &text);
}

/// Name and verdict in a column, what was tried beside them, the remedy below.
fn line(finding: &Finding, page: &mut Page) {
    page.item(
        finding.verdict.tone(),
        &format!("{:<5}{:<18}", finding.verdict.word(), finding.name),
        &finding.tried,
    );
    if let Some(why) = &finding.why {
        page.sentences(finding::INDENT, why);
    }
    if let Some(grant) = &finding.grant {
        page.sentences(finding::INDENT, &format!("remedy: {grant}"));
    }
}
