//! What is owed to forges, and what they were told.

use jiff::Timestamp;
use router::id::GitRef;
use router::status::Status;

use super::item::{Item, json, n, nanoseconds, number, parsed, readable, s, sortable, text, wrong};
use super::key::Key;
use super::schema::EXPIRES;
use super::table::Table;
use super::update::Update;
use crate::store::{Commit, Owed, PUT_OFF_MAX, Settled, StoreError};

/// The list of what is owed, by when it is due.
pub(super) const LIST: &str = "due";
/// Statuses that one request writes; an expression may hold three hundred operators.
const TOLD_TOGETHER: usize = 100;

/// One more debt for a commit, due now; a forge that asked to be left alone still is. `before` is the debt as it was read:
/// only while nobody has failed or paid since then does the update hold.
pub(super) fn owe(commit: &Commit, before: Option<&Item>, now: Timestamp, expires: i64) -> Result<Update, StoreError> {
    let failures: u32 = before.map_or(Ok(0), |debt| number(debt, "failures"))?;
    let waits = before.filter(|_| failures > 0).and_then(|debt| text(debt, "place").ok());
    let due = waits.map_or_else(String::new, str::to_owned).max(sortable(nanoseconds(now)));
    Ok(Update::of(Key::debt(commit))
        .count("version")
        .set_first("since", n(nanoseconds(now)))
        .set("listed", s(LIST))
        .set("place", s(due))
        .set("repository", json(&commit.repository)?)
        .set("git_ref", s(commit.git_ref.to_string()))
        .set("commit_id", s(commit.commit.as_str()))
        .set_first("failures", n(0))
        .set_first("posted", aws_sdk_dynamodb::types::AttributeValue::M(Item::new()))
        .set(EXPIRES, n(expires))
        .only_if("attribute_not_exists(pk) OR failures = :known")
        .with(":known", n(failures)))
}

/// Debts that are due, longest due first.
pub(super) async fn due(table: &Table, now: Timestamp, most: usize) -> Result<Vec<Owed>, StoreError> {
    // The place is compared as text, so what is due at this very nanosecond stands before this.
    let end = |at: Timestamp| format!("{}~", sortable(nanoseconds(at)));
    let (until, beyond) = (end(now), end(now.checked_add(PUT_OFF_MAX).unwrap_or(now)));
    let mut entries = table.take(table.listed_before(LIST, &until), most).await?;
    if entries.len() < most {
        entries.extend(table.take(table.listed_after(LIST, &beyond), most - entries.len()).await?);
    }
    let found = table.get(entries.iter().map(Key::of).collect::<Result<_, _>>()?).await?;
    // The index may lag: what was paid or put off since then is not due.
    let mut due: Vec<_> = found
        .values()
        .filter_map(|debt| Some((text(debt, "place").ok()?, debt)))
        .filter(|(place, _)| *place < until.as_str() || *place > beyond.as_str())
        .collect();
    due.sort_unstable_by_key(|(place, _)| *place);
    Ok(due.into_iter().filter_map(|(_, debt)| readable("debt", debt, read)).collect())
}

fn read(debt: &Item) -> Result<Owed, StoreError> {
    let commit = Commit {
        repository: parsed(debt, "repository")?,
        git_ref: GitRef::new(text(debt, "git_ref")?)?,
        commit: text(debt, "commit_id")?.parse()?,
    };
    let posted = debt.get("posted").and_then(|posted| posted.as_m().ok()).ok_or_else(|| wrong("posted"))?;
    let mut posted = posted.keys().map(|context| parsed(posted, context)).collect::<Result<Vec<Status>, _>>()?;
    posted.sort_unstable_by(|a, b| a.context.cmp(&b.context));
    Ok(Owed { commit, version: number(debt, "version")?, failures: number(debt, "failures")?, posted })
}

/// Keeps what the forge was told, then how the debt stands. A crash in between leaves it due, with nothing left to tell.
pub(super) async fn settle(
    table: &Table,
    owed: &Owed,
    told: &[Status],
    settled: &Settled,
    expires: i64,
) -> Result<(), StoreError> {
    let debt = || Update::of(Key::debt(&owed.commit)).set(EXPIRES, n(expires));
    for some in told.chunks(TOLD_TOGETHER) {
        let mut tell = debt().only_if("attribute_exists(pk)");
        for status in some {
            tell = tell.set_entry("posted", &status.context, json(status)?);
        }
        table.update(tell).await?;
    }
    match settled {
        Settled::Paid => {
            let none = || debt().set("failures", n(0)).remove("reason");
            let all = none()
                .remove("listed")
                .remove("place")
                .remove("since")
                .only_if("version = :paid")
                .with(":paid", n(owed.version));
            if !table.update(all).await? {
                table.update(none().only_if("attribute_exists(pk)")).await?;
            }
        }
        Settled::Later(at, reason) => {
            let later = debt()
                .count("failures")
                .set("reason", s(reason))
                .set("place", s(sortable(nanoseconds(*at))))
                .only_if("attribute_exists(listed)");
            table.update(later).await?;
        }
    }
    Ok(())
}
