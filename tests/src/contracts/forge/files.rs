//! Asking which files a push changed.

use super::*;

#[tokio::test]
async fn the_files_of_a_push_are_those_that_differ() {
    for subject in Subject::every().await {
        let start = |work: crate::world::Work| {
            work.write("a", "1").write("b", "1").write("sub/c ü.txt", "a longer text, so that git sees it move")
        };
        subject.repo.push("main", start);
        let works = [
            crate::world::Work::default().write("a", "2").remove("b"),
            crate::world::Work::default().rename("sub/c ü.txt", "sub/d ü.txt").write("new", "1"),
        ];
        let pushed = subject.repo.push_all("main", works);
        let changed = subject.forge.changed_files(&subject.push(&pushed, "main")).await;
        assert_eq!(
            changed,
            Ok(ChangedFiles::known(["a", "b", "new", "sub/c ü.txt", "sub/d ü.txt"])),
            "{}",
            subject.kind
        );
    }
}

#[tokio::test]
async fn a_push_that_changes_nothing_is_known_to() {
    for subject in Subject::every().await {
        subject.first();
        let pushed = subject.repo.push("main", |work| work);
        let changed = subject.forge.changed_files(&subject.push(&pushed, "main")).await;
        assert_eq!(changed, Ok(ChangedFiles::known([""; 0])));
    }
}

#[tokio::test]
async fn a_new_branch_is_not_known() {
    for subject in Subject::every().await {
        subject.first();
        let pushed = subject.repo.branch("feature/x", "main");
        assert_eq!(pushed.before, None);
        unknown(&subject, &subject.push(&pushed, "feature/x")).await;
    }
}

#[tokio::test]
async fn rewritten_history_is_not_known() {
    for subject in Subject::every().await {
        let root = subject.first().commit;
        subject.repo.push("main", |work| work.write("a", "1"));
        let pushed = subject.repo.force_push("main", &root, |work| work.write("b", "1"));
        let said = Push { forced: true, ..subject.push(&pushed, "main") };
        unknown(&subject, &said).await;
    }
}

#[tokio::test]
async fn github_sees_rewritten_history_itself() {
    let subject = Subject::github().await;
    let root = subject.first().commit;
    subject.repo.push("main", |work| work.write("a", "1"));
    let pushed = subject.repo.force_push("main", &root, |work| work.write("b", "1"));
    unknown(&subject, &subject.push(&pushed, "main")).await;
}

#[tokio::test]
async fn gitlab_compares_tree_with_tree() {
    let subject = Subject::gitlab().await;
    let root = subject.first().commit;
    subject.repo.push("main", |work| work.write("a", "1"));
    let pushed = subject.repo.force_push("main", &root, |work| work.write("b", "1"));
    let changed = subject.forge.changed_files(&subject.push(&pushed, "main")).await;
    assert_eq!(changed, Ok(ChangedFiles::known(["a", "b"])), "the file that was dropped changed too");
}

#[tokio::test]
async fn the_files_of_a_pull_request_are_all_that_it_changes() {
    let subject = Subject::github().await;
    subject.first();
    subject.repo.branch("feature/x", "main");
    subject.repo.push("feature/x", |work| (0..120).fold(work, |work, nth| work.write(&format!("many/{nth}"), "x")));
    subject.repo.push("feature/x", |work| work.write("late ü", "1").rename("many/0", "moved"));
    let asked = subject.repo.change_request(7, "feature/x", "main", false);
    let git_ref = GitRef::new("refs/requests/7/main:feature/x").unwrap();
    let push = Push { git_ref, ..subject.push(&asked, "feature/x") };
    let ChangedFiles::Known(files) = subject.forge.changed_files(&push).await.unwrap() else { panic!("it is known") };
    assert_eq!(files.len(), 121, "{files:?}");
    assert!(["late ü", "moved", "many/119"].iter().all(|file| files.contains(*file)), "{files:?}");
    // Asked about what it was before somebody pushed again, GitHub says what it is now.
    subject.repo.push("feature/x", |work| work.write("more", "1"));
    subject.repo.change_request(7, "feature/x", "main", false);
    unknown(&subject, &push).await;
    // One that there is not.
    let gone = GitRef::new("refs/requests/8/main:feature/x").unwrap();
    unknown(&subject, &Push { git_ref: gone, ..push }).await;
}

#[tokio::test]
async fn more_files_than_a_pull_request_lists_are_not_known() {
    let subject = Subject::github().await;
    subject.first();
    subject.repo.branch("feature/x", "main");
    subject.repo.push("feature/x", |work| (0..3_100).fold(work, |work, nth| work.write(&format!("many/{nth}"), "x")));
    let asked = subject.repo.change_request(7, "feature/x", "main", false);
    let git_ref = GitRef::new("refs/requests/7/main:feature/x").unwrap();
    unknown(&subject, &Push { git_ref, ..subject.push(&asked, "feature/x") }).await;
}

#[tokio::test]
async fn more_files_than_github_lists_are_not_known() {
    let subject = Subject::github().await;
    subject.first();
    let many = |count: usize| {
        move |work| (0..count).fold(work, |work: crate::world::Work, nth| work.write(&format!("{count}/{nth}"), "x"))
    };
    let pushed = subject.repo.push("main", many(299));
    let changed = subject.forge.changed_files(&subject.push(&pushed, "main")).await.unwrap();
    assert!(matches!(changed, ChangedFiles::Known(files) if files.len() == 299));
    let pushed = subject.repo.push("main", many(301));
    unknown(&subject, &subject.push(&pushed, "main")).await;
}

#[tokio::test]
async fn a_commit_that_has_gone_is_not_known() {
    for subject in Subject::every().await {
        subject.first();
        let pushed = subject.repo.push("main", |work| work.write("a", "1"));
        let push = Push { before: Some(nobodys_commit()), ..subject.push(&pushed, "main") };
        unknown(&subject, &push).await;
    }
}

#[tokio::test]
async fn a_token_that_may_not_ask_does_not_hold_the_push_up() {
    for subject in Subject::far().await {
        subject.first();
        let pushed = subject.repo.push("main", |work| work.write("a", "1"));
        let push = subject.push(&pushed, "main");
        subject.fake().fail_next(1, Failure::Forbidden);
        unknown(&subject, &push).await;
        subject.fake().change_token("another");
        unknown(&subject, &push).await;
    }
}

#[tokio::test]
async fn an_outage_is_asked_again_later() {
    for subject in Subject::far().await {
        subject.first();
        let pushed = subject.repo.push("main", |work| work.write("a", "1"));
        let push = subject.push(&pushed, "main");
        for failure in [Failure::Status(503), Failure::Drop] {
            subject.fake().fail_next(1, failure);
            subject.forge.changed_files(&push).await.unwrap_err();
        }
        subject.fake().fail_next(1, Failure::RateLimited { retry_after: 7 });
        assert_eq!(seconds(&subject.forge.changed_files(&push).await.unwrap_err()), Some(7));
        assert_eq!(subject.forge.changed_files(&push).await, Ok(ChangedFiles::known(["a"])));
    }
}

async fn unknown(subject: &Subject, push: &Push) {
    let changed = subject.forge.changed_files(push).await;
    let Ok(ChangedFiles::Unknown(why)) = &changed else { panic!("{}: {changed:?}", subject.kind) };
    assert!(!why.is_empty() && !why.contains(FakeForge::TOKEN), "{why}");
}
