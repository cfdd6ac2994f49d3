//! An environment's `zone`, `window` and `freeze`.

use jiff::civil::{Date, Time};

use super::reader::Fields;
use super::{Reader, shown};
use crate::pipeline::{Calendar, DAYS, Freeze, Window, weekday, zone};
use crate::yaml::{Node, Value};

pub(super) const WINDOW: [&str; 2] = ["days", "hours"];

/// More than anybody reads aloud.
const ENTRIES_MAX: usize = 100;

/// Reads the three keys together: hours and dates mean nothing without their zone.
pub(super) fn read(reader: &mut Reader, fields: &Fields<'_>) -> Option<Calendar> {
    let given = fields.among(&["window", "freeze"]);
    let Some(first) = given.first() else {
        if fields.has("zone") {
            reader.tell(fields.key("zone"), "`zone` is about `window` and `freeze`, and neither is here");
        }
        return None;
    };
    let windows = fields.get("window").map(|node| several(reader, node, "window", window)).unwrap_or_default();
    let freezes = fields.get("freeze").map(|node| several(reader, node, "freeze", freeze)).unwrap_or_default();
    let Some(node) = fields.get("zone") else {
        if !fields.spoilt("zone") {
            let help = "write the zone's name, as in `zone: Europe/Berlin` or `zone: UTC`";
            reader.advise(fields.key(first), format!("`{first}` needs a `zone` beside it"), help);
        }
        return None;
    };
    let name = reader.text(node, "zone")?;
    if zone(name).is_none() {
        let message = format!("`{}` is no time zone that is known", shown(name));
        reader.advise(node.place, message, "write an IANA name, as in Europe/Berlin, America/New_York or UTC");
        return None;
    }
    Some(Calendar { zone: name.to_owned(), windows, freezes })
}

fn several<T>(reader: &mut Reader, node: &Node, key: &str, read: fn(&mut Reader, &Node) -> Option<T>) -> Vec<T> {
    let items = reader.one_or_more(node, key);
    if items.len() > ENTRIES_MAX {
        reader.tell(node.place, format!("`{key}` has {} entries; at most {ENTRIES_MAX} are read", items.len()));
        return Vec::new();
    }
    items.iter().filter_map(|item| read(reader, item)).collect()
}

/// `{days: [mon, tue-thu], hours: "09:00-16:00"}`; what is left out is every day, or the whole day.
fn window(reader: &mut Reader, node: &Node) -> Option<Window> {
    let fields = reader.fields(node, "a window", &WINDOW)?;
    if fields.among(&WINDOW).is_empty() && !fields.is_spoilt() {
        reader.tell(node.place, "a window says neither `days` nor `hours`");
    }
    let mut days: Vec<i8> = match fields.get("days") {
        Some(node) => reader.one_or_more(node, "days").iter().flat_map(|item| days(reader, item)).collect(),
        None => (1..=7).collect(),
    };
    days.sort_unstable();
    days.dedup();
    let (from, to) = match fields.get("hours") {
        Some(node) => hours(reader, node)?,
        None => (Time::midnight(), Time::midnight()),
    };
    Some(Window { days, from, to })
}

/// `mon`, or `mon-thu`.
fn days(reader: &mut Reader, node: &Node) -> Vec<i8> {
    let Some(text) = reader.text(node, "days") else { return Vec::new() };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |name: &str| weekday(name).map(jiff::civil::Weekday::to_monday_one_offset);
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => (first..=last).collect(),
        _ => {
            let message = format!("`{}` is no weekday", shown(text));
            reader.advise(node.place, message, format!("write {}, or a range as in mon-thu", DAYS.join(", ")));
            Vec::new()
        }
    }
}

/// `09:00-16:00`; the second may be `24:00`, or earlier than the first: on the next day.
fn hours(reader: &mut Reader, node: &Node) -> Option<(Time, Time)> {
    let text = reader.text(node, "hours")?;
    let read = text
        .split_once('-')
        .and_then(|(from, to)| Some((time(from)?, if to == "24:00" { Time::midnight() } else { time(to)? })));
    if read.is_none_or(|(from, to)| from == to && !text.ends_with("-24:00")) {
        let message = format!("`{}` are no hours", shown(text));
        reader.advise(node.place, message, "write two different times of day, as in \"09:00-16:00\"");
        return None;
    }
    read
}

/// Two digits, a colon, two digits.
fn time(text: &str) -> Option<Time> {
    let digits = |at: std::ops::Range<usize>| {
        let part = text.get(at)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<i8>().ok()).flatten()
    };
    let well = text.len() == 5 && text.as_bytes()[2] == b':';
    Time::new(digits(0..2).filter(|_| well)?, digits(3..5)?, 0, 0).ok()
}

/// `2026-12-24`, or `2026-12-18..2027-01-06`.
fn freeze(reader: &mut Reader, node: &Node) -> Option<Freeze> {
    let text = match &node.value {
        Value::Scalar { .. } => reader.text(node, "freeze")?,
        Value::Sequence(_) | Value::Mapping(_) => {
            reader.tell(node.place, format!("`freeze` is a list of dates, and this is {}", node.kind()));
            return None;
        }
    };
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    match (date(from), date(to)) {
        (Some(from), Some(to)) if from <= to => Some(Freeze { from, to }),
        _ => {
            let help = "write a date, or two in their order, as in 2026-12-18..2027-01-06";
            reader.advise(node.place, format!("`{}` is no date to freeze", shown(text)), help);
            None
        }
    }
}

fn date(text: &str) -> Option<Date> {
    let well = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    text.parse().ok().filter(|_| well)
}
