//! What is asked for, and how a wrong question is answered.

use serde_json::{Value, json};

use super::bed::{Bed, build, gate, id, pipeline};

fn with_alpha(mode: &str) -> Value {
    let mut declared = pipeline(mode, vec![gate("gate", json!({}))]);
    declared["variables"] = json!([{"name": "Alpha"}, {"name": "Beta", "defaultValue": "b"}]);
    declared
}

#[tokio::test]
async fn a_token_brings_its_execution_again_once_the_rest_is_right() {
    let mut bed = Bed::new();
    bed.create(&with_alpha("PARALLEL")).await;
    let start = |variables: Value, revisions: Value| json!({"name": "shop", "clientRequestToken": "t-1", "variables": variables, "sourceRevisions": revisions});
    let first = bed.ask("StartPipelineExecution", start(json!([{"name": "Alpha", "value": "1"}]), json!([])));
    let key = json!([{"actionName": "source", "revisionType": "S3_OBJECT_KEY", "revisionValue": "k"}]);
    for other in [
        start(json!([{"name": "Alpha", "value": "2"}]), json!([])),
        start(json!([{"name": "Gone", "value": "2"}]), key),
        start(json!([]), json!([])),
    ] {
        assert_eq!(bed.ask("StartPipelineExecution", other), first);
    }
    let said = |input: Value| bed.call("StartPipelineExecution", input).unwrap_err();
    let twice = said(start(json!([{"name": "Alpha", "value": "1"}, {"name": "Alpha", "value": "2"}]), json!([])));
    assert_eq!(twice.message, "Variable names must be unique. The following variable name is already in use: Alpha");
    let empty = said(start(json!([{"name": "Alpha", "value": ""}]), json!([])));
    assert!(
        empty.message.contains("'variables.1.member.value'")
            && empty.message.contains("length greater than or equal to 1")
    );
    let nobody = json!([{"actionName": "nobody", "revisionType": "S3_OBJECT_KEY", "revisionValue": "k"}]);
    let told = "The action name provided in the source revision is not valid. The action must be a source action in your pipeline.";
    assert_eq!(said(start(json!([]), nobody)).message, told);
}

#[tokio::test]
async fn a_missing_variable_begins_an_execution_that_has_failed() {
    let mut bed = Bed::new();
    bed.create(&with_alpha("QUEUED")).await;
    let id = bed.start_with(json!({"variables": [{"name": "Beta", "value": "x"}]}));
    let told = bed.execution(&id);
    assert_eq!((&told["status"], &told["artifactRevisions"]), (&json!("Failed"), &json!([])));
    assert_eq!(told["statusSummary"], "Values for required variables haven't been provided: Alpha");
    assert_eq!(told["variables"], Value::Null);
    let actions = bed.ask("ListActionExecutions", json!({"pipelineName": "shop"}));
    assert_eq!(actions["actionExecutionDetails"], json!([]));
}

#[tokio::test]
async fn a_start_that_asks_for_what_cannot_be_is_refused() {
    let mut bed = Bed::new();
    let mut declared = with_alpha("PARALLEL");
    declared["stages"][0]["actions"][0]["configuration"].as_object_mut().unwrap().remove("AllowOverrideForS3ObjectKey");
    bed.create(&declared).await;
    let revision = |kind: &str, value: &str| json!({"name": "shop", "sourceRevisions": [{"actionName": "source", "revisionType": kind, "revisionValue": value}]});
    let variable = |name: &str, value: &str| json!({"name": "shop", "variables": [{"name": name, "value": value}]});
    let cases = [
        (revision("S3_OBJECT_KEY", "k"), "ValidationException"),
        (revision("COMMIT_ID", "c0ffee"), "ValidationException"),
        (revision("BRANCH", "main"), "ValidationException"),
        (revision("S3_OBJECT_VERSION_ID", ""), "ValidationException"),
        (variable("Alpha", &"x".repeat(1001)), "ValidationException"),
        (variable("Alpha", "two\nlines"), "ValidationException"),
        (variable("Al pha", "x"), "ValidationException"),
        (json!({"name": "shop", "clientRequestToken": "a b"}), "ValidationException"),
        (json!({"name": "nobody"}), "PipelineNotFoundException"),
        (json!({}), "ValidationException"),
        (json!({"name": 7}), "SerializationException"),
    ];
    for (input, code) in cases {
        assert_eq!(bed.refused("StartPipelineExecution", input.clone()), code, "{input}");
    }
    let listed = bed.ask("ListPipelineExecutions", json!({"pipelineName": "shop"}));
    assert_eq!(listed["pipelineExecutionSummaries"].as_array().unwrap().len(), 1, "nothing was begun");
    assert_eq!(bed.refused("PollForJobs", json!({})), "UnknownOperationException");
}

#[tokio::test]
async fn executions_are_listed_in_pages_the_newest_first() {
    let mut bed = Bed::new();
    bed.create(&pipeline("QUEUED", vec![build("build")])).await;
    bed.provider.fail("build", 1);
    let mut ids =
        vec![id(&bed.ask("ListPipelineExecutions", json!({"pipelineName": "shop"}))["pipelineExecutionSummaries"][0])];
    for end in ["FAILED", "SUCCEEDED"] {
        let id = bed.start();
        bed.state(&id, end).await;
        ids.insert(0, id);
    }
    let page = |token: Value| {
        let asked = json!({"pipelineName": "shop", "maxResults": 2, "nextToken": token});
        let told = bed.ask("ListPipelineExecutions", asked);
        let ids: Vec<String> = told["pipelineExecutionSummaries"].as_array().unwrap().iter().map(id).collect();
        (ids, told["nextToken"].clone())
    };
    let (first, token) = page(Value::Null);
    let (second, end) = page(token.clone());
    assert_eq!(([first, second].concat(), end), (ids.clone(), Value::Null));
    let filter = json!({"succeededInStage": {"stageName": "build"}});
    let told = bed.ask("ListPipelineExecutions", json!({"pipelineName": "shop", "filter": filter}));
    let good: Vec<String> = told["pipelineExecutionSummaries"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(good, [ids[0].clone(), ids[2].clone()]);
    let wrong = json!({"pipelineName": "shop", "filter": filter, "nextToken": token});
    assert_eq!(bed.refused("ListPipelineExecutions", wrong), "InvalidNextTokenException");
    let unknown =
        json!({"pipelineName": "shop", "filter": {"pipelineExecutionId": "00000000-0000-4000-8000-000000000000"}});
    assert_eq!(bed.refused("ListActionExecutions", unknown), "PipelineExecutionNotFoundException");
}

#[tokio::test]
async fn pipelines_are_created_once_told_tagged_and_deleted() {
    let mut bed = Bed::new();
    let declared = pipeline("QUEUED", vec![build("build")]);
    bed.create(&declared).await;
    assert_eq!(bed.refused("CreatePipeline", json!({"pipeline": declared})), "PipelineNameInUseException");
    let told = bed.ask("GetPipeline", json!({"name": "shop"}));
    assert_eq!(told["metadata"]["pipelineArn"], "arn:aws:codepipeline:eu-central-1:123456789012:shop");
    assert_eq!(told["metadata"]["created"], json!(1_790_626_890.25));
    assert_eq!(told["pipeline"]["stages"][0]["actions"][0]["inputArtifacts"], json!([]));
    assert_eq!(told["pipeline"]["stages"][0]["actions"][0]["runOrder"], 1);
    assert_eq!(bed.refused("GetPipeline", json!({"name": "shop", "version": 9})), "PipelineVersionNotFoundException");
    let arn = &told["metadata"]["pipelineArn"];
    bed.ask("TagResource", json!({"resourceArn": arn, "tags": [{"key": "team", "value": "shop"}]}));
    assert_eq!(
        bed.ask("ListTagsForResource", json!({"resourceArn": arn}))["tags"],
        json!([{"key": "team", "value": "shop"}])
    );
    bed.ask("UntagResource", json!({"resourceArn": arn, "tagKeys": ["team"]}));
    assert_eq!(bed.ask("ListTagsForResource", json!({"resourceArn": arn}))["tags"], json!([]));
    assert_eq!(bed.refused("ListTagsForResource", json!({"resourceArn": "arn:aws:s3:::x"})), "InvalidArnException");
    bed.ask("DeletePipeline", json!({"name": "shop"}));
    bed.ask("DeletePipeline", json!({"name": "shop"}));
    assert_eq!(bed.refused("GetPipelineState", json!({"name": "shop"})), "PipelineNotFoundException");
    assert_eq!(bed.ask("ListPipelines", json!({}))["pipelines"], json!([]));
}
