//! What the world tells, the core believes and understands; what is forged, it does not.

use jiff::Timestamp;
use router::event::{self, ChangedFiles, Delivered, Event, Push};
use router::id::{ForgeKind, GitRef};
use router::secret::Secret;
use router::verify::{Guard, Headers, Rejected, verify};

use crate::world::{Delivery, GitlabProof, Keys, Pushed, Repo, START, Work, World};

fn guard(kind: ForgeKind) -> Guard {
    let made = match kind {
        ForgeKind::Github => Guard::github([Secret::new(Keys::GITHUB)]),
        ForgeKind::Gitlab => Guard::gitlab_signed([Secret::new(Keys::GITLAB_SIGNING)]),
        ForgeKind::Local => Guard::local([Secret::new(Keys::LOCAL)]),
    };
    made.unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(START).unwrap()
}

/// As a service with this guard hears it.
fn hear(delivery: &Delivery, guard: &Guard) -> Result<Delivered, Rejected> {
    let headers = Headers::new(delivery.headers().iter().map(|(name, value)| (name, value.as_bytes().to_vec())));
    let verified = verify(guard, &headers, delivery.body(), now())?;
    Ok(event::read(delivery.kind(), &delivery.kind().default_name(), &verified))
}

fn heard(delivery: &Delivery) -> Event {
    let delivered = hear(delivery, &guard(delivery.kind())).unwrap();
    assert_eq!(delivered.id.as_str(), delivery.id());
    std::sync::Arc::unwrap_or_clone(delivered.event)
}

fn push_of(pushed: &Pushed) -> Push {
    match heard(&pushed.delivery) {
        Event::Push(push) => push,
        other => panic!("not a push: {other:?}"),
    }
}

/// A world with a repository of each kind, where `main` has a commit.
async fn everywhere() -> (World, [Repo; 3]) {
    let world = World::new().await;
    let repos = [world.github("acme/shop"), world.gitlab("platform/teams/web"), world.local("demo")];
    for repo in &repos {
        repo.push("main", |work| work.write("a", "1").write("b", "1"));
    }
    (world, repos)
}

#[tokio::test]
async fn a_push_is_understood() {
    let (_world, repos) = everywhere().await;
    for repo in repos {
        let before = repo.tip("main");
        let edit =
            |work: Work| work.write("a", "2").remove("b").write("sub/c", "1").by("eve").message("mend it\n\nall");
        let push = push_of(&repo.push("main", edit));
        assert_eq!((push.repository, push.git_ref), (repo.repository(), GitRef::Branch("main".to_owned())));
        assert_eq!((push.before, Some(push.commit)), (before, repo.tip("main")));
        assert_eq!((push.created, push.forced, push.actor.as_str()), (false, false, "eve"));
        assert_eq!(push.changed, ChangedFiles::known(["a", "b", "sub/c"]));
        assert_eq!(push.message.lines().next(), Some("mend it"));
    }
}

#[tokio::test]
async fn a_new_branch_is_understood() {
    let (_world, repos) = everywhere().await;
    for repo in repos {
        let push = push_of(&repo.branch("feature/x", "main"));
        assert!(push.created && push.before.is_none(), "{push:?}");
        assert!(matches!(push.changed, ChangedFiles::Unknown(_)), "{push:?}");
        assert_eq!(Some(push.commit), repo.tip("main"));
    }
}

#[tokio::test]
async fn a_rewritten_branch_is_understood_where_the_forge_says_so() {
    let (_world, repos) = everywhere().await;
    for repo in repos {
        let root = repo.tip("main").unwrap();
        repo.push("main", |work| work.write("a", "3"));
        let pushed = repo.force_push("main", &root, |work| work.write("b", "3"));
        let push = push_of(&pushed);
        assert_eq!(push.forced, pushed.delivery.kind() != ForgeKind::Gitlab);
    }
}

#[tokio::test]
async fn a_tag_is_its_commit() {
    let (_world, repos) = everywhere().await;
    for repo in repos {
        for pushed in [repo.tag("v1", "main"), repo.annotated_tag("v2", "main", "the second")] {
            let push = push_of(&pushed);
            assert!(push.git_ref.tag().is_some(), "{push:?}");
            assert_eq!(Some(push.commit), repo.tip("main"));
        }
    }
}

#[tokio::test]
async fn what_is_gone_is_gone() {
    let (_world, repos) = everywhere().await;
    for repo in repos {
        repo.branch("old", "main");
        repo.annotated_tag("v1", "main", "the first");
        for pushed in [repo.delete_branch("old"), repo.delete_tag("v1")] {
            assert!(matches!(heard(&pushed.delivery), Event::Deleted(_)), "{:?}", pushed.delivery.json());
        }
    }
}

#[tokio::test]
async fn a_long_push_to_gitlab_has_files_that_nobody_told() {
    let world = World::new().await;
    let repo = world.gitlab("platform/web");
    repo.push("main", |work| work.write("a", "0"));
    let pushed = repo.push_all("main", (1..=21).map(|nth| Work::default().write(&format!("f{nth}"), "x")));
    assert!(matches!(push_of(&pushed).changed, ChangedFiles::Unknown(_)));
}

#[tokio::test]
async fn requests_and_pings_are_understood() {
    let (_world, repos) = everywhere().await;
    let [hub, lab, local] = repos;
    for repo in [&hub, &lab] {
        for fork in [false, true] {
            let asked = repo.change_request(7, "main", "main", fork);
            let Event::ChangeRequest(request) = heard(&asked.delivery) else { panic!("not a request") };
            assert_eq!((request.number, request.fork, request.commit), (7, fork, Some(asked.commit)));
        }
    }
    assert!(matches!(heard(&hub.ping()), Event::Ping(_)));
    assert!(matches!(heard(&lab.ping()), Event::Other(_)));
    assert!(matches!(heard(&local.ping()), Event::Ping(_)));
}

#[tokio::test]
async fn a_form_says_the_same_as_json() {
    let (_world, [hub, ..]) = everywhere().await;
    let pushed = hub.push("main", |work| work.write("ü & =+%", "1"));
    assert_eq!(heard(&pushed.delivery.clone().as_form()), heard(&pushed.delivery));
}

#[tokio::test]
async fn what_is_forged_is_not_believed() {
    let (_world, repos) = everywhere().await;
    for repo in repos {
        let real = repo.push("main", |work| work.write("a", "4")).delivery;
        let guard = guard(real.kind());
        let mut bytes = real.body().to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        assert!(hear(&real.clone().forged(bytes), &guard).is_err());
        for proof in ["x-hub-signature-256", "webhook-signature", "x-pointsman-signature-256"] {
            if real.header(proof).is_some() {
                assert!(hear(&real.clone().without(proof), &guard).is_err(), "{proof}");
                assert!(hear(&real.clone().with(proof, "sha256=00"), &guard).is_err(), "{proof}");
            }
        }
        assert!(hear(&real, &guard).is_ok());
    }
}

#[tokio::test]
async fn gitlab_proves_itself_as_it_is_set_up() {
    let (_world, [_, lab, _]) = everywhere().await;
    let both = lab.push("main", |work| work.write("a", "5")).delivery;
    let signed = guard(ForgeKind::Gitlab);
    let plain = Guard::gitlab_token([Secret::new(Keys::GITLAB_TOKEN)]).unwrap();
    let proofs =
        [(GitlabProof::Both, true, true), (GitlabProof::Signature, true, false), (GitlabProof::Token, false, true)];
    for (proof, by_signature, by_token) in proofs {
        let delivery = both.clone().proved_by(proof);
        assert_eq!((hear(&delivery, &signed).is_ok(), hear(&delivery, &plain).is_ok()), (by_signature, by_token));
    }
}
