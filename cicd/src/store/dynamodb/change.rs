//! One atomic write.
//!
//! What a change depends on is read, the change is put into parts that hold only while that is still so, and the parts are
//! written in one transaction. When somebody else was faster, the transaction says which part did not hold: that is the
//! answer, or the reason to read again. A change that decides much is written in pieces.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};
use router::id::RunId;

use self::plan::{Meaning, Plan, Planned};
use super::error::busy;
use super::item::text;
use super::patience::{Pauses, passes, patiently};
use super::table::Table;
use crate::store::{Change, Committed, StoreError};

mod pieces;
mod plan;

pub(super) use self::plan::Times;

/// Parts that one transaction may have.
const PARTS_MAX: usize = 100;

/// Writes a change.
pub(super) async fn commit(table: &Table, change: Change, times: &Times<'_>) -> Result<Committed, StoreError> {
    let mut planned = Vec::new();
    // All of it is planned before anything is written, so what cannot be decided leaves the rest as it was.
    for piece in pieces::of(change) {
        let plan = Plan::of(table, &piece, times).await?;
        planned.push((piece, plan));
    }
    for (piece, plan) in planned {
        match write(table, &piece, plan, times).await? {
            Committed::Yes => {}
            // Only the first piece can meet these: the others hold neither runs nor claims.
            refused @ (Committed::Conflict | Committed::Busy(_)) => return Ok(refused),
        }
    }
    Ok(Committed::Yes)
}

/// Writes one piece, in one transaction, by its plan or by a newer one.
async fn write(
    table: &Table,
    piece: &Change,
    mut planned: Planned,
    times: &Times<'_>,
) -> Result<Committed, StoreError> {
    let mut pauses = Pauses::default();
    loop {
        let plan = match planned {
            Planned::Write(plan) => plan,
            Planned::Held(holder) => return Ok(Committed::Busy(holder)),
        };
        match carry_out(table, plan).await? {
            Outcome::Is(committed) => return Ok(committed),
            Outcome::Again if pauses.pause().await => planned = Plan::of(table, piece, times).await?,
            Outcome::Again => return Err(busy()),
        }
    }
}

/// What became of a plan.
#[derive(Debug, PartialEq)]
enum Outcome {
    Is(Committed),
    /// What it was made of is not so any more, or another transaction was in the way.
    Again,
}

async fn carry_out(table: &Table, plan: Plan) -> Result<Outcome, StoreError> {
    table.write(plan.before).await?;
    let (meanings, items): (Vec<Meaning>, Vec<TransactWriteItem>) = plan.parts.into_iter().unzip();
    if items.len() > PARTS_MAX {
        return Err(StoreError::Corrupt(format!(
            "the change has {} parts, and one write of the table holds {PARTS_MAX}",
            items.len()
        )));
    }
    if !items.is_empty() {
        let request = table.client.transact_write_items().set_transact_items(Some(items));
        if let Err(error) = patiently(|| request.clone().send()).await {
            return match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    verdict(&meanings, cancelled.cancellation_reasons())
                }
                _ => Err(error.into()),
            };
        }
    }
    table.tidy(plan.after).await;
    Ok(Outcome::Is(Committed::Yes))
}

/// What the reasons of a transaction that was not written come to. A run of another version is told before a holder, as
/// runs are written before environments are claimed; either stays true whatever else was in the way.
fn verdict(meanings: &[Meaning], reasons: &[CancellationReason]) -> Result<Outcome, StoreError> {
    let mut again = false;
    let mut holder = None;
    for (meaning, reason) in meanings.iter().zip(reasons) {
        match (reason.code().unwrap_or("None"), meaning) {
            ("None", _) => {}
            ("ConditionalCheckFailed", Meaning::Version) => return Ok(Outcome::Is(Committed::Conflict)),
            ("ConditionalCheckFailed", Meaning::Claim) => match reason.item() {
                Some(claim) if holder.is_none() => holder = Some(RunId::new(text(claim, "run")?)?),
                _ => again = true,
            },
            ("ConditionalCheckFailed", Meaning::AsRead) => again = true,
            (code, _) if passes(code) => again = true,
            (code, _) => {
                let said = reason.message().unwrap_or("it does not say why");
                return Err(StoreError::Unavailable(format!("DynamoDB answers {code}: {said}")));
            }
        }
    }
    match holder {
        Some(holder) => Ok(Outcome::Is(Committed::Busy(holder))),
        None if again => Ok(Outcome::Again),
        None => Err(StoreError::Unavailable("DynamoDB cancels a transaction and does not say why".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::{Item, s};
    use super::*;

    fn reason(code: &str, item: Option<Item>) -> CancellationReason {
        CancellationReason::builder().code(code).set_item(item).build()
    }

    fn held() -> CancellationReason {
        reason("ConditionalCheckFailed", Some(Item::from([("run".to_owned(), s("00000000000000aa"))])))
    }

    fn said(of: &[(Meaning, CancellationReason)]) -> Result<Outcome, StoreError> {
        let (meanings, reasons): (Vec<_>, Vec<_>) = of.iter().cloned().unzip();
        verdict(&meanings, &reasons)
    }

    #[test]
    fn a_version_is_told_before_a_holder_and_a_holder_before_a_collision() {
        let none = || reason("None", None);
        let failed = || reason("ConditionalCheckFailed", None);
        let met = || reason("TransactionConflict", None);
        let busy = Outcome::Is(Committed::Busy(RunId::new("00000000000000aa").unwrap()));
        for (of, outcome) in [
            (vec![(Meaning::Version, failed()), (Meaning::Claim, held())], Outcome::Is(Committed::Conflict)),
            (vec![(Meaning::Claim, held()), (Meaning::Version, failed())], Outcome::Is(Committed::Conflict)),
            (vec![(Meaning::Version, met()), (Meaning::Claim, held())], busy),
            (vec![(Meaning::Version, none()), (Meaning::AsRead, failed())], Outcome::Again),
            (vec![(Meaning::AsRead, reason("ThrottlingError", None))], Outcome::Again),
        ] {
            assert_eq!(said(&of), Ok(outcome), "{of:?}");
        }
    }

    #[test]
    fn what_is_not_known_to_pass_is_told() {
        let refused = said(&[(Meaning::Version, reason("ItemCollectionSizeLimitExceeded", None))]).unwrap_err();
        assert!(refused.to_string().contains("ItemCollectionSizeLimitExceeded"), "{refused}");
        assert!(said(&[]).is_err(), "no reason is no success");
    }
}
