//! One run: the server, the subjects side by side, cell after cell, their rounds interleaved.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;

use crate::common::Attempt;
use crate::common::Report;
use crate::postgres::cell::{Cell, Protocol, Work};
use crate::postgres::client::Client;
use crate::postgres::lab::Lab;
use crate::postgres::load::{self, WARM_UP};
use crate::postgres::options::Options;
use crate::postgres::outcome::{Outcome, Round};
use crate::postgres::server::Server;
use crate::postgres::subject::{Choice, Started, Subject};
use crate::postgres::verdict;

/// A query of an idle client's past.
const ONCE: &str = "SELECT 1";

/// What a run needs.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    lab: &'a Lab,
    options: &'a Options,
}

impl<'a> Session<'a> {
    pub(crate) fn new(lab: &'a Lab, options: &'a Options) -> Self {
        Self { lab, options }
    }

    /// Measures all cells and tells what came out.
    pub(crate) fn run(&self, report: &mut Report) -> Attempt<()> {
        let subjects = self.subjects(report)?;
        let cells = Cell::all(self.options);
        let server = Server::start(self.lab, self.options)?;
        println!(
            "  all on CPU {}; {} rounds of {:?}; best of them; costs are the pooler's CPU\n",
            self.lab.cpu, self.options.rounds, self.options.length
        );
        println!("{}", verdict::head());
        let mut csv = format!("cell,subject,round,{}\n", verdict::COLUMNS.join(","));
        for pool in pools(&cells) {
            let started = subjects.iter().map(|subject| subject.start(self.lab, server.port, pool));
            let started: Vec<Started> = started.collect::<Attempt<_>>()?;
            for cell in cells.iter().filter(|cell| cell.pool == pool) {
                let outcomes = self.measure(cell, &subjects, &started, &server)?;
                print!("{}", verdict::lines(cell, &subjects, &outcomes));
                verdict::judge(report, cell, &subjects, &outcomes);
                record(&mut csv, cell, &subjects, &outcomes);
            }
        }
        if let Some(file) = &self.options.csv {
            File::create(file)?.write_all(csv.as_bytes())?;
        }
        println!();
        Ok(())
    }

    /// Those that can be measured. Without PgBouncer there is nobody to compare with, and that is told.
    fn subjects(&self, report: &mut Report) -> Attempt<Vec<Subject>> {
        let mut found = Vec::new();
        for choice in &self.options.subjects {
            match (choice, Subject::find(choice)) {
                (_, Ok(subject)) => found.push(subject),
                (Choice::PgBouncer(None), Err(error)) => report.lack("PgBouncer", &error.to_string()),
                (_, Err(error)) => return Err(error),
            }
        }
        Ok(found)
    }

    fn measure(
        &self,
        cell: &Cell,
        subjects: &[Subject],
        started: &[Started],
        server: &Server,
    ) -> Attempt<Vec<Outcome>> {
        let mut outcomes = vec![Outcome::default(); subjects.len()];
        for (outcome, subject) in outcomes.iter_mut().zip(subjects) {
            outcome.failed = subject.lacks(cell).map(str::to_owned);
        }
        for round in 0..self.options.rounds {
            // Each is first as often as last.
            let mut order: Vec<usize> = (0..subjects.len()).collect();
            order.rotate_left(round % subjects.len().max(1));
            for which in order {
                self.lab.go_on()?;
                let outcome = &mut outcomes[which];
                if outcome.failed.is_some() {
                    continue;
                }
                let turn = match cell.work {
                    Work::Idle => self.idle(cell, &subjects[which], server),
                    Work::Select(_) | Work::Login | Work::Rows | Work::CopyOut | Work::CopyIn => {
                        self.load(cell, &started[which], round)
                    }
                };
                match turn {
                    Ok(round) => outcome.rounds.push(round),
                    Err(error) => outcome.failed = Some(error.to_string()),
                }
            }
        }
        self.lab.go_on()?;
        Ok(outcomes)
    }

    fn load(&self, cell: &Cell, started: &Started, round: usize) -> Attempt<Round> {
        if round == 0 {
            load::run(self.lab, cell, started.port, WARM_UP)?;
        }
        let before = started.cpu();
        let load = load::run(self.lab, cell, started.port, self.options.length)?;
        Ok(Round { cost: (started.cpu() - before) / load.count, load: Some(load) })
    }

    /// Memory is only comparable in a process that has not had more clients before.
    fn idle(&self, cell: &Cell, subject: &Subject, server: &Server) -> Attempt<Round> {
        let started = subject.start(self.lab, server.port, cell.pool)?;
        let warm = Cell { work: Work::Select(Protocol::Simple), clients: cell.pool, ..*cell };
        load::run(self.lab, &warm, started.port, WARM_UP)?;
        let before = started.resident();
        let mut clients = Vec::with_capacity(cell.clients);
        for _ in 0..cell.clients {
            let mut client = Client::connect(started.port)?;
            client.ask(ONCE)?;
            clients.push(client);
        }
        Ok(Round { cost: (started.resident() - before) / cell.clients as f64, load: None })
    }
}

/// Each once, in the order of the cells.
fn pools(cells: &[Cell]) -> Vec<usize> {
    let mut pools: Vec<usize> = cells.iter().map(|cell| cell.pool).collect();
    pools.dedup();
    pools
}

fn record(csv: &mut String, cell: &Cell, subjects: &[Subject], outcomes: &[Outcome]) {
    for (subject, outcome) in subjects.iter().zip(outcomes) {
        for (number, round) in outcome.rounds.iter().enumerate() {
            let figures = verdict::figures(round).map(|figure| figure.to_string()).join(",");
            writeln!(csv, "{cell},{},{number},{figures}", subject.name).expect("a string takes all");
        }
    }
}
