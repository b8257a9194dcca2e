//! What the demo measured, and its two pictures: the table and the plot.

use std::fmt::Write as _;
use std::path::Path;

use crate::model::decision::Outcome;
use plotters::prelude::{
    BLACK, ChartBuilder, Circle, Color as _, IntoDrawingArea as _, LineSeries, PathElement, RGBColor,
    SVGBackend, WHITE,
};

/// The word for destroying sockets, as marks have it.
const DESTROY: &str = "destroy_sockets";
/// The word for a stop.
const STOP: &str = "stop";
/// Why many runs are called so, of this bot under `demo.toml`.
const WHY_INEFFECTIVE: &str = "\
ineffective: open descriptors did not fall to 88 % within 2 s, in which the bot leaks 80 more. It closes three of five leaked
sockets once they are destroyed and has forgotten the others for good, so each run has less to win, until only a restart helps.
The guard goes by the count of descriptors: two such runs, and the next tier stops the bot and starts it again.
";

/// One second of the demo.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub(super) struct Second {
    /// Since the start.
    pub at: f64,
    /// Descriptors of the unguarded bot; none when it is dead.
    pub unguarded: Option<u64>,
    /// Descriptors of the guarded bot; none while it restarts.
    pub guarded: Option<u64>,
    /// CLOSE_WAIT sockets of the unguarded bot.
    pub unguarded_close_wait: Option<u64>,
    /// CLOSE_WAIT sockets of the guarded bot.
    pub guarded_close_wait: Option<u64>,
}

/// An action of the guard, to mark in the plot.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
pub(super) struct Mark {
    /// Since the start.
    pub at: f64,
    /// What was done.
    pub what: String,
    /// How it ended, once known.
    pub outcome: Option<String>,
}

/// How one of the two bots fared.
#[derive(Clone, PartialEq, Debug, Default, serde::Serialize)]
pub(super) struct Fate {
    /// When it died of EMFILE, if it did.
    pub emfile_at: Option<f64>,
    /// Most descriptors seen.
    pub most: u64,
    /// Feed ticks it handled.
    pub ticks: u64,
    /// Orders answered.
    pub orders: u64,
    /// Times it was started again.
    pub restarts: u32,
}

/// Dots of one colour: what they mean, and where they stand.
type Dots = (&'static str, RGBColor, Vec<(f64, f64)>);

/// All that was measured.
#[derive(Clone, PartialEq, Debug, Default, serde::Serialize)]
pub(super) struct Course {
    /// The limit on descriptors of both bots.
    pub limit: u64,
    /// Second by second.
    pub seconds: Vec<Second>,
    /// What the guard did.
    pub marks: Vec<Mark>,
    /// The bot without a guard.
    pub unguarded: Fate,
    /// The bot with one.
    pub guarded: Fate,
}

impl Course {
    /// The table at the end: descriptors at five moments, and how it ended.
    pub(super) fn table(&self) -> String {
        let mut text = String::new();
        let length = self.seconds.last().map_or(0.0, |second| second.at);
        let moments: Vec<&Second> = [0.0, 0.25, 0.5, 0.75, 1.0]
            .iter()
            .filter_map(|share| self.seconds.iter().min_by(|a, b| near(a, b, share * length)))
            .collect();
        let mut row = |name: &str, cell: &dyn Fn(&Second) -> String| {
            let cells: Vec<String> = moments.iter().map(|second| format!("{:>8}", cell(second))).collect();
            let _ = writeln!(text, "{name:<24}{}", cells.join(""));
        };
        row("", &|second| format!("{:.0} s", second.at));
        row("unguarded descriptors", &|second| count(second.unguarded, "dead"));
        row("guarded descriptors", &|second| count(second.guarded, "restart"));
        row("unguarded CLOSE_WAIT", &|second| count(second.unguarded_close_wait, "-"));
        row("guarded CLOSE_WAIT", &|second| count(second.guarded_close_wait, "-"));
        for (name, fate) in [("unguarded", &self.unguarded), ("guarded", &self.guarded)] {
            let end = match fate.emfile_at {
                Some(at) => format!("died of EMFILE after {at:.1} s"),
                None => "never out of descriptors".to_owned(),
            };
            let _ = writeln!(
                text,
                "{name:<11}{end}; most {} of {}; {} feed ticks, {} orders answered, {} restarts",
                fate.most, self.limit, fate.ticks, fate.orders, fate.restarts
            );
        }
        text.push_str(&self.deeds());
        text
    }

    /// What the guard did, with the outcomes counted, and what they mean.
    fn deeds(&self) -> String {
        let count = |word: &str, outcome: Option<&str>| {
            let same = |mark: &&Mark| mark.what == word && mark.outcome.as_deref() == outcome;
            self.marks.iter().filter(same).count()
        };
        let destroyed = count(DESTROY, None);
        let outcomes =
            [Outcome::Effective, Outcome::Ineffective, Outcome::Unknown].map(|outcome| outcome.to_string());
        let counted: Vec<String> = outcomes
            .iter()
            .map(|outcome| (count(DESTROY, Some(outcome)), outcome))
            .filter(|(number, _)| *number > 0)
            .map(|(number, outcome)| format!("{number} {outcome}"))
            .collect();
        let mut text = format!(
            "\nthe guard destroyed dead sockets {destroyed} times ({}) and restarted the bot {} times\n",
            counted.join(", "),
            count(STOP, None)
        );
        if count(DESTROY, Some(&outcomes[1])) > 0 {
            text.push_str(WHY_INEFFECTIVE);
        }
        text
    }

    /// Writes the plot.
    pub(super) fn plot(&self, path: &Path) -> Result<(), String> {
        let said = |error: &dyn std::fmt::Display| error.to_string();
        let root = SVGBackend::new(path, (900, 480)).into_drawing_area();
        root.fill(&WHITE).map_err(|error| said(&error))?;
        let end = self.seconds.last().map_or(1.0, |second| second.at.max(1.0));
        let top = self.limit as f64 * 1.1;
        let mut chart = ChartBuilder::on(&root)
            .caption("Open descriptors: one leaking bot, unguarded and guarded", ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(52)
            .build_cartesian_2d(0.0..end, 0.0..top)
            .map_err(|error| said(&error))?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_label_formatter(&|second| format!("{second:.0}"))
            .y_label_formatter(&|open| format!("{open:.0}"))
            .x_desc("seconds")
            .y_desc("open descriptors")
            .draw()
            .map_err(|error| said(&error))?;
        let (red, blue) = (RGBColor(196, 48, 43), RGBColor(0, 90, 181));
        let limit = vec![(0.0, self.limit as f64), (end, self.limit as f64)];
        let lines = [
            ("unguarded", red, self.line(|second| second.unguarded)),
            ("guarded", blue, self.line(|second| second.guarded)),
            ("limit", RGBColor(120, 120, 120), vec![limit]),
        ];
        for (name, colour, runs) in lines {
            for (place, run) in runs.into_iter().enumerate() {
                let drawn = chart.draw_series(LineSeries::new(run, colour.stroke_width(2)));
                let series = drawn.map_err(|error| said(&error))?;
                if place == 0 {
                    series.label(name).legend(move |(x, y)| {
                        PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2))
                    });
                }
            }
        }
        for (name, colour, points) in self.points() {
            let dots = points.into_iter().map(|point| Circle::new(point, 4, colour.filled()));
            let series = chart.draw_series(dots).map_err(|error| said(&error))?;
            series.label(name).legend(move |(x, y)| Circle::new((x + 8, y), 4, colour.filled()));
        }
        chart
            .configure_series_labels()
            .position(plotters::chart::SeriesLabelPosition::UpperLeft)
            .background_style(WHITE)
            .border_style(BLACK.mix(0.2))
            .draw()
            .map_err(|error| said(&error))?;
        root.present().map_err(|error| said(&error))
    }

    /// The line of one bot, cut where it was not alive.
    fn line(&self, value: impl Fn(&Second) -> Option<u64>) -> Vec<Vec<(f64, f64)>> {
        let cut = |second: &Second| value(second).map(|open| (second.at, open as f64));
        self.seconds
            .split(|second| value(second).is_none())
            .map(|run| run.iter().filter_map(cut).collect())
            .collect()
    }

    /// What was done to the guarded bot, and where the other one died, as dots on the lines.
    fn points(&self) -> [Dots; 3] {
        let started = |word: &str| {
            let marks = self.marks.iter().filter(|mark| mark.what == word && mark.outcome.is_none());
            marks.map(|mark| (mark.at, self.height(mark.at))).collect()
        };
        let death = self.unguarded.emfile_at.map(|at| (at, self.limit as f64));
        [
            (DESTROY, RGBColor(230, 159, 0), started(DESTROY)),
            ("stop and restart", RGBColor(0, 0, 0), started(STOP)),
            ("EMFILE", RGBColor(196, 48, 43), death.into_iter().collect()),
        ]
    }

    /// Descriptors of the guarded bot just before that moment.
    fn height(&self, at: f64) -> f64 {
        let before = self.seconds.iter().rev().find(|second| second.at <= at && second.guarded.is_some());
        before.and_then(|second| second.guarded).unwrap_or(0) as f64
    }
}

fn near(a: &Second, b: &Second, at: f64) -> std::cmp::Ordering {
    (a.at - at).abs().total_cmp(&(b.at - at).abs())
}

fn count(value: Option<u64>, absent: &str) -> String {
    value.map_or_else(|| absent.to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course() -> Course {
        let second = |at: u32| Second {
            at: f64::from(at),
            unguarded: (at < 20).then(|| u64::from(at) * 50),
            guarded: Some(80 + u64::from(at % 5)),
            unguarded_close_wait: None,
            guarded_close_wait: Some(3),
        };
        let mark = |at, outcome: Option<&str>| Mark {
            at,
            what: DESTROY.to_owned(),
            outcome: outcome.map(str::to_owned),
        };
        let marks = vec![
            mark(7.0, None),
            mark(8.0, Some("ineffective")),
            mark(8.1, None),
            mark(9.0, Some("effective")),
        ];
        Course { limit: 1_024, seconds: (0..=40).map(second).collect(), marks, ..Course::default() }
    }

    #[test]
    fn the_table_is_read_off_the_measurements() {
        let table = course().table();
        assert!(table.contains("unguarded descriptors          0     500    dead"), "{table}");
        assert!(table.contains("guarded CLOSE_WAIT             3"), "{table}");
        let told =
            "destroyed dead sockets 2 times (1 effective, 1 ineffective) and restarted the bot 0 times";
        assert!(table.contains(told) && table.contains("three of five"), "{table}");
    }

    #[test]
    fn the_plot_has_both_lines_and_the_marks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plot.svg");
        course().plot(&path).unwrap();
        let svg = std::fs::read_to_string(path).unwrap();
        assert!(svg.matches("<polyline").count() >= 3, "{svg}");
        assert!(svg.contains("destroy_sockets") && svg.contains("<circle"), "{svg}");
    }
}
