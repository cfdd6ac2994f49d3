//! Telling.

use super::*;

#[tokio::test]
async fn each_state_is_shown_in_the_forges_own_word() {
    for subject in Subject::every().await {
        let commit = subject.first();
        for state in EACH_STATE {
            assert_eq!(subject.tell(&commit, &status(state, "as it is")).await, Ok(Told::Shown));
        }
        if subject.kind != ForgeKind::Local {
            let states: Vec<_> = subject.fake().shown(subject.path, &commit.commit);
            let states: Vec<_> = states.iter().map(|shown| shown.state.as_str()).collect();
            assert_eq!(states, EACH_STATE.map(|state| word(subject.kind, state)));
        }
    }
}

#[tokio::test]
async fn what_is_shown_is_what_was_told() {
    for subject in Subject::far().await {
        let commit = subject.first();
        let told = status(StatusState::Success, "3 stages in 2m10s");
        assert_eq!(subject.tell(&commit, &told).await, Ok(Told::Shown));
        let shown = subject.fake().shown(subject.path, &commit.commit).remove(0);
        assert_eq!((shown.context, shown.description, shown.url), (told.context, told.description, told.url));
    }
}

#[tokio::test]
async fn telling_the_same_again_is_shown() {
    for subject in Subject::every().await {
        let commit = subject.first();
        for state in EACH_STATE {
            for _twice in 0..2 {
                assert_eq!(subject.tell(&commit, &status(state, "as it is")).await, Ok(Told::Shown), "{state:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_step_back_to_pending_is_shown_as_far_as_the_forge_can() {
    for subject in Subject::every().await {
        let commit = subject.first();
        for state in [StatusState::Running, StatusState::Pending, StatusState::Success] {
            assert_eq!(subject.tell(&commit, &status(state, "as it is")).await, Ok(Told::Shown), "{state:?}");
        }
        if subject.kind != ForgeKind::Local {
            let latest = subject.fake().latest(subject.path, &commit.commit);
            assert_eq!(latest["pointsman/application/test"].0, "success");
        }
    }
}

#[tokio::test]
async fn long_words_are_cut_and_not_refused() {
    for subject in Subject::every().await {
        let commit = subject.first();
        for long in ["x".repeat(5000), "ü".repeat(141), "🚀".repeat(300), format!("a{}", "€".repeat(200))] {
            for state in [StatusState::Success, StatusState::Failure] {
                assert_eq!(subject.tell(&commit, &status(state, &long)).await, Ok(Told::Shown));
            }
            if subject.kind != ForgeKind::Local {
                let shown = subject.fake().latest(subject.path, &commit.commit);
                let (_, description) = &shown["pointsman/application/test"];
                assert!(description.ends_with('…') && description.chars().count() > 60, "{description}");
            }
        }
    }
}

#[tokio::test]
async fn a_status_without_a_link_is_shown() {
    for subject in Subject::every().await {
        let commit = subject.first();
        let bare = Status { url: String::new(), ..status(StatusState::Success, "") };
        assert_eq!(subject.tell(&commit, &bare).await, Ok(Told::Shown));
    }
}

#[tokio::test]
async fn a_branch_name_that_a_shell_would_run_is_a_name() {
    for subject in Subject::every().await {
        subject.first();
        let branch = "x;echo${IFS}hi|sh&#+%20";
        let pushed = subject.repo.push(branch, |work| work.write("a", "b"));
        let commit = subject.commit(&pushed, &format!("refs/heads/{branch}"));
        assert_eq!(subject.tell(&commit, &status(StatusState::Success, "fine")).await, Ok(Told::Shown));
        if subject.kind == ForgeKind::Gitlab {
            let shown = subject.fake().shown(subject.path, &commit.commit).remove(0);
            assert_eq!(shown.git_ref.as_deref(), Some(branch));
        }
    }
}

#[tokio::test]
async fn a_tag_is_told_of_by_its_commit() {
    for subject in Subject::every().await {
        subject.first();
        let tagged = subject.repo.annotated_tag("v1.0.0", "main", "the first");
        let commit = subject.commit(&tagged, "refs/tags/v1.0.0");
        assert_eq!(subject.tell(&commit, &status(StatusState::Success, "fine")).await, Ok(Told::Shown));
    }
}

#[tokio::test]
async fn statuses_of_one_commit_stay_in_one_pipeline() {
    let subject = Subject::gitlab().await;
    let commit = subject.first();
    for state in [StatusState::Pending, StatusState::Running, StatusState::Success] {
        assert_eq!(subject.tell(&commit, &status(state, "as it is")).await, Ok(Told::Shown));
    }
    // The fake refuses another pipeline than the commit's own; that it changed is what a forgotten one looks like.
    subject.fake().forget_pipelines(subject.path);
    let told = status(StatusState::Failure, "again");
    subject.tell(&commit, &told).await.unwrap_err();
    assert_eq!(subject.tell(&commit, &told).await, Ok(Told::Shown));
}

#[tokio::test]
async fn git_can_fetch_with_what_it_is_given() {
    for subject in Subject::far().await {
        let commit = subject.first();
        let from = subject.forge.fetch_from(&commit.repository).unwrap();
        let authorization = from.authorization.unwrap();
        assert!(!from.url.contains(FakeForge::TOKEN), "{}", from.url);
        let header = format!("Authorization: {}", authorization.expose_str().unwrap());
        let folder = subject.world.folder("clone");
        let id = commit.commit.as_str();
        let fetch = ["fetch", "--quiet", "--depth=1", &from.url, id];
        let git = |args: &[&str], header: &str| {
            let mut git = tokio::process::Command::new("git");
            git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_TERMINAL_PROMPT", "0").current_dir(&folder).args(args);
            git.env("GIT_CONFIG_COUNT", "1")
                .env("GIT_CONFIG_KEY_0", "http.extraHeader")
                .env("GIT_CONFIG_VALUE_0", header);
            git.output()
        };
        assert!(git(&["init", "--quiet"], "X-None: 1").await.unwrap().status.success());
        assert!(!git(&fetch, "X-None: 1").await.unwrap().status.success(), "nobody fetches without the token");
        assert!(git(&fetch, &header).await.unwrap().status.success());
        let read = git(&["show", "FETCH_HEAD:README.md"], "X-None: 1").await.unwrap();
        assert_eq!(read.stdout, b"hello");
    }
}

#[tokio::test]
async fn a_local_repository_is_fetched_from_where_the_rules_say() {
    let subject = Subject::local().await;
    let from = subject.forge.fetch_from(&subject.repo.repository()).unwrap();
    assert_eq!(from.url, subject.repo.bare().to_str().unwrap());
    assert!(from.authorization.is_none());
    let other = subject.world.local("other").repository();
    assert!(subject.forge.fetch_from(&other).is_none());
}
