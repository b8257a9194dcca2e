//! `fdguard init`: looks at a live bot and writes an agent file, a policy and scenarios for it.
//!
//! ```text
//!  process ── look ──► Report ──► base line, fronts ──► three texts ──► checked as `config check --strict` and
//!  its environment ── words ─────────────┘                              `policy test` would ──► files
//! ```
//!
//! Nothing is done to the bot, and of its environment only names of variables, hosts and ports are kept.

mod agent_file;
mod base;
mod bot;
mod files;
mod fronts;
mod policy_file;
mod scenarios;
mod tell;
mod trial;
mod words;

use std::time::Duration;

use crate::cli::args::InitArgs;
use crate::cli::exit::Exit;
use crate::cli::inspect;
use crate::cli::print;
use crate::model::clock::Clock as _;
use crate::model::name::Name;
use crate::model::units::format_span;
use crate::sys::clock::SystemClock;
use crate::sys::proc_root::ProcRoot;

use base::Base;
use bot::Bot;
use files::{Draft, Files};
use fronts::{Front, Fronts};
use words::Words;

/// Looks, proposes, tries what it proposes, writes.
pub(super) fn run(args: &InitArgs) -> Exit {
    match propose(args) {
        Ok(exit) => exit,
        Err(why) => {
            print::complain(&why);
            Exit::Usage
        }
    }
}

/// What the texts are made of.
struct Known {
    /// The target's name, which is that of its policy as well.
    name: Name,
    base: Base,
    /// Proposed proxies.
    fronts: Vec<Front>,
    /// Whether these are settings, or comments that a person turns into settings.
    fronting: Fronting,
    /// For how long it was looked at, and on which day.
    looked: Duration,
    day: String,
}

/// What becomes of the proposed proxies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fronting {
    /// They are written as comments: nothing changes for the bot.
    Proposed,
    /// They are settings.
    Settled,
}

fn propose(args: &InitArgs) -> Result<Exit, String> {
    let root = ProcRoot::default();
    let bot = Bot::find(&root, args)?;
    let files = Files::of(&args.files.out, &bot.name);
    files.refuse_taken(args.files.force)?;
    let words = Words::of(&bot.process);
    let resolving = fronts::resolve(words.hosts());
    let length = format_span(args.length);
    print::aside(&format!("looking at pid {} ({}) for {length}\n", bot.process.id().pid, bot.shown));
    let report = inspect::report(&bot.process, args.length);
    if report.look.ended {
        return Err(format!("pid {} ended while it was looked at", report.process.pid));
    }
    let base = Base::of(&report)?;
    let found = Fronts::of(&report, &words, &resolving.so_far());
    let fronting = if args.files.proxies { Fronting::Settled } else { Fronting::Proposed };
    let fronts = found.with_listeners(bot::is_free);
    let (name, looked, day) = (bot.name.clone(), report.looked(), today());
    let known = Known { name, base, fronts, fronting, looked, day };
    let draft = Draft {
        agent: agent_file::text(&known, &bot),
        policy: policy_file::text(&known),
        scenarios: scenarios::text(&known),
    };
    trial::try_out(&draft, &known.name)?;
    files.write(&draft)?;
    if args.json {
        print::json(&tell::json(&known, &bot, &report, &files));
    } else {
        tell::page(&known, &bot, &report, &files).print();
    }
    Ok(Exit::Good)
}

/// In UTC.
fn today() -> String {
    SystemClock.wall().to_string().chars().take("2026-01-01".len()).collect()
}
