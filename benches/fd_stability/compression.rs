//! Time made short: so many seconds of a real day go into one second here.

use std::time::Duration;

use regex_lite::{Captures, Regex};

/// What the story takes.
pub(crate) const STORY: Duration = Duration::from_secs(5 * 3_600);
/// No span of a policy becomes shorter: below it the full ticks (`FULL_TICK`) could not tell one age from another.
const LEAST: Duration = Duration::from_millis(250);
/// How often the guard takes its full look. Not made short: the machine would not bear it.
pub(crate) const FULL_TICK: &str = "100ms";
/// What a process takes to end is not made short either.
const AS_IT_IS: &str = "{ grace = \"";

/// How much shorter all is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compression(f64);

impl Compression {
    /// Such that the whole story takes so long.
    pub(crate) fn to(length: Duration) -> Self {
        Self(STORY.as_secs_f64() / length.as_secs_f64())
    }

    pub(crate) fn factor(self) -> f64 {
        self.0
    }

    /// A span of the story, here.
    pub(crate) fn short(self, span: Duration) -> Duration {
        span.div_f64(self.0)
    }

    /// What happened here so many seconds after the start, in minutes of the story.
    pub(crate) fn minutes(self, seconds: f64) -> f64 {
        seconds * self.0 / 60.0
    }

    /// So many a minute in the story, a second here.
    pub(crate) fn rate(self, a_minute: f64) -> f64 {
        a_minute * self.0 / 60.0
    }

    /// A file for the agent with its spans and rates made short.
    pub(crate) fn squeeze(self, text: &str) -> String {
        let spans = Regex::new(r"\b([0-9]+)(ms|s|m|h)\b").expect("a good expression");
        let text = spans.replace_all(text, |found: &Captures<'_>| {
            let (whole, before) = (&found[0], found.get(0).map_or("", |place| &text[..place.start()]));
            let number: f64 = found[1].parse().unwrap_or_default();
            let unit = match &found[2] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                _ => 3_600.0,
            };
            if before.ends_with(AS_IT_IS) {
                return whole.to_owned();
            }
            let millis = self.short(Duration::from_secs_f64(number * unit)).max(LEAST).as_millis();
            format!("{millis}ms")
        });
        let rates = Regex::new(r"\b([0-9]+)/(min|hour|day)\b").expect("a good expression");
        let faster = |found: &Captures<'_>| {
            let number: f64 = found[1].parse().unwrap_or_default();
            format!("{:.0}/{}", (number * self.0).ceil(), &found[2])
        };
        rates.replace_all(&text, faster).into_owned()
    }
}
