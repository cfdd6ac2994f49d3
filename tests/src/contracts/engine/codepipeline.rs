//! The engine on AWS, with the wire as `CodePipeline` and `CodeBuild` and moto as S3.
//!
//! What the service does is done here: what the engine tells and hears is judged by the run, saved, and told.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, VersioningConfiguration,
};
use cicd::clock::SystemClock;
use cicd::engine::codepipeline::{Clients, CodePipelineConfig, CodePipelineEngine, names};
use cicd::forge::local::Local as LocalForge;
use cicd::forge::{Forge, Forges};
use cicd::store::sqlite::SqliteStore;
use cicd::store::{Change, Committed, Store};
use cicd::wire::front::{Front, FrontConfig};
use cicd::wire::{Locality, router};
use router::run::Applied;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::local::{commit, git, processes_of};
use super::*;
use crate::world::aws;

const REGION: &str = "eu-central-1";
const PREFIX: &str = "p";

/// An engine, and the AWS that it knows.
struct OnAws {
    engine: Arc<CodePipelineEngine>,
    front: Arc<Front>,
    store: Arc<SqliteStore>,
    bucket: String,
    events: mpsc::Receiver<EngineEvent>,
    passing: mpsc::Sender<EngineEvent>,
    /// Held while a run is read and written.
    saving: Arc<Mutex<()>>,
    repository: tempfile::TempDir,
    data: tempfile::TempDir,
    commits: usize,
}

fn shared(endpoint: &str) -> SdkConfig {
    let keys = Credentials::new("key", "secret", None, None, "the tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(cicd::outbound::for_aws())
        .endpoint_url(endpoint)
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .build()
}

/// A bucket of its own that keeps versions.
async fn bucket(s3: &aws_sdk_s3::Client) -> String {
    static BUCKETS: AtomicUsize = AtomicUsize::new(0);
    let bucket = format!("engine-sources-{}", BUCKETS.fetch_add(1, Ordering::Relaxed));
    let place = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::EuCentral1).build();
    s3.create_bucket().bucket(&bucket).create_bucket_configuration(place).send().await.unwrap();
    let versions = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    s3.put_bucket_versioning().bucket(&bucket).versioning_configuration(versions).send().await.unwrap();
    bucket
}

/// Judges an event by the run as it is saved; false when it is stale.
async fn judged(store: &SqliteStore, saving: &Mutex<()>, told: &EngineEvent) -> bool {
    let _ours = saving.lock().await;
    let mut run = store.run(&told.run).await.unwrap().unwrap();
    if matches!(run.apply(&told.event, Timestamp::UNIX_EPOCH), Applied::Stale(_)) {
        return false;
    }
    let executions = match &told.event {
        RunEvent::Executing { execution } => vec![(execution.clone(), run.id.clone())],
        _ => Vec::new(),
    };
    let change = Change { runs: vec![run], executions, ..Change::default() };
    assert_eq!(store.commit(change).await.unwrap(), Committed::Yes);
    true
}

#[async_trait]
impl Harness for OnAws {
    async fn new() -> Self {
        let (repository, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        git(repository.path(), &["init", "-q", "-b", "main"]).await;
        let s3 = aws_sdk_s3::config::Builder::from(&shared(&aws::endpoint())).force_path_style(true).build();
        let s3 = aws_sdk_s3::Client::from_conf(s3);
        let bucket = bucket(&s3).await;
        let config = FrontConfig {
            locality: Locality { region: REGION.to_owned(), account: "111122223333".to_owned() },
            s3: Some(s3.clone()),
            kill_grace: Duration::from_millis(200),
            // The shortest timeout of a project is five minutes.
            minute: Duration::from_millis(200),
            ..FrontConfig::new(data.path().join("wire"))
        };
        let front = Front::open(config, Arc::new(SystemClock)).unwrap();
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", door.local_addr().unwrap());
        let routes = router(Arc::clone(&front));
        tokio::spawn(async move { axum::serve(door, routes).await });

        let store = Arc::new(SqliteStore::open(&data.path().join("store"), Arc::new(SystemClock)).unwrap());
        let folder = repository.path().display().to_string();
        let forge: Arc<dyn Forge> = Arc::new(LocalForge::new(move |_| Some(folder.clone())));
        let config = CodePipelineConfig {
            start_again_after: Duration::from_millis(50),
            look_every: Duration::ZERO,
            ..CodePipelineConfig::new(PREFIX, &bucket)
        };
        let (telling, mut told) = mpsc::channel(64);
        let engine = CodePipelineEngine::new(
            config,
            Clients { s3, ..Clients::new(&shared(&url)) },
            Forges::from([(ForgeKind::Local.default_name(), forge)]),
            Arc::clone(&store) as Arc<dyn Store>,
            Arc::new(SystemClock),
            Some(telling),
        );
        let (passing, events) = mpsc::channel(64);
        let saving = Arc::new(Mutex::new(()));
        let mut tap = front.pipelines.events.tap();
        let out = passing.clone();
        let (ears, memory, lock) = (Arc::clone(&engine), Arc::clone(&store), Arc::clone(&saving));
        tokio::spawn(async move {
            loop {
                let news = tokio::select! {
                    told = told.recv() => match told { Some(told) => vec![told], None => return },
                    message = tap.recv() => match message {
                        Ok(message) => ears.hear(&message.to_string()).await.unwrap(),
                        Err(_closed) => return,
                    },
                };
                for event in news {
                    if judged(&memory, &lock, &event).await && out.send(event).await.is_err() {
                        return;
                    }
                }
            }
        });
        Self { engine, front, store, bucket, events, passing, saving, repository, data, commits: 0 }
    }

    fn engine(&self) -> Arc<dyn Engine> {
        Arc::clone(&self.engine) as Arc<dyn Engine>
    }

    fn events(&mut self) -> &mut mpsc::Receiver<EngineEvent> {
        &mut self.events
    }

    async fn prepare(&mut self, run: &Run) {
        let _ours = self.saving.lock().await;
        let version = self.store.run(&run.id).await.unwrap().map_or(0, |saved| saved.version);
        let change = Change { runs: vec![Run { version, ..run.clone() }], ..Change::default() };
        assert_eq!(self.store.commit(change).await.unwrap(), Committed::Yes);
        if version == 0 {
            self.declare(run).await;
        }
    }

    async fn tell(&self, run: &Run, events: Vec<RunEvent>) {
        for event in events {
            let told = EngineEvent { run: run.id.clone(), event };
            if judged(&self.store, &self.saving, &told).await {
                self.passing.send(told).await.unwrap();
            }
        }
    }

    async fn known(&self, run: &Run) -> Run {
        self.store.run(&run.id).await.unwrap().unwrap()
    }

    async fn commit(&mut self) -> CommitId {
        self.commits += 1;
        commit(self.repository.path(), self.commits).await
    }

    /// All that builds have printed: a clause has few, and each says which it is.
    fn log(&self, _run: &Run, _step: &str) -> String {
        let mut folders = vec![self.data.path().join("wire/codebuild/logs")];
        let mut printed = String::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    printed += &String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default());
                }
            }
        }
        printed
    }

    async fn printed(&self, run: &Run, step: &str, text: &str) {
        let wait = async {
            while !self.log(run, step).lines().any(|line| line.ends_with(text)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the text in time");
    }

    fn anything_left(&self) -> bool {
        let work = self.data.path().join("wire/codebuild/work");
        let folders = std::fs::read_dir(&work).is_ok_and(|mut entries| entries.next().is_some());
        folders || processes_of(&work)
    }
}

impl OnAws {
    /// Makes the pipeline of a run's plan, and its projects, as they are deployed.
    async fn declare(&self, run: &Run) {
        let plan = &run.plan;
        for stage in &plan.stages {
            self.project(&names::project(PREFIX, &plan.pipeline, &stage.name), &stage.step).await;
        }
        if let Some(step) = plan.deploy.as_ref().and_then(|deploy| deploy.step()) {
            self.project(&names::deploy_project(PREFIX, &plan.pipeline), step).await;
        }
        let mut stages = vec![json!({"name": names::SOURCE, "actions": [{
            "name": names::SOURCE,
            "actionTypeId": kind("Source", "S3"),
            "configuration": {"S3Bucket": self.bucket, "S3ObjectKey": "none.zip", "AllowOverrideForS3ObjectKey": "true",
                "PollForSourceChanges": "false"},
            "outputArtifacts": [{"name": names::SOURCE}],
        }]})];
        let mut left: Vec<&str> = Vec::new();
        for stage in &plan.stages {
            let name = stage.name.as_str();
            let project = names::project(PREFIX, &plan.pipeline, &stage.name);
            let mut action = action(name, &project, &left, &json!([]));
            if leaves(&stage.step) {
                action["outputArtifacts"] = json!([{"name": name}]);
                action["namespace"] = json!(name);
                left.push(name);
            }
            stages.push(json!({"name": name, "beforeEntry": asked_for(names::STAGES, name), "actions": [action]}));
        }
        for place in &plan.environments {
            let said = json!([{"name": "ENVIRONMENT", "value": place.name}]);
            let mut deploy = action(names::DEPLOY, &names::deploy_project(PREFIX, &plan.pipeline), &left, &said);
            deploy["runOrder"] = json!(2);
            let gate = json!({"name": names::GATE, "actionTypeId": kind("Approval", "Manual"), "runOrder": 1});
            stages.push(json!({
                "name": names::environment_stage(&place.name),
                "beforeEntry": asked_for(names::ENVIRONMENTS, place.name.as_str()),
                "actions": [gate, deploy],
            }));
        }
        let variables = names::VARIABLES.map(|name| match name {
            names::RUN => json!({"name": name}),
            _ => json!({"name": name, "defaultValue": names::EMPTY}),
        });
        let pipeline = json!({
            "name": names::pipeline(PREFIX, &plan.pipeline),
            "roleArn": "arn:aws:iam::111122223333:role/pipeline",
            "pipelineType": "V2",
            "executionMode": "PARALLEL",
            "artifactStore": {"type": "S3", "location": self.bucket},
            "variables": variables,
            "stages": stages,
        });
        self.ask("CodePipeline_20150709", "CreatePipeline", json!({"pipeline": pipeline})).await;
    }

    async fn project(&self, name: &str, step: &Step) {
        let Buildspec::Inline(text) = &step.buildspec else { panic!("{:?}", step.buildspec) };
        let project = json!({
            "name": name,
            "source": {"type": "CODEPIPELINE", "buildspec": text},
            "artifacts": {"type": "CODEPIPELINE"},
            "environment": {"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0",
                "computeType": "BUILD_GENERAL1_SMALL"},
            "serviceRole": "arn:aws:iam::111122223333:role/build",
            // What takes too long ends after five of the wire's minutes, a second; nothing else is ended.
            "timeoutInMinutes": if step.timeout_seconds < 60 { 5 } else { 2160 },
        });
        self.ask("CodeBuild_20161006", "CreateProject", project).await;
    }

    async fn ask(&self, service: &str, operation: &str, input: Value) {
        if let Err(refused) = self.front.answer(service, operation, input).await {
            panic!("{operation}: {} {}", refused.code, refused.message);
        }
    }
}

fn kind(category: &str, provider: &str) -> Value {
    json!({"category": category, "owner": "AWS", "provider": provider, "version": "1"})
}

/// A build of the source, with what earlier stages have left.
fn action(name: &str, project: &str, left: &[&str], said: &Value) -> Value {
    let mut variables = said.as_array().cloned().unwrap_or_default();
    variables.extend(left.iter().map(|stage| json!({"name": "TAG", "value": format!("#{{{stage}.TAG}}")})));
    let inputs: Vec<_> = [names::SOURCE].iter().chain(left).map(|name| json!({"name": name})).collect();
    json!({
        "name": name,
        "actionTypeId": kind("Build", "CodeBuild"),
        "configuration": {"ProjectName": project, "PrimarySource": names::SOURCE,
            "EnvironmentVariables": Value::from(variables).to_string()},
        "inputArtifacts": inputs,
    })
}

/// Whether a step leaves an artifact, and exports the one variable of the suite.
fn leaves(step: &Step) -> bool {
    matches!(&step.buildspec, Buildspec::Inline(text) if text.contains("artifacts:"))
}

fn asked_for(variable: &str, name: &str) -> Value {
    json!({"conditions": [{"result": "SKIP", "rules": [{
        "name": "asked-for",
        "ruleTypeId": {"category": "Rule", "owner": "AWS", "provider": "VariableCheck", "version": "1"},
        "configuration": {"Variable": format!("#{{variables.{variable}}}"), "Operator": "CONTAINS",
            "Value": names::listed(name)},
    }]}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_on_aws_keeps_the_contract() {
    holds::<OnAws>().await;
}
