//! What waits for somebody.

use router::id::ForgeKind;
use router::run::RunState;

use super::bed::story;

#[test]
fn what_was_built_once_goes_to_test_and_through_the_gate_to_prod() {
    story(async |bed| {
        let repo = bed.repo(ForgeKind::Github, "gated");
        let pushed = repo.push("main", |work| work.write("src/b.rs", "fn b() {}\n"));
        bed.deliver(&pushed.delivery).await;
        let run = bed.run(&pushed, RunState::Waiting).await;
        let built = bed.deployed("gated", "test").expect("it is in test");
        assert_eq!(bed.deployed("gated", "prod"), None, "nobody has opened the gate");
        bed.decide(&run, "prod", "approve").await;
        bed.run(&pushed, RunState::Succeeded).await;
        assert_eq!(bed.deployed("gated", "prod"), Some(built), "a build says when it was made");
        let expected = [
            "pointsman success",
            "pointsman/application/build success",
            "pointsman/application/deploy/prod success",
            "pointsman/application/deploy/test success",
            "pointsman/application/lint success",
            "pointsman/application/test success",
        ];
        bed.shows(ForgeKind::Github, "gated", &pushed, &expected).await;
    });
}

#[test]
fn a_gate_that_is_refused_ends_the_run() {
    story(async |bed| {
        let repo = bed.repo(ForgeKind::Gitlab, "rejected");
        let pushed = repo.push("main", |work| work.write("src/b.rs", "fn b() {}\n"));
        bed.deliver(&pushed.delivery).await;
        let run = bed.run(&pushed, RunState::Waiting).await;
        bed.decide(&run, "prod", "reject").await;
        let run = bed.run(&pushed, RunState::Rejected).await;
        assert_eq!(run.because, "lee said no at prod: because");
        let expected = [
            "pointsman failed",
            "pointsman/application/build success",
            "pointsman/application/deploy/prod failed",
            "pointsman/application/deploy/test success",
            "pointsman/application/lint success",
            "pointsman/application/test success",
        ];
        bed.shows(ForgeKind::Gitlab, "rejected", &pushed, &expected).await;
        assert_eq!(bed.deployed("rejected", "prod"), None);
        bed.ends(&pushed, "Failed").await;
    });
}

#[test]
fn a_gate_that_nobody_opens_closes() {
    story(async |bed| {
        let repo = bed.repo(ForgeKind::Github, "expired");
        let pushed = repo.push("canary/a", |work| work.write("src/b.rs", "fn b() {}\n"));
        bed.deliver(&pushed.delivery).await;
        // The schedule would find it a minute later.
        bed.until("the gate waits", &pushed, async || {
            bed.runs(&pushed.commit)
                .await
                .last()
                .is_some_and(|run| run.waiting_at().is_some() || run.state.is_terminal())
        })
        .await;
        bed.until("the gate has closed", &pushed, async || {
            bed.sweep().await;
            bed.runs(&pushed.commit).await.last().is_some_and(|run| run.state.is_terminal())
        })
        .await;
        let run = bed.runs(&pushed.commit).await.pop().unwrap();
        assert_eq!(run.state, RunState::Expired, "{}", run.because);
        assert_eq!(bed.deployed("expired", "canary"), None);
        let expected = [
            "pointsman error",
            "pointsman/application/build success",
            "pointsman/application/deploy/canary error",
            "pointsman/application/lint success",
            "pointsman/application/test success",
        ];
        bed.shows(ForgeKind::Github, "expired", &pushed, &expected).await;
    });
}
