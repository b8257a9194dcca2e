//! Opening hours: `09:30-16:00 America/New_York`, `mon-fri 09:30-12:00,13:00-16:00 Asia/Hong_Kong`.
//!
//! Days may be left out (every day), be a span (`sun-thu`, also over the end of the week) or a list
//! (`mon,wed,fri`). Hours whose end is not after their start run overnight and belong to the day on which
//! they start. The zone is one of the tz database that is built in, so that every host agrees. Start and end
//! are instants: where the clocks change in the middle a session is an hour longer or shorter, and it never flaps;
//! a start or end that the change skips comes as much later as it skips, one that comes twice comes first.

use std::fmt;
use std::sync::Arc;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::report::did_you_mean;
use crate::model::clock::WallTime;
use crate::model::signal::WEEKDAYS;

/// The most stretches of hours in one session.
const HOURS_MAX: usize = 8;
const FORM: &str = "write for example `mon-fri 09:30-16:00 America/New_York`";

/// Why a text is no session.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct SessionError {
    pub(super) message: String,
    pub(super) help: String,
}

/// Opening hours of some days in one zone; cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Session(Arc<Hours>);

#[derive(PartialEq, Eq)]
struct Hours {
    text: String,
    days: [bool; 7],
    stretches: Vec<Stretch>,
    zone: TimeZone,
}

/// Minutes of a day, from its start; `to` may be 1,440.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stretch {
    from: u16,
    to: u16,
}

/// Whether a session is open, and the wall times, in milliseconds, between which that stays so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Standing {
    pub(super) open: bool,
    from: i64,
    until: i64,
}

impl Standing {
    /// Whether it still says so at that time.
    pub(super) fn covers(&self, wall: WallTime) -> bool {
        (self.from..self.until).contains(&wall.as_millis())
    }
}

impl Session {
    /// Parses a session.
    pub(super) fn parse(text: &str) -> Result<Self, SessionError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (days, hours, zone) = match words.as_slice() {
            [days, hours, zone] => (parse_days(days)?, *hours, *zone),
            [hours, zone] => ([true; 7], *hours, *zone),
            _ => return Err(wrong("a session is days, hours and a zone", FORM)),
        };
        let stretches = hours.split(',').map(parse_stretch).collect::<Result<Vec<_>, _>>()?;
        if stretches.len() > HOURS_MAX {
            return Err(wrong(format!("a session has at most {HOURS_MAX} stretches of hours"), FORM));
        }
        let (text, zone) = (words.join(" "), parse_zone(zone)?);
        Ok(Self(Arc::new(Hours { text, days, stretches, zone })))
    }

    /// Its text with single blanks.
    pub(super) fn text(&self) -> &str {
        &self.0.text
    }

    /// Whether it is open at that time, and how long that stays so. `None` outside the calendar.
    pub(super) fn at(&self, wall: WallTime) -> Option<Standing> {
        let now = wall.as_millis();
        let zone = &self.0.zone;
        let today = zone.to_datetime(jiff::Timestamp::from_millisecond(now).ok()?).date();
        let tomorrow = today.tomorrow().ok()?;
        let mut standing = Standing { open: false, from: i64::MIN, until: millis(zone, tomorrow, 0)? };
        for day in [today.yesterday().ok()?, today] {
            if !self.0.days[weekday(day)] {
                continue;
            }
            for stretch in &self.0.stretches {
                let last = if stretch.to > stretch.from { day } else { day.tomorrow().ok()? };
                let (start, end) = (millis(zone, day, stretch.from)?, millis(zone, last, stretch.to)?);
                standing.open |= (start..end).contains(&now);
                for edge in [start, end] {
                    if edge <= now {
                        standing.from = standing.from.max(edge);
                    } else {
                        standing.until = standing.until.min(edge);
                    }
                }
            }
        }
        standing.from = standing.from.max(millis(zone, today, 0)?);
        Some(standing)
    }
}

/// The day of the week in UTC, as its place in [`WEEKDAYS`].
pub(super) fn weekday_utc(wall: WallTime) -> usize {
    const DAY: i64 = 86_400_000;
    // 1970-01-01 was a Thursday.
    usize::try_from((wall.as_millis().div_euclid(DAY) + 3).rem_euclid(7)).unwrap_or(0)
}

fn weekday(day: Date) -> usize {
    usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or(0)
}

/// The instant of a minute of a civil day, in milliseconds.
fn millis(zone: &TimeZone, day: Date, minute: u16) -> Option<i64> {
    let (day, minute) = if minute >= 1_440 { (day.tomorrow().ok()?, 0) } else { (day, minute) };
    let time = Time::new(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0).ok()?;
    let at = zone.to_ambiguous_timestamp(day.to_datetime(time)).compatible().ok()?;
    Some(at.as_millisecond())
}

fn parse_days(text: &str) -> Result<[bool; 7], SessionError> {
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (parse_day(first)?, parse_day(last)?);
        let mut day = first;
        days[day] = true;
        while day != last {
            day = (day + 1) % 7;
            days[day] = true;
        }
    }
    Ok(days)
}

fn parse_day(text: &str) -> Result<usize, SessionError> {
    let known = WEEKDAYS.iter().position(|day| *day == text);
    known.ok_or_else(|| wrong(format!("`{text}` is no day"), did_you_mean(text, WEEKDAYS)))
}

fn parse_stretch(text: &str) -> Result<Stretch, SessionError> {
    let form = "write the hours as `09:30-16:00`";
    let (from, to) =
        text.split_once('-').ok_or_else(|| wrong(format!("`{text}` are no opening hours"), form))?;
    let (from, to) = (parse_minute(from)?, parse_minute(to)?);
    if from == 1_440 {
        return Err(wrong("hours can't start at 24:00", "write 00:00"));
    }
    if from == to {
        return Err(wrong(format!("`{text}` is empty"), "write 00:00-24:00 for the whole day"));
    }
    Ok(Stretch { from, to })
}

fn parse_minute(text: &str) -> Result<u16, SessionError> {
    let two = |part: &str| (part.len() == 2).then(|| part.parse::<u16>().ok()).flatten();
    let parsed = text.split_once(':').and_then(|(hour, minute)| Some((two(hour)?, two(minute)?)));
    match parsed {
        Some((hour, minute)) if minute < 60 && hour * 60 + minute <= 1_440 => Ok(hour * 60 + minute),
        _ => Err(wrong(format!("`{text}` is no time of day"), "write it as `09:30`, from 00:00 to 24:00")),
    }
}

fn parse_zone(text: &str) -> Result<TimeZone, SessionError> {
    TimeZone::get(text).map_err(|_| {
        let names: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        let city = known.iter().find(|name| name.rsplit('/').next() == Some(text));
        let help = match city {
            Some(name) => format!("did you mean `{name}`?"),
            None => Some(did_you_mean(text, &known))
                .filter(|help| help.starts_with("did"))
                .unwrap_or_else(|| "write a name of the tz database: Europe/Berlin, UTC".to_owned()),
        };
        wrong(format!("there is no time zone `{text}`"), help)
    })
}

fn wrong(message: impl Into<String>, help: impl Into<String>) -> SessionError {
    SessionError { message: message.into(), help: help.into() }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.text())
    }
}

#[cfg(test)]
mod tests;
