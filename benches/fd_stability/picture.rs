//! The picture: a panel for each kind of bot, both lines, the band, and what the guard did.

use std::path::Path;

use fdguard::model::action::Word;
use plotters::coord::Shift;
use plotters::prelude::{
    BLACK, ChartBuilder, Circle, Color as _, DrawingArea, IntoDrawingArea as _, IntoFont as _, LineSeries,
    PathElement, RGBColor, Rectangle, SVGBackend, Text, WHITE,
};

use crate::common::Attempt;
use crate::fd_stability::case::{BAND, LIMIT};
use crate::fd_stability::compression::Compression;
use crate::fd_stability::pair::Pair;
use crate::fd_stability::side::{Look, Side};

const SIZE: (u32, u32) = (1_260, 800);
const COLUMNS: usize = 3;
/// For the words above the panels.
const HEAD: u32 = 64;
/// Points of a line: more would only make the file large.
const POINTS: usize = 300;
/// The story in hours, and above the limit.
const HOURS: f64 = 5.0;
const TOP: f64 = 1_100.0;

const RED: RGBColor = RGBColor(196, 48, 43);
const BLUE: RGBColor = RGBColor(0, 90, 181);
const GREEN: RGBColor = RGBColor(0, 130, 90);
const GREY: RGBColor = RGBColor(120, 120, 120);
const ORANGE: RGBColor = RGBColor(230, 159, 0);
const INK: RGBColor = RGBColor(0, 0, 0);

/// Half as wide as a dot of the legend: there are many.
const DOT: i32 = 2;

type Panel<'p> = DrawingArea<SVGBackend<'p>, Shift>;

/// Draws it.
pub(crate) fn draw(path: &Path, pairs: &[Pair], compression: Compression) -> Attempt<()> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (head, body) = root.split_vertically(HEAD);
    legend(&head, compression)?;
    let panels = body.split_evenly((pairs.len().div_ceil(COLUMNS), COLUMNS));
    for (pair, panel) in pairs.iter().zip(&panels) {
        draw_pair(panel, pair, compression)?;
    }
    root.present()?;
    Ok(())
}

fn legend(head: &Panel<'_>, compression: Compression) -> Attempt<()> {
    let caption = format!(
        "Open descriptors of leaking bots over five hours, {:.0} times as fast",
        compression.factor()
    );
    head.draw(&Text::new(caption, (16, 10), ("sans-serif", 19).into_font()))?;
    let line = |colour: RGBColor, x: i32| PathElement::new([(x, 46), (x + 20, 46)], colour.stroke_width(2));
    let words = |text: &'static str, x: i32| Text::new(text, (x, 40), ("sans-serif", 13).into_font());
    for (x, colour, text) in [(16, RED, "unguarded"), (136, BLUE, "guarded"), (246, GREY, "limit")] {
        head.draw(&line(colour, x))?;
        head.draw(&words(text, x + 26))?;
    }
    head.draw(&Rectangle::new([(326, 40), (346, 52)], GREEN.mix(0.18).filled()))?;
    head.draw(&words("band, 50 to 150", 352))?;
    let dots = [
        (486, ORANGE, "destroy_sockets"),
        (626, GREEN, "reap_descriptors"),
        (776, INK, "stop and restart"),
        (926, RED, "EMFILE"),
    ];
    for (x, colour, text) in dots {
        head.draw(&Circle::new((x, 46), 4, colour.filled()))?;
        head.draw(&words(text, x + 10))?;
    }
    head.draw(&PathElement::new([(1_016, 46), (1_036, 46)], RED.mix(0.4).stroke_width(1)))?;
    head.draw(&words("thin: CLOSE_WAIT", 1_042))?;
    Ok(())
}

fn draw_pair(panel: &Panel<'_>, pair: &Pair, compression: Compression) -> Attempt<()> {
    let hours = |seconds: f64| compression.minutes(seconds) / 60.0;
    let mut chart = ChartBuilder::on(panel)
        .caption(pair.case.name, ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(34)
        .y_label_area_size(46)
        .build_cartesian_2d(0.0..HOURS, 0.0..TOP)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_label_formatter(&|hours| format!("{hours:.0}"))
        .y_label_formatter(&|open| format!("{open:.0}"))
        .x_labels(6)
        .x_desc("hours")
        .draw()?;
    let band = [(0.0, f64::from(BAND.0)), (HOURS, f64::from(BAND.1))];
    chart.draw_series([Rectangle::new(band, GREEN.mix(0.18).filled())])?;
    let limit = f64::from(LIMIT);
    chart.draw_series(LineSeries::new([(0.0, limit), (HOURS, limit)], GREY.stroke_width(1)))?;
    for (side, colour) in [(&pair.unguarded, RED), (&pair.guarded, BLUE)] {
        for run in
            lines(side, |look| look.close_wait, |look| look.close_wait.is_some() || look.open.is_none())
        {
            let run = run.into_iter().map(|(at, value)| (hours(at), value));
            chart.draw_series(LineSeries::new(run, colour.mix(0.4).stroke_width(1)))?;
        }
        for run in lines(side, |look| look.open, |_| true) {
            let run = run.into_iter().map(|(at, value)| (hours(at), value));
            chart.draw_series(LineSeries::new(run, colour.stroke_width(2)))?;
        }
    }
    let mut dots: Vec<(f64, f64, RGBColor)> = Vec::new();
    for deed in pair.deeds.iter().filter(|deed| deed.outcome.is_none()) {
        let colour = match deed.word {
            Word::DestroySockets => ORANGE,
            Word::ReapDescriptors => GREEN,
            Word::Stop => INK,
            _ => continue,
        };
        dots.push((hours(deed.at), height(&pair.guarded, deed.at), colour));
    }
    if let Some((at, _)) = Pair::death(&pair.unguarded) {
        dots.push((hours(at), limit, RED));
    }
    chart.draw_series(dots.into_iter().map(|(x, y, colour)| Circle::new((x, y), DOT, colour.filled())))?;
    chart.plotting_area().draw(&PathElement::new([(0.0, 0.0), (HOURS, 0.0)], BLACK.mix(0.4)))?;
    Ok(())
}

/// The runs of a figure between the times without a process, thinned to what can be seen: of each stretch the highest point.
fn lines(
    side: &Side,
    figure: impl Fn(&Look) -> Option<u64>,
    counts: impl Fn(&Look) -> bool,
) -> Vec<Vec<(f64, f64)>> {
    let looks: Vec<&Look> = side.looks.iter().filter(|look| counts(look)).collect();
    let stretch = looks.len().div_ceil(POINTS).max(1);
    let runs = looks.split(|look| figure(look).is_none());
    runs.map(|run| {
        let highest = |part: &[&Look]| {
            part.iter()
                .filter_map(|look| Some((look.at, figure(look)? as f64)))
                .max_by(|a, b| a.1.total_cmp(&b.1))
        };
        run.chunks(stretch).filter_map(highest).collect()
    })
    .collect()
}

/// Descriptors just before that moment.
fn height(side: &Side, at: f64) -> f64 {
    let before = side.looks.iter().rev().find(|look| look.at <= at && look.open.is_some());
    before.and_then(|look| look.open).unwrap_or_default() as f64
}
