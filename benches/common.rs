//! What all benches share: their arguments, how figures are summed up, how they are told and judged.

#![allow(dead_code, reason = "each bench uses a part of it")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench tells what it measured")]

pub(crate) mod agent;
pub(crate) mod child;
pub(crate) mod contest;
pub(crate) mod ground;
pub(crate) mod machine;
pub(crate) mod process;
pub(crate) mod victim;

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Map, Value, json};

/// What can go wrong on the way to a figure, told to the one who reads the table.
pub(crate) type Attempt<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What was typed after `cargo bench --`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Args {
    /// Fewer sizes and rounds.
    pub(crate) length: Length,
    /// What a figure over its budget means.
    pub(crate) strictness: Strictness,
}

/// How long a bench measures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Length {
    /// Half a minute at most.
    Short,
    /// As long as the figures in the README took.
    Full,
}

/// What a figure over its budget means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Strictness {
    /// It is told.
    Tell,
    /// The bench fails.
    Fail,
}

impl Args {
    /// Reads them; what cargo adds itself, and what is meant for other benches, is passed over.
    pub(crate) fn read() -> Self {
        let has = |flag: &str| std::env::args().any(|word| word == flag);
        Self {
            length: if has("--short") { Length::Short } else { Length::Full },
            strictness: if has("--strict") || has("--check") { Strictness::Fail } else { Strictness::Tell },
        }
    }

    /// One of two values.
    pub(crate) fn pick<T>(self, short: T, full: T) -> T {
        match self.length {
            Length::Short => short,
            Length::Full => full,
        }
    }
}

/// Whether that part of the bench is to run: all do unless some are named (`-- --only=PART`).
pub(crate) fn wants(part: &str) -> bool {
    let words = std::env::args();
    let mut named = words.filter_map(|word| word.strip_prefix("--only=").map(str::to_owned)).peekable();
    named.peek().is_none() || named.any(|name| name == part)
}

/// Figures measured one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures(Vec<f64>);

impl Figures {
    pub(crate) fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The least that is at least as large as that share of all; not a number where there is none.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in a short list"
        )]
        let place = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(place.saturating_sub(1).min(last)).copied().unwrap_or(f64::NAN)
    }

    /// How many are at most that large.
    pub(crate) fn within(&self, bound: f64) -> usize {
        self.0.iter().filter(|figure| **figure <= bound).count()
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    pub(crate) fn least(&self) -> f64 {
        self.quantile(0.0)
    }
}

/// What a bench found, told at its end.
#[derive(Debug)]
pub(crate) struct Report {
    name: &'static str,
    args: Args,
    over: u32,
    rows: Vec<[String; 3]>,
    json: Map<String, Value>,
}

impl Report {
    /// Begins with the question and the conditions.
    pub(crate) fn begin(name: &'static str, question: &str, args: Args) -> Self {
        let conditions = machine::conditions();
        println!("\n{name}: {question}\n  {}", conditions.join("; "));
        let mut json = Map::new();
        json.insert("bench".to_owned(), json!(name));
        json.insert("length".to_owned(), json!(args.pick("short", "full")));
        json.insert("conditions".to_owned(), json!(conditions));
        Self { name, args, over: 0, rows: Vec::new(), json }
    }

    /// A figure without a budget.
    pub(crate) fn tell(&mut self, what: &str, figure: f64, unit: &str) {
        self.json.insert(what.to_owned(), json!({ "value": figure, "unit": unit }));
        self.rows.push([what.to_owned(), format!("{} {unit}", brief(figure)), String::new()]);
    }

    /// What could not be measured here, and why.
    pub(crate) fn lack(&mut self, what: &str, why: &str) {
        self.json.insert(what.to_owned(), json!({ "missing": why }));
        self.rows.push([what.to_owned(), "-".to_owned(), why.to_owned()]);
    }

    /// A figure that is to stay under its budget.
    pub(crate) fn judge(&mut self, what: &str, figure: f64, budget: f64, unit: &str) {
        // Not a number is over every budget: nothing was measured.
        let pass = figure < budget;
        self.over += u32::from(!pass);
        let verdict = if pass { "PASS" } else { "OVER BUDGET" };
        self.json.insert(
            what.to_owned(),
            json!({ "value": figure, "unit": unit, "budget": budget, "pass": pass }),
        );
        let verdict = format!("{verdict} (under {} {unit})", brief(budget));
        self.rows.push([what.to_owned(), format!("{} {unit}", brief(figure)), verdict]);
    }

    /// Prints the table, writes the file, gives the exit code.
    pub(crate) fn end(mut self) -> ExitCode {
        let width =
            |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let (first, second) = (width(0), width(1));
        let mut table = String::new();
        for [what, figure, verdict] in &self.rows {
            let line = format!("  {what:<first$}  {figure:>second$}  {verdict}");
            writeln!(table, "{}", line.trim_end()).expect("a string takes all");
        }
        print!("{table}");
        self.json.insert("over_budget".to_owned(), json!(self.over));
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
        let file = folder.join(format!("{}.json", self.name));
        let text = serde_json::to_string_pretty(&self.json).expect("plain data") + "\n";
        if let Err(error) = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, text)) {
            eprintln!("  {} can't be written: {error}", file.display());
        }
        match self.args.strictness {
            Strictness::Fail if self.over > 0 => ExitCode::FAILURE,
            Strictness::Fail | Strictness::Tell => ExitCode::SUCCESS,
        }
    }
}

/// Three digits that matter.
fn brief(figure: f64) -> String {
    let decimals = match figure.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.1 => 3,
        _ => 4,
    };
    format!("{figure:.decimals$}")
}
