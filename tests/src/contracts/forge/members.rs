//! Who is in a team.

use router::run::Team;

use super::*;

impl Subject {
    fn team(&self, name: &str) -> Team {
        let kind = if self.kind == ForgeKind::Gitlab { "gitlab" } else { "github" };
        Team::new(&format!("{kind}:acme/{name}")).unwrap()
    }

    async fn has(&self, account: &str) -> Result<bool, TryLater> {
        let asked = self.forge.is_member(&self.team("release"), account).await;
        assert!(!format!("{asked:?}").contains(FakeForge::TOKEN));
        asked
    }
}

#[tokio::test]
async fn a_member_is_whom_the_forge_counts_now_and_nobody_who_is_called_alike() {
    for subject in Subject::far().await {
        let fake = subject.fake();
        for (account, state) in [("dana-d", "active"), ("kim", "pending"), ("lee", "blocked"), ("zoe-z", "active")] {
            fake.join("acme/release", account, state);
        }
        for (account, is_one) in [("dana-d", true), ("Dana-D", true), ("kim", false), ("lee", false), ("nobody", false)]
        {
            assert_eq!(subject.has(account).await, Ok(is_one), "{account}");
        }
        for alike in ["dana", "zoe", "zoe-", "", "a"] {
            assert_ne!(subject.has(alike).await, Ok(true), "{alike}");
        }
        for others in ["others", "releas"] {
            assert_ne!(subject.forge.is_member(&subject.team(others), "dana-d").await, Ok(true), "{others}");
        }
    }
}

#[tokio::test]
async fn a_name_that_would_lead_elsewhere_is_only_a_name() {
    for subject in Subject::far().await {
        subject.fake().join("acme/release", "dana-d", "active");
        subject.fake().join("acme/others", "eli", "active");
        for hostile in
            ["../../others/memberships/eli", "..", "dana-d?", "dana-d#", "dana-d/", "%64ana-d", "x&query=dana-d"]
        {
            assert_eq!(subject.has(hostile).await, Ok(false), "{hostile}");
        }
    }
}

#[tokio::test]
async fn a_member_is_found_among_many_who_are_called_alike() {
    let subject = Subject::gitlab().await;
    for at in 0..230 {
        subject.fake().join("acme/release", &format!("dana-{at:03}"), "active");
    }
    assert_eq!(subject.has("dana-229").await, Ok(true));
    assert_eq!(subject.has("dana-").await, Ok(false));
    for at in 230..600 {
        subject.fake().join("acme/release", &format!("dana-{at:03}"), "active");
    }
    assert!(subject.has("dana-").await.unwrap_err().why.contains("too many members"));
}

#[tokio::test]
async fn a_forge_that_does_not_say_lets_nobody_in() {
    for subject in Subject::far().await {
        subject.fake().join("acme/release", "dana-d", "active");
        for failure in [Failure::Status(503), Failure::Drop, Failure::Forbidden, Failure::TooMany] {
            subject.fake().fail_next(1, failure.clone());
            let later = subject.has("dana-d").await.unwrap_err();
            let names_the_right = later.why.contains("Members: read");
            let is_githubs_right = subject.kind == ForgeKind::Github && failure == Failure::Forbidden;
            assert_eq!(names_the_right, is_githubs_right, "{later:?}");
        }
        subject.fake().change_token("another");
        assert!(subject.has("dana-d").await.unwrap_err().why.contains("token"));
    }
    let local = Subject::local().await;
    assert_eq!(local.has("dana-d").await, Ok(false));
}
