//! What the store's documentation says that its calls cost, in requests.

use cicd::store::{Change, RunFilter, Settled, Store};
use router::status::StatusState;

use super::{Table, end, quiet, samples};

#[tokio::test]
async fn each_call_costs_the_requests_that_are_promised() {
    let table = Table::fresh();
    let (store, between) = table.troubled().await;
    let costs = |call: &str, requests: &[&str]| assert_eq!(between.asked(), requests, "{call}");

    store.remember(&samples::delivery(1)).await.unwrap();
    costs("remember", &["BatchWriteItem", "PutItem"]);
    store.undecided(9).await.unwrap();
    costs("undecided", &["Query", "BatchGetItem"]);
    store.original(&samples::delivery_id(1)).await.unwrap();
    costs("original", &["Query", "BatchGetItem"]);
    store.commit(samples::start(1)).await.unwrap();
    costs("commit, a start", &["BatchGetItem", "TransactWriteItems", "BatchWriteItem"]);
    store.undecided(9).await.unwrap();
    costs("undecided, nothing found", &["Query"]);
    store.remember(&samples::delivery(1)).await.unwrap();
    costs("remember, seen before", &["BatchWriteItem", "PutItem", "UpdateItem", "BatchWriteItem"]);

    let run = store.run(&samples::run(1).id).await.unwrap().unwrap();
    costs("run", &["GetItem"]);
    let executions = vec![("e-1".to_owned(), run.id.clone())];
    let step = Change { runs: vec![run], executions, owed: vec![samples::commit(1)], ..Change::default() };
    store.commit(step).await.unwrap();
    costs("commit, a step", &["BatchGetItem", "TransactWriteItems"]);
    store.delivery(&samples::delivery_id(1)).await.unwrap();
    costs("delivery", &["Query"]);
    store.decision_for(&samples::commit(1)).await.unwrap();
    costs("decision_for", &["Query", "GetItem"]);
    store.deliveries(9, None).await.unwrap();
    costs("deliveries", &["Query", "BatchGetItem"]);
    store.deliveries(9, Some(&samples::delivery_id(1))).await.unwrap();
    costs("deliveries before one, none left", &["Query", "Query"]);
    for filter in [
        RunFilter::Live,
        RunFilter::LiveOnRef(samples::shop(), samples::commit(1).git_ref),
        RunFilter::OfCommit(samples::shop(), samples::commit_id(1)),
        RunFilter::OfExecution("e-1".to_owned()),
        RunFilter::Recent(9, None),
    ] {
        assert_eq!(store.runs(filter.clone()).await.unwrap().len(), 1);
        costs(&format!("{filter:?}"), &["Query", "BatchGetItem"]);
    }
    let debt = store.owed(samples::noon(), 9).await.unwrap().remove(0);
    costs("owed", &["Query", "Query", "BatchGetItem"]);
    let told = [samples::status("pointsman", StatusState::Pending)];
    store.settle(&debt, &told, Settled::Paid).await.unwrap();
    costs("settle", &["UpdateItem", "UpdateItem"]);
    store.owed(samples::noon(), 9).await.unwrap();
    costs("owed, nothing due", &["Query", "Query"]);
    store.backlog().await.unwrap();
    costs("backlog, a run is live", &["Query", "Query", "BatchGetItem", "Query"]);
    store.ready().await.unwrap();
    costs("ready", &["UpdateItem"]);
    end(&store, 1).await;
    costs("the run is read, and commit, its end", &["GetItem", "TransactWriteItems", "BatchWriteItem"]);

    for n in 2..19 {
        store.remember(&samples::delivery(n)).await.unwrap();
    }
    between.asked();
    store.commit(quiet(2..19)).await.unwrap();
    let written = ["TransactWriteItems", "BatchWriteItem"];
    costs("commit, seventeen decisions", &[["BatchGetItem"; 2], written, written].concat());
}
