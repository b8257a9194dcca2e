//! `fdguard demo`: one leaking bot unguarded and one guarded, side by side, in about a minute.
//!
//! Needs nothing but this binary. The guarded bot is the child of a real agent, `fdguard run` on a file in a
//! temporary folder; the demo asks it over its socket and reads its history as anybody could. What the table
//! says is counted by the demo itself in /proc, for both bots alike.

pub(super) mod bot;
mod course;
mod pair;
mod screen;
mod stub;

use std::path::Path;
use std::time::Duration;

use crate::cli::args::DemoArgs;
use crate::cli::exit::Exit;
use crate::cli::{print, reach};
use crate::model::chain::chain;
use crate::model::clock::{Clock as _, Timestamp};
use crate::sys::clock::SystemClock;
use course::{Course, Second};
use pair::{Pair, PairError};
use screen::Screen;

/// Limit on descriptors of both bots.
const LIMIT: u64 = 1_024;
/// Descriptors that each bot leaks per second.
const RATE: u32 = 40;
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// The shortest demo in which the unguarded bot can die.
const SHORTEST: Duration = Duration::from_secs(LIMIT / RATE as u64 + 10);

/// Runs the demo. A finding is: the unguarded bot lived, or the guarded one ran out.
pub(super) fn run(args: &DemoArgs) -> Exit {
    if args.length < SHORTEST {
        print::complain(&format!(
            "--length must be at least {}s: the leak takes that long",
            SHORTEST.as_secs()
        ));
        return Exit::Usage;
    }
    let runtime = match reach::runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let local = tokio::task::LocalSet::new();
    match runtime.block_on(local.run_until(side_by_side(args))) {
        Ok(course) => conclude(args, &course),
        Err(error) => {
            print::complain(&chain(&error));
            Exit::Finding
        }
    }
}

async fn side_by_side(args: &DemoArgs) -> Result<Course, PairError> {
    let folder = tempfile::tempdir().map_err(PairError::Folder)?;
    let ports = stub::start().await.map_err(PairError::Stub)?;
    let screen = Screen::new(args.json);
    screen.opening(RATE, LIMIT, args.length);
    let mut pair = Pair::start(folder.path(), ports).await?;
    let start = SystemClock.now();
    let mut course = Course { limit: LIMIT, ..Course::default() };
    let mut next_line = 0.0;
    while SystemClock.now().since(start) < args.length {
        tokio::time::sleep(LOOK).await;
        let second = look(&mut pair, start).await;
        for mark in pair.new_marks(start).await {
            screen.mark(&mark);
            course.marks.push(mark);
        }
        if second.at >= next_line {
            screen.second(&second, LIMIT, pair.tier());
            next_line += 1.0;
        }
        course.seconds.push(second);
    }
    let (unguarded, guarded) = pair.finish().await;
    course.unguarded = unguarded;
    course.guarded = guarded;
    course.unguarded.most = most(&course, |second| second.unguarded);
    course.guarded.most = most(&course, |second| second.guarded);
    Ok(course)
}

async fn look(pair: &mut Pair, start: Timestamp) -> Second {
    pair.look(SystemClock.now().since(start).as_secs_f64()).await
}

fn most(course: &Course, value: impl Fn(&Second) -> Option<u64>) -> u64 {
    course.seconds.iter().filter_map(value).max().unwrap_or(0)
}

fn conclude(args: &DemoArgs, course: &Course) -> Exit {
    if args.json {
        print::json(course);
    } else {
        print::out(&format!("\n{}", course.table()));
    }
    if let Err(why) = draw(&args.plot, course) {
        print::complain(&format!("the plot can't be written: {why}"));
        return Exit::Finding;
    }
    if !args.json {
        print::out(&format!("plot: {}\n", args.plot.display()));
    }
    if course.unguarded.emfile_at.is_some() && course.guarded.emfile_at.is_none() {
        Exit::Good
    } else {
        Exit::Finding
    }
}

fn draw(path: &Path, course: &Course) -> Result<(), String> {
    course.plot(path)
}
