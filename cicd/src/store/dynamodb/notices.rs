//! What waits to be told to subscribers.

use jiff::Timestamp;

use super::item::{Item, n, nanoseconds, number, s, sortable, text, wrong};
use super::key::Key;
use super::table::{Table, Write};
use crate::store::{Notice, StoreError};

/// Their partition; the sort keys are times, and then ids.
const NOTICES: &str = "notices";

fn key(notice: &Notice) -> Key {
    Key::notice(NOTICES, &sortable(nanoseconds(notice.at)), &notice.id)
}

pub(super) fn item(notice: &Notice) -> Item {
    key(notice).with([
        ("id", s(&notice.id)),
        ("at", n(nanoseconds(notice.at))),
        ("subject", s(&notice.subject)),
        ("message", s(&notice.message)),
    ])
}

pub(super) async fn waiting(table: &Table, most: usize) -> Result<Vec<Notice>, StoreError> {
    let items = table.take(table.partition(NOTICES).consistent_read(true), most).await?;
    items.iter().map(read).collect()
}

pub(super) async fn told(table: &Table, notice: &Notice) -> Result<(), StoreError> {
    table.write(vec![Write::Delete(key(notice))]).await
}

fn read(item: &Item) -> Result<Notice, StoreError> {
    let text = |name| text(item, name).map(str::to_owned);
    let at = Timestamp::from_nanosecond(i128::from(number::<i64>(item, "at")?)).map_err(|_| wrong("at"))?;
    Ok(Notice { id: text("id")?, at, subject: text("subject")?, message: text("message")? })
}
