//! Being refused.

use super::*;

fn fine() -> Status {
    status(StatusState::Success, "fine")
}

#[tokio::test]
async fn a_vanished_repository_is_never_shown() {
    for subject in Subject::far().await {
        let commit = subject.first();
        subject.fake().lose(subject.path);
        let told = subject.tell(&commit, &fine()).await;
        assert!(matches!(told, Ok(Told::Never(_))), "{told:?}");
    }
}

#[tokio::test]
async fn a_vanished_commit_ends() {
    for subject in Subject::far().await {
        let commit = Commit { commit: nobodys_commit(), ..subject.first() };
        match subject.tell(&commit, &fine()).await {
            Ok(told) => assert!(matches!(told, Told::Never(_)), "{told:?}"),
            // GitHub says the same of a commit that it does not know yet.
            Err(later) => assert_eq!((later.gives_up_after, seconds(&later)), (Some(5), Some(5))),
        }
    }
}

#[tokio::test]
async fn a_commit_that_is_not_everywhere_yet_is_told_of_later() {
    let subject = Subject::github().await;
    let commit = subject.first();
    subject.fake().fail_next(1, Failure::NotYet);
    assert_eq!(seconds(&subject.tell(&commit, &fine()).await.unwrap_err()), Some(5));
    assert_eq!(subject.tell(&commit, &fine()).await, Ok(Told::Shown));
}

#[tokio::test]
async fn a_token_that_is_not_known_is_waited_for() {
    for subject in Subject::far().await {
        let commit = subject.first();
        subject.fake().change_token("another");
        let later = subject.tell(&commit, &fine()).await.unwrap_err();
        assert!(later.why.contains("token") && later.wait >= Some(Duration::from_secs(300)), "{later:?}");
        assert_eq!(later.gives_up_after, None);
        subject.fake().change_token(FakeForge::TOKEN);
        assert_eq!(subject.tell(&commit, &fine()).await, Ok(Told::Shown));
    }
}

#[tokio::test]
async fn a_token_that_may_not_is_said_so_once() {
    for subject in Subject::far().await {
        let commit = subject.first();
        subject.fake().fail_next(1, Failure::Forbidden);
        let told = subject.tell(&commit, &fine()).await;
        assert!(matches!(&told, Ok(Told::Never(why)) if why.contains("403")), "{told:?}");
    }
}

#[tokio::test]
async fn a_rate_limit_is_kept_and_not_slept_through() {
    for subject in Subject::far().await {
        let commit = subject.first();
        for (asked, kept) in [(0, 1), (42, 42), (1_000_000, 3600)] {
            // What no time is named for is a minute on GitLab, whose answers always name one.
            let kept = if asked == 0 && subject.kind == ForgeKind::Gitlab { 60 } else { kept };
            subject.fake().fail_next(1, Failure::RateLimited { retry_after: asked });
            let later = subject.tell(&commit, &fine()).await.unwrap_err();
            assert_eq!((seconds(&later), later.gives_up_after), (Some(kept), None), "{later:?}");
        }
        assert_eq!(subject.tell(&commit, &fine()).await, Ok(Told::Shown));
    }
}

#[tokio::test]
async fn a_rate_limit_without_a_time_is_a_minute() {
    for subject in Subject::far().await {
        let commit = subject.first();
        subject.fake().fail_next(1, Failure::TooMany);
        assert_eq!(seconds(&subject.tell(&commit, &fine()).await.unwrap_err()), Some(60));
    }
}

#[tokio::test]
async fn githubs_used_up_hour_is_waited_for_by_githubs_clock() {
    let subject = Subject::github().await;
    let commit = subject.first();
    subject.fake().fail_next(1, Failure::UsedUp { renews_in: 1234 });
    let later = subject.tell(&commit, &fine()).await.unwrap_err();
    assert_eq!(seconds(&later), Some(1234), "{later:?}");
}

#[tokio::test]
async fn an_outage_is_told_of_later() {
    for subject in Subject::far().await {
        let commit = subject.first();
        for failure in [Failure::Status(500), Failure::Status(502), Failure::Status(503), Failure::Drop] {
            subject.fake().fail_next(1, failure.clone());
            let later = subject.tell(&commit, &fine()).await.unwrap_err();
            assert_eq!((&later.wait, later.gives_up_after), (&None, None), "{failure:?}: {later:?}");
        }
        assert_eq!(subject.tell(&commit, &fine()).await, Ok(Told::Shown));
    }
}

#[tokio::test]
async fn every_call_is_made_once() {
    for subject in Subject::far().await {
        let commit = subject.first();
        let failures = [Failure::Status(500), Failure::Drop, Failure::RateLimited { retry_after: 1 }, Failure::Locked];
        for (nth, failure) in failures.into_iter().enumerate() {
            subject.fake().fail_next(3, failure);
            subject.tell(&commit, &fine()).await.unwrap_err();
            assert_eq!((subject.fake().calls().len(), subject.fake().recover()), (nth + 1, 2));
        }
    }
}

#[tokio::test]
async fn a_token_that_the_forge_repeats_is_masked() {
    for subject in Subject::far().await {
        let commit = subject.first();
        subject.fake().fail_next(1, Failure::Echo);
        let told = subject.tell(&commit, &fine()).await;
        assert!(matches!(&told, Ok(Told::Never(why)) if why.contains("from ***")), "{told:?}");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_told_of_later() {
    let subject = Subject::gitlab().await;
    let commit = subject.first();
    let nowhere = {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let token = || Secret::new(FakeForge::TOKEN);
    let gitlab = Gitlab::new(GitlabSettings { url: nowhere.parse().unwrap(), token: token() }).unwrap();
    let api_url = Some(format!("{nowhere}/api/v3").parse().unwrap());
    let github = Github::new(GithubSettings { api_url, web_url: None, token: token() }).unwrap();
    for forge in [&gitlab as &dyn Forge, &github] {
        let later = forge.set_status(&commit, &fine()).await.unwrap_err();
        assert!(later.why.contains("reached") && !later.why.contains(FakeForge::TOKEN), "{later:?}");
    }
}

#[tokio::test]
async fn a_locked_commit_is_told_of_soon() {
    let subject = Subject::gitlab().await;
    let commit = subject.first();
    subject.fake().fail_next(1, Failure::Locked);
    let later = subject.tell(&commit, &fine()).await.unwrap_err();
    assert!(later.wait <= Some(Duration::from_secs(5)) && later.wait.is_some(), "{later:?}");
}

#[tokio::test]
async fn githubs_thousandth_status_of_a_context_is_the_last() {
    let subject = Subject::github().await;
    let commit = subject.first();
    subject.fake().fill_up(subject.path, &commit.commit, &fine().context);
    let told = subject.tell(&commit, &fine()).await;
    assert!(matches!(&told, Ok(Told::Never(why)) if why.contains("maximum number of statuses")), "{told:?}");
}

#[tokio::test]
async fn a_branch_that_never_was_is_never_shown_on_gitlab() {
    let subject = Subject::gitlab().await;
    let commit = Commit { git_ref: GitRef::new("refs/heads/nobody").unwrap(), ..subject.first() };
    let told = subject.tell(&commit, &fine()).await;
    assert!(matches!(told, Ok(Told::Never(_))), "{told:?}");
}
