//! One action is done, in a task of its own.

use std::sync::Weak;

use tokio_util::sync::CancellationToken;

use super::artifact::Artifact;
use super::machine::end::{self, End};
use super::machine::{Order, Turn};
use super::shell::Hands;
use super::{source, topic};
use crate::wire::Wire;
use crate::wire::action::{ActionEnd, ActionTaken, ActionWork};

/// Does an action, and tells the core how it ended.
pub(super) async fn perform(wire: Weak<Wire>, hands: Hands, order: Order, stop: CancellationToken) {
    let kind = &order.run.action.action_type_id;
    let ended = match (kind.category.as_str(), kind.owner.as_str(), kind.provider.as_str()) {
        ("Approval", _, _) => announce(&wire, &hands, &order).await,
        ("Source", "AWS", "S3") => stop.run_until_cancelled(with_folder(&hands, &order, true, &wire, &stop)).await,
        _ => Some(with_folder(&hands, &order, false, &wire, &stop).await),
    };
    if stop.is_cancelled() {
        return;
    }
    if let Some(ended) = ended {
        hear(&wire, &order, |pipeline, turn| end::heard(pipeline, &order.execution, &order.run.id, ended, turn));
    }
}

/// Tells the core something of the order's execution, if the wire and the pipeline are still there.
fn hear(wire: &Weak<Wire>, order: &Order, tell: impl FnOnce(&mut super::book::Pipeline, &mut Turn<'_>)) {
    let Some(wire) = wire.upgrade() else { return };
    let heard = wire.turn(|book, turn| {
        if let Some(pipeline) = book.pipelines.get_mut(&order.pipeline) {
            tell(pipeline, turn);
        }
        Ok(())
    });
    debug_assert!(heard.is_ok());
}

/// Announces an approval where it says so. It ends when somebody answers, unless it could not be announced.
async fn announce(wire: &Weak<Wire>, hands: &Hands, order: &Order) -> Option<End> {
    let arn = order.run.resolved.get("NotificationArn")?;
    let locality = wire.upgrade()?.locality.clone();
    let notice = topic::notice(order, &locality);
    let failure = topic::publish(hands.topics.as_deref(), arn, &notice).await.err()?;
    Some(ActionEnd::failed(&failure.code, failure.message).into())
}

/// Does an action that needs a folder, and takes what it left out of there.
async fn with_folder(hands: &Hands, order: &Order, source: bool, wire: &Weak<Wire>, stop: &CancellationToken) -> End {
    let here =
        |error: std::io::Error| ActionEnd::failed("SystemUnavailable", format!("this machine cannot go on: {error}"));
    let folder = match hands.room.folder(&order.run.id).await {
        Ok(folder) => folder,
        Err(error) => return here(error).into(),
    };
    let mut ended = if source {
        source::fetch(hands.objects.as_ref(), order, &folder).await
    } else {
        let (weak, order_of_taken) = (wire.clone(), order.clone());
        let taken = Box::new(move |taken: ActionTaken| {
            hear(&weak, &order_of_taken, |pipeline, _| {
                end::taken(pipeline, &order_of_taken.execution, &order_of_taken.run.id, taken);
            });
        });
        hands.act.act(work(order, folder.clone(), stop), taken).await.into()
    };
    for (name, zip) in std::mem::take(&mut ended.end.outputs) {
        match hands.room.take(&zip).await {
            Ok(zip) => ended.zips.push((name, zip)),
            Err(error) => ended = here(error).into(),
        }
    }
    hands.room.clear(&folder).await;
    ended
}

fn work(order: &Order, folder: std::path::PathBuf, stop: &CancellationToken) -> ActionWork {
    let run = &order.run;
    ActionWork {
        pipeline: order.pipeline.clone(),
        execution: order.execution.clone(),
        stage: order.stage.clone(),
        action: run.action.name.clone(),
        action_execution: run.id.clone(),
        kind: run.action.action_type_id.clone(),
        configuration: run.resolved.clone(),
        namespace: run.action.namespace.clone(),
        role: run.action.role_arn.clone(),
        inputs: run.inputs.iter().filter_map(Artifact::given).collect(),
        outputs: run.outputs.iter().map(|output| output.name.clone()).collect(),
        folder,
        stop: stop.clone(),
    }
}
