//! Runs that begin.

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use router::event::{Author, ChangedFiles, Push};
use router::id::{CommitId, GitRef, Repository};
use router::run::Team;
use router::status::Status;

use super::super::sample::{main_run, run};
use super::*;
use crate::forge::{Archive, CloneFrom, Forge, NoArchive, Told, TryLater};
use crate::store::Commit;

/// A forge with one file. Commit `eee...` is gone, `ddd...` breaks off.
pub(super) struct Files;

#[async_trait]
impl Forge for Files {
    async fn set_status(&self, _: &Commit, _: &Status) -> Result<Told, TryLater> {
        Ok(Told::Shown)
    }

    async fn changed_files(&self, push: &Push) -> Result<ChangedFiles, TryLater> {
        Ok(push.changed.clone())
    }

    async fn own_file(&self, _: &Repository, _: &str) -> Result<Option<String>, TryLater> {
        Ok(None)
    }

    async fn archive(&self, _: &Repository, commit: &CommitId) -> Result<Archive, NoArchive> {
        if commit.as_str().starts_with('e') {
            return Err(NoArchive::Gone("commit eeeeeeee of acme/shop is gone".to_owned()));
        }
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_size(3);
        header.set_mode(0o644);
        tar.append_data(&mut header, "shop/a.txt", &b"one"[..]).unwrap();
        let mut whole = tar.into_inner().unwrap().finish().unwrap();
        if commit.as_str().starts_with('d') {
            whole.truncate(whole.len() - 10);
        }
        let parts: Vec<_> = whole.chunks(7).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
        Ok(Box::pin(futures::stream::iter(parts)))
    }

    async fn rewrote(&self, push: &Push) -> Result<bool, TryLater> {
        Ok(push.forced)
    }

    async fn tip(&self, _: &Repository, _: &GitRef) -> Result<Option<CommitId>, TryLater> {
        Ok(None)
    }

    async fn branches(&self, _: &Repository) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater> {
        Ok(None)
    }

    async fn tags(&self, _: &Repository) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater> {
        unreachable!("an engine asks for no tags")
    }
    async fn author(&self, _: &Repository, _: &CommitId) -> Result<Author, TryLater> {
        unreachable!("an engine asks for no author")
    }
    async fn missing(&self, _: &Commit, _: &[Status]) -> Result<Vec<Status>, TryLater> {
        Ok(Vec::new())
    }

    async fn is_member(&self, _: &Team, _: &str) -> Result<bool, TryLater> {
        unreachable!("an engine asks for no members")
    }

    fn fetch_from(&self, _: &Repository) -> Option<CloneFrom> {
        None
    }
}

fn of_commit(digit: &str) -> Run {
    let mut run = main_run();
    run.key.commit = digit.repeat(40).parse().unwrap();
    run
}

#[tokio::test]
async fn a_run_is_started_with_its_commit_and_its_variables() {
    let mut world = World::new().await;
    let run = main_run();
    assert_eq!(world.engine.start(&run).await.unwrap(), []);
    let told = world.events.recv().await.unwrap();
    assert_eq!(
        told,
        EngineEvent { run: run.id.clone(), event: RunEvent::Executing { execution: EXECUTION.to_owned() } }
    );
    let asked = world.aws.asked("StartPipelineExecution").remove(0);
    assert_eq!(asked["name"], "pointsman-application");
    assert_eq!(asked["clientRequestToken"], names::token(&run.id));
    let key = names::source_key(&run.key.repository, &run.key.commit);
    let revisions = json!([
        {"actionName": "source", "revisionType": "S3_OBJECT_KEY", "revisionValue": key},
        {"actionName": "source", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": "v-1"},
    ]);
    assert_eq!(asked["sourceRevisions"], revisions);
    assert!(asked["variables"].as_array().unwrap().contains(&json!({"name": "STAGES", "value": ",lint,test,"})));
    assert!(asked["variables"].as_array().unwrap().contains(&json!({"name": "TAG", "value": " "})));
    let objects = world.aws.objects.lock().unwrap();
    let zip = objects.get(&format!("/sources/{key}")).expect("the commit's files are in the bucket");
    let zip = zip::ZipArchive::new(std::io::Cursor::new(zip.as_slice())).unwrap();
    assert_eq!(zip.file_names().map(|name| name.unwrap().into_owned()).collect::<Vec<_>>(), ["a.txt"]);
}

#[tokio::test]
async fn a_commit_that_is_there_is_not_fetched_again() {
    let world = World::inline().await;
    let gone_by_now = of_commit("e");
    let key = names::source_key(&gone_by_now.key.repository, &gone_by_now.key.commit);
    world.aws.objects.lock().unwrap().insert(format!("/sources/{key}"), Vec::new());
    let told = world.engine.start(&gone_by_now).await.unwrap();
    assert_eq!(told, [RunEvent::Executing { execution: EXECUTION.to_owned() }]);
}

#[tokio::test]
async fn a_full_pipeline_is_tried_again_and_the_oldest_run_goes_first() {
    let mut world = World::new().await;
    let start = "StartPipelineExecution";
    world.aws.says_now(start, Err("ThrottlingException"));
    let older = main_run();
    let newer = Run {
        id: "0123456789abcdef".parse().unwrap(),
        created_at: older.created_at + jiff::SignedDuration::from_secs(1),
        ..older.clone()
    };
    world.engine.start(&older).await.unwrap();
    while world.aws.asked(start).is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    world.engine.start(&newer).await.unwrap();
    assert_eq!(world.engine.start(&newer).await.unwrap(), [], "it is being started already");
    assert_eq!(world.engine.look(&newer).await.unwrap().sight, Sight::AtWork);
    for code in ["ConcurrentPipelineExecutionsLimitExceededException", "ConflictException", "InternalFailure"] {
        world.aws.says(start, Err(code));
    }
    world.aws.says(start, Ok(json!({"pipelineExecutionId": EXECUTION})));
    let mut order = Vec::new();
    while order.len() < 2 {
        order.push(world.events.recv().await.unwrap().run);
    }
    assert_eq!(order, [older.id.clone(), newer.id.clone()]);
    let tokens: Vec<_> = world.aws.asked(start).iter().map(|it| it["clientRequestToken"].clone()).collect();
    let (last, before) = tokens.split_last().unwrap();
    assert!(before.iter().all(|token| *token == names::token(&older.id).as_str()), "nobody overtakes");
    assert_eq!(*last, names::token(&newer.id).as_str());
}

#[tokio::test]
async fn a_start_that_a_process_does_not_outlive_says_so_at_once() {
    let world = World::inline().await;
    for code in ["ThrottlingException", "ConcurrentPipelineExecutionsLimitExceededException", "ConflictException"] {
        world.aws.says_now("StartPipelineExecution", Err(code));
        let refused = world.engine.start(&main_run()).await.unwrap_err();
        assert!(matches!(&refused, EngineError::Unavailable(why) if why.contains(code)), "{refused}");
    }
    world.aws.says_now("StartPipelineExecution", Err("PipelineNotFoundException"));
    let refused = world.engine.start(&main_run()).await.unwrap_err();
    assert!(matches!(&refused, EngineError::Refused(why) if why.contains("pointsman-application")), "{refused}");
}

#[tokio::test]
async fn what_never_can_be_started_ends_its_run() {
    let mut world = World::new().await;
    let mut told = async |run: &Run| {
        world.engine.start(run).await.unwrap();
        match world.events.recv().await.unwrap().event {
            RunEvent::Failed { why } => why,
            other => panic!("{other:?}"),
        }
    };
    assert!(told(&of_commit("e")).await.contains("eeeeeeee of acme/shop is gone"));
    let mut elsewhere = main_run();
    elsewhere.key.repository.forge = "work".parse().unwrap();
    assert!(told(&elsewhere).await.contains("the forge work has no token"));
    let mut wordy = main_run();
    wordy.actor = "a\nb".to_owned();
    assert!(matches!(world.engine.start(&wordy).await, Err(EngineError::Refused(why)) if why.contains("ACTOR")));
    assert!(world.aws.asked("StartPipelineExecution").is_empty());
}

#[tokio::test]
async fn a_bucket_without_versions_is_refused_in_words_that_help() {
    let world = World::inline().await;
    *world.aws.versions.lock().unwrap() = false;
    let refused = world.engine.start(&main_run()).await.unwrap_err().to_string();
    assert!(refused.contains("the source bucket sources keeps no versions"), "{refused}");
    assert!(refused.contains("put-bucket-versioning --bucket sources"), "{refused}");
}

/// In the binary behind a queue: whoever waited here would hold up everything behind it.
#[tokio::test]
async fn a_forge_that_does_not_know_the_commit_yet_is_not_waited_for_and_later_believed() {
    let world = World::inline().await;
    let pushed_now = |digit| Run { created_at: world.clock.now(), ..of_commit(digit) };
    for (digit, doubted, word) in [("e", config().gone_after, "gone"), ("d", config().broken_after, "not whole")] {
        let run = pushed_now(digit);
        let young = world.engine.start(&run).await.unwrap_err();
        assert!(matches!(&young, EngineError::NotYet(why) if why.contains(word)), "{young}");
        world.clock.advance_seconds(doubted.as_secs());
        let old = world.engine.start(&run).await.unwrap_err();
        assert!(matches!(&old, EngineError::Refused(why) if why.contains(word)), "{old}");
    }
    assert!(world.aws.asked("StartPipelineExecution").is_empty());
    assert!(world.aws.objects.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_commit_that_comes_a_moment_later_is_started() {
    let mut world = World::new().await;
    let run = Run { created_at: world.clock.now(), ..of_commit("e") };
    world.engine.start(&run).await.unwrap();
    assert_eq!(world.engine.look(&run).await.unwrap().sight, Sight::AtWork);
    let key = names::source_key(&run.key.repository, &run.key.commit);
    world.aws.objects.lock().unwrap().insert(format!("/sources/{key}"), Vec::new());
    assert_eq!(world.events.recv().await.unwrap().event, RunEvent::Executing { execution: EXECUTION.to_owned() });
}

#[tokio::test]
async fn a_run_that_is_stopped_while_it_waits_is_not_started() {
    let world = World::new().await;
    world.aws.says_now("StartPipelineExecution", Err("ThrottlingException"));
    let run = main_run();
    world.engine.start(&run).await.unwrap();
    while world.aws.asked("StartPipelineExecution").is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    world.engine.stop(&run).await.unwrap();
    assert_eq!(world.engine.look(&run).await.unwrap().sight, Sight::Idle);
    let tried = world.aws.asked("StartPipelineExecution").len();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.aws.asked("StartPipelineExecution").len(), tried);
    world.engine.start(&run).await.unwrap();
    world.engine.leave().await;
    assert_eq!(world.engine.look(&run).await.unwrap().sight, Sight::Idle);
}

#[tokio::test]
async fn a_long_branch_and_a_hostile_one_are_sent_as_they_are() {
    let world = World::inline().await;
    let name = format!("{}#{{variables.RUN}}", "b".repeat(230));
    let run = run(router::id::GitRef::Branch(name.clone()), &["lint"], &[]);
    world.engine.start(&run).await.unwrap();
    let asked = world.aws.asked("StartPipelineExecution").remove(0);
    assert!(asked["variables"].as_array().unwrap().contains(&json!({"name": "BRANCH", "value": name})));
}
