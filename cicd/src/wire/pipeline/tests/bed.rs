//! A wire with everything around it made up.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, broadcast};

use crate::clock::FakeClock;
use crate::wire::action::{Act, ActionEnd, ActionFailure, ActionTaken, ActionWork, Taken};
use crate::wire::error::AwsError;
use crate::wire::pipeline::api;
use crate::wire::pipeline::source::{Fetched, Objects};
use crate::wire::pipeline::topic::{Notice, Topics};
use crate::wire::{Locality, Wire, WireConfig};

/// The role of every pipeline here.
const ROLE: &str = "arn:aws:iam::123456789012:role/pipelines";

/// Does every action at once, but those that are held, and those that fail.
#[derive(Default)]
pub(super) struct Provider {
    /// What it was given, in the order it came.
    pub(super) works: Mutex<Vec<ActionWork>>,
    /// How often the action of this name fails from now on.
    failures: Mutex<BTreeMap<String, usize>>,
    /// The action of this name waits until it is let go.
    held: Mutex<BTreeMap<String, Arc<Semaphore>>>,
    /// What the action of this name tells.
    pub(super) variables: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
}

impl Provider {
    pub(super) fn fail(&self, action: &str, times: usize) {
        self.failures.lock().unwrap().insert(action.to_owned(), times);
    }

    pub(super) fn hold(&self, action: &str) {
        self.held.lock().unwrap().insert(action.to_owned(), Arc::new(Semaphore::new(0)));
    }

    /// Lets one execution of a held action go.
    pub(super) fn let_go(&self, action: &str) {
        self.held.lock().unwrap()[action].add_permits(1);
    }

    /// The actions it was given, by name.
    pub(super) fn done(&self) -> Vec<String> {
        self.works.lock().unwrap().iter().map(|work| work.action.clone()).collect()
    }
}

#[async_trait]
impl Act for Provider {
    async fn act(&self, work: ActionWork, taken: Taken) -> ActionEnd {
        let id = format!("build:{}", work.action);
        taken(ActionTaken { external_id: id.clone(), external_url: None });
        self.works.lock().unwrap().push(work.clone());
        let held = self.held.lock().unwrap().get(&work.action).cloned();
        if let Some(held) = held {
            tokio::select! {
                permit = held.acquire() => permit.unwrap().forget(),
                () = work.stop.cancelled() => return ActionEnd::failed("JobFailed", "stopped"),
            }
        }
        let fails = match self.failures.lock().unwrap().get_mut(&work.action) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        };
        if fails {
            return ActionEnd { external_id: Some(id), ..ActionEnd::failed("JobFailed", "Build terminated: FAILED") };
        }
        let mut end = ActionEnd { external_id: Some(id), ..ActionEnd::done() };
        for output in &work.outputs {
            let zip = work.folder.join(format!("{output}.zip"));
            tokio::fs::write(&zip, format!("{output} of {}", work.execution)).await.unwrap();
            end.outputs.push((output.clone(), zip));
        }
        end.variables = self.variables.lock().unwrap().get(&work.action).cloned().unwrap_or_default();
        end
    }
}

/// Has every object.
pub(super) struct AnyObject;

#[async_trait]
impl Objects for AnyObject {
    async fn fetch(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        into: &Path,
    ) -> Result<Fetched, ActionFailure> {
        if bucket == "gone" {
            return Err(ActionFailure { code: "ConfigurationError".to_owned(), message: "no such bucket".to_owned() });
        }
        tokio::fs::write(into, key).await.unwrap();
        Ok(Fetched { version: version.unwrap_or("latest").to_owned(), etag: "e".to_owned(), summary: None })
    }
}

/// Remembers what is published.
#[derive(Default)]
pub(super) struct Topic(pub(super) Mutex<Vec<(String, Notice)>>);

#[async_trait]
impl Topics for Topic {
    async fn publish(&self, arn: &str, notice: &Notice) -> Result<(), ActionFailure> {
        if arn.ends_with("closed") {
            return Err(ActionFailure { code: "PermissionError".to_owned(), message: "may not".to_owned() });
        }
        self.0.lock().unwrap().push((arn.to_owned(), notice.clone()));
        Ok(())
    }
}

/// A wire and what is around it.
pub(super) struct Bed {
    pub(super) wire: Arc<Wire>,
    pub(super) provider: Arc<Provider>,
    pub(super) topic: Arc<Topic>,
    pub(super) clock: FakeClock,
    events: broadcast::Receiver<Arc<Value>>,
    home: tempfile::TempDir,
}

impl Bed {
    pub(super) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let clock = FakeClock::at("2026-09-28T20:21:30.250Z".parse().unwrap());
        let (provider, topic) = (Arc::new(Provider::default()), Arc::new(Topic::default()));
        let wire = Wire::open(WireConfig {
            home: home.path().to_owned(),
            locality: Locality { region: "eu-central-1".to_owned(), account: "123456789012".to_owned() },
            clock: Arc::new(clock.clone()),
            act: Arc::clone(&provider) as Arc<dyn Act>,
            objects: Arc::new(AnyObject),
            topics: Some(Arc::clone(&topic) as Arc<dyn Topics>),
            targets: vec![],
        })
        .unwrap();
        let events = wire.events.tap();
        Self { wire, provider, topic, clock, events, home }
    }

    /// Calls an operation.
    pub(super) fn call(&self, operation: &str, input: Value) -> Result<Value, AwsError> {
        api::answer(&self.wire, operation, input)
    }

    /// Calls an operation that must work.
    #[track_caller]
    pub(super) fn ask(&self, operation: &str, input: Value) -> Value {
        self.call(operation, input).unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// Calls an operation that must be refused, and says the exception's name.
    #[track_caller]
    pub(super) fn refused(&self, operation: &str, input: Value) -> &'static str {
        self.call(operation, input).expect_err(operation).code
    }

    /// Creates a pipeline and lets its automatic execution end.
    pub(super) async fn create(&mut self, pipeline: &Value) {
        self.ask("CreatePipeline", json!({"pipeline": pipeline}));
        self.until(|event| is_pipeline(event, None, &["SUCCEEDED", "FAILED"])).await;
    }

    /// Starts an execution.
    pub(super) fn start(&self) -> String {
        self.start_with(json!({}))
    }

    /// Starts an execution with what else is said.
    pub(super) fn start_with(&self, more: Value) -> String {
        let mut input = json!({"name": "shop"});
        input.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        id(&self.ask("StartPipelineExecution", input))
    }

    /// Waits for an event, and says every event up to it.
    pub(super) async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut seen: Vec<Value> = vec![];
        loop {
            let heard = tokio::time::timeout(Duration::from_secs(20), self.events.recv()).await;
            let event = heard.unwrap_or_else(|_| panic!("it never came; seen {}", states(&seen).join("\n"))).unwrap();
            seen.push(Value::clone(&event));
            if wanted(&event) {
                return seen;
            }
        }
    }

    /// Waits until an execution is in a state.
    pub(super) async fn state(&mut self, execution: &str, state: &str) -> Vec<Value> {
        self.until(|event| is_pipeline(event, Some(execution), &[state])).await
    }

    /// Waits until an action of an execution is in a state.
    pub(super) async fn action(&mut self, execution: &str, action: &str, state: &str) -> Value {
        let of = |event: &Value| {
            let detail = &event["detail"];
            detail["action"] == action && detail["execution-id"] == execution && detail["state"] == state
        };
        self.until(of).await.pop().unwrap()
    }

    /// An execution as the API tells it.
    pub(super) fn execution(&self, id: &str) -> Value {
        let asked = json!({"pipelineName": "shop", "pipelineExecutionId": id});
        self.ask("GetPipelineExecution", asked)["pipelineExecution"].clone()
    }

    /// How a stage stands: who was in it last, and how that went.
    pub(super) fn stage(&self, name: &str) -> Value {
        let state = self.ask("GetPipelineState", json!({"name": "shop"}));
        let stages = state["stageStates"].as_array().unwrap();
        stages.iter().find(|stage| stage["stageName"] == name).unwrap().clone()
    }

    /// The first notice, once it is published.
    pub(super) async fn notice(&self) -> (String, Notice) {
        loop {
            if let Some(first) = self.topic.0.lock().unwrap().first() {
                return first.clone();
            }
            tokio::task::yield_now().await;
        }
    }

    /// Waits until so many zips are kept.
    pub(super) async fn zips(&self, count: usize) {
        let kept = || std::fs::read_dir(self.home.path().join("artifacts")).unwrap().count();
        while kept() != count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

fn is_pipeline(event: &Value, execution: Option<&str>, states: &[&str]) -> bool {
    event["detail-type"] == "CodePipeline Pipeline Execution State Change"
        && execution.is_none_or(|id| event["detail"]["execution-id"] == id)
        && states.iter().any(|state| event["detail"]["state"] == *state)
}

/// The id in an answer.
pub(super) fn id(answer: &Value) -> String {
    answer["pipelineExecutionId"].as_str().unwrap().to_owned()
}

/// Events in short: `stage build STARTED 0.0`.
pub(super) fn states(events: &[Value]) -> Vec<String> {
    let short = |event: &Value| {
        let detail = &event["detail"];
        let text = |key: &str| detail[key].as_str();
        let what = match (text("action"), text("stage")) {
            (Some(action), _) => format!("action {action}"),
            (None, Some(stage)) => format!("stage {stage}"),
            (None, None) => "pipeline".to_owned(),
        };
        format!("{what} {} {}", text("state").unwrap(), detail["pipeline-execution-attempt"])
    };
    events.iter().map(short).collect()
}

/// An action of a type, `Build/CodeBuild`, with more of its members.
pub(super) fn action(name: &str, kind: &str, more: Value) -> Value {
    let (category, provider) = kind.split_once('/').unwrap();
    let kind = json!({"category": category, "owner": "AWS", "provider": provider, "version": "1"});
    let mut action = json!({"name": name, "actionTypeId": kind});
    action.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    action
}

/// The source stage.
pub(super) fn source() -> Value {
    let configuration = json!({
        "S3Bucket": "sources",
        "S3ObjectKey": "stub.zip",
        "AllowOverrideForS3ObjectKey": "true",
        "PollForSourceChanges": "false",
    });
    let more = json!({"configuration": configuration, "outputArtifacts": [{"name": "source"}], "namespace": "Source"});
    json!({"name": "source", "actions": [action("source", "Source/S3", more)]})
}

/// A build in a stage of its own.
pub(super) fn build(name: &str) -> Value {
    json!({"name": name, "actions": [build_action(name, 1)]})
}

/// A build.
pub(super) fn build_action(name: &str, order: u32) -> Value {
    let more = json!({
        "configuration": {"ProjectName": name},
        "inputArtifacts": [{"name": "source"}],
        "outputArtifacts": [{"name": name}],
        "runOrder": order,
    });
    action(name, "Build/CodeBuild", more)
}

/// A gate in a stage of its own.
pub(super) fn gate(name: &str, configuration: Value) -> Value {
    json!({"name": name, "actions": [action("approve", "Approval/Manual", json!({"configuration": configuration}))]})
}

/// The pipeline `shop` of V2.
pub(super) fn pipeline(mode: &str, stages: Vec<Value>) -> Value {
    let stages: Vec<Value> = [source()].into_iter().chain(stages).collect();
    json!({
        "name": "shop",
        "roleArn": ROLE,
        "artifactStore": {"type": "S3", "location": "artifacts-123"},
        "pipelineType": "V2",
        "executionMode": mode,
        "stages": stages,
    })
}

/// With a condition on the way in: `variable` contains `value`.
pub(super) fn only_if(mut stage: Value, result: &str, variable: &str, value: &str) -> Value {
    stage["beforeEntry"] = condition(result, variable, value);
    stage
}

/// A condition: `variable` contains `value`.
pub(super) fn condition(result: &str, variable: &str, value: &str) -> Value {
    let configuration = json!({"Variable": variable, "Operator": "CONTAINS", "Value": value});
    let kind = json!({"category": "Rule", "owner": "AWS", "provider": "VariableCheck", "version": "1"});
    let rule = json!({"name": "wanted", "ruleTypeId": kind, "configuration": configuration});
    json!({"conditions": [{"result": result, "rules": [rule]}]})
}
