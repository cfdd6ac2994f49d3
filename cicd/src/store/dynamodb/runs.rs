//! Runs: read, and written as the parts of a change.

use router::id::RunId;
use router::run::Run;

use super::item::{Item, n, parsed, readable, s, text};
use super::key::{Key, LIVE, RUNS_OF_COMMIT, execution_of, live_on_ref, of_commit};
use super::schema::EXPIRES;
use super::table::{AFTER_ALL, Table, Write};
use super::update::Update;
use crate::store::{RunFilter, StoreError};

/// The list of all runs.
const LIST: &str = "runs";
/// The largest run, as JSON; the rest of the 400 KB is more than its other attributes need.
const RUN_MAX: usize = 390 * 1024;

/// One run.
pub(super) async fn one(table: &Table, id: &RunId) -> Result<Option<Run>, StoreError> {
    table.get_one(Key::run(id)).await?.map(|item| read(&item)).transpose()
}

/// Several runs.
pub(super) async fn several(table: &Table, filter: &RunFilter, expires: i64) -> Result<Vec<Run>, StoreError> {
    match filter {
        RunFilter::Live => live(table, "", expires).await,
        RunFilter::LiveOnRef(of, git_ref) => live(table, &live_on_ref(of, git_ref), expires).await,
        RunFilter::OfCommit(of, commit) => {
            let pointers = table.under(&of_commit(of, commit), RUNS_OF_COMMIT).await?;
            oldest_first(table, &pointers).await
        }
        RunFilter::OfExecution(execution) => {
            oldest_first(table, &table.under(&execution_of(execution), "").await?).await
        }
        RunFilter::Recent(most, None) => recent(table, AFTER_ALL, *most).await,
        RunFilter::Recent(most, Some(before)) => match table.get_one(Key::run(before)).await? {
            None => Ok(Vec::new()),
            Some(item) => recent(table, text(&item, "place")?, *most).await,
        },
    }
}

async fn recent(table: &Table, before: &str, most: usize) -> Result<Vec<Run>, StoreError> {
    let items = table.newest(LIST, before, most).await?;
    Ok(items.iter().filter_map(|item| readable("run", item, read)).collect())
}

/// Follows the pointers to live runs, and puts in order what a crash left after a run's end.
async fn live(table: &Table, begins: &str, expires: i64) -> Result<Vec<Run>, StoreError> {
    let pointers = table.under(LIVE, begins).await?;
    let (live, over): (Vec<_>, Vec<_>) =
        oldest_first(table, &pointers).await?.into_iter().partition(|run| !run.state.is_terminal());
    table.tidy(over.iter().flat_map(|run| ended(run, expires)).collect()).await;
    Ok(live)
}

async fn oldest_first(table: &Table, pointers: &[Item]) -> Result<Vec<Run>, StoreError> {
    let key = |pointer: &Item| Ok(Key::run(&RunId::new(text(pointer, "run")?)?));
    let keys = pointers.iter().map(key).collect::<Result<Vec<_>, StoreError>>()?;
    let found = table.get(keys).await?;
    let mut items =
        found.values().map(|item| Ok((text(item, "place")?, item))).collect::<Result<Vec<_>, StoreError>>()?;
    items.sort_unstable_by_key(|(place, _)| *place);
    Ok(items.into_iter().filter_map(|(_, item)| readable("run", item, read)).collect())
}

/// A run from its item.
pub(super) fn read(item: &Item) -> Result<Run, StoreError> {
    parsed(item, "run")
}

/// The items of a run that is new: itself, and what leads to it.
pub(super) fn created(run: &Run, stamp: &str, expires: i64) -> Result<Vec<Item>, StoreError> {
    let written = Run { version: 1, ..run.clone() };
    let mut item = Key::run(&run.id).with([
        ("listed", s(LIST)),
        ("place", s(format!("{stamp}#{}", run.id))),
        ("version", n(1)),
        ("run", s(sized(&written)?)),
    ]);
    let key = &run.key;
    let mut of_commit = pointer(&Key::run_of_commit(&key.repository, &key.commit, &run.id), run);
    if run.state.is_terminal() {
        for item in [&mut item, &mut of_commit] {
            item.insert(EXPIRES.to_owned(), n(expires));
        }
        return Ok(vec![item, of_commit]);
    }
    Ok(vec![item, of_commit, pointer(&live_key(run), run)])
}

/// Writes a run over the version that was read. What leads to it stays: a terminal run never moves, so no run becomes live.
pub(super) fn saved(run: &Run, expires: i64) -> Result<Update, StoreError> {
    let written = Run { version: run.version + 1, ..run.clone() };
    let update = Update::of(Key::run(&run.id))
        .set("run", s(sized(&written)?))
        .set("version", n(written.version))
        .only_if("version = :read")
        .with(":read", n(run.version));
    Ok(if run.state.is_terminal() { update.set(EXPIRES, n(expires)) } else { update })
}

/// What leads to the run that the engine calls so.
pub(super) fn called(execution: &str, run: &RunId, expires: i64) -> Item {
    Key::execution(execution).with([("run", s(run.as_str())), (EXPIRES, n(expires))])
}

/// What is put in order after a run's end was written: it is live no more, and what leads to it expires when it does.
pub(super) fn ended(run: &Run, expires: i64) -> Vec<Write> {
    let mut of_commit = pointer(&Key::run_of_commit(&run.key.repository, &run.key.commit, &run.id), run);
    of_commit.insert(EXPIRES.to_owned(), n(expires));
    vec![Write::Put(of_commit), Write::Delete(live_key(run))]
}

/// The run that exists, with the deliveries that it did not know of; none when it learned of none.
pub(super) fn joined(mut existing: Run, new: &Run) -> Option<Run> {
    existing.told_again(&new.deliveries).then_some(existing)
}

fn live_key(run: &Run) -> Key {
    Key::live(&run.key.repository, &run.key.git_ref, &run.id)
}

fn pointer(key: &Key, run: &Run) -> Item {
    key.with([("run", s(run.id.as_str()))])
}

fn sized(run: &Run) -> Result<String, StoreError> {
    let json = serde_json::to_string(run)?;
    if json.len() > RUN_MAX {
        return Err(StoreError::Corrupt(format!(
            "run {} is {} bytes large, and an item of the table holds {RUN_MAX}",
            run.id,
            json.len()
        )));
    }
    Ok(json)
}
