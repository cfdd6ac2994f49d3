//! What deploy actions take and refuse; what is done at an endpoint is tested against an emulator.

use std::collections::BTreeMap;
use std::fs::File;

use tokio_util::sync::CancellationToken;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;
use crate::clock::SystemClock;
use crate::wire::action::{ActionTypeId, ArtifactIn};

struct World {
    data: tempfile::TempDir,
    deploys: Deploys,
}

impl World {
    fn new() -> Self {
        Self::with(|config| config)
    }

    fn with(change: impl FnOnce(DeployConfig) -> DeployConfig) -> Self {
        let data = tempfile::tempdir().unwrap();
        let config = change(DeployConfig::recording(data.path().join("deploys.jsonl")));
        Self { deploys: Deploys::new(config, Arc::new(SystemClock)), data }
    }

    async fn act(&self, provider: &str, configuration: &[(&str, &str)], files: &[(&str, &str)]) -> ActionEnd {
        let path = self.data.path().join("built.zip");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        for (name, text) in files {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        let text = |text: &str| text.to_owned();
        let work = ActionWork {
            pipeline: text("shop"),
            execution: text("e"),
            stage: text("to-test"),
            action: text("deploy"),
            action_execution: text("a"),
            kind: ActionTypeId {
                category: text("Deploy"),
                owner: text("AWS"),
                provider: text(provider),
                version: text("1"),
            },
            configuration: configuration.iter().map(|(key, value)| (text(key), text(value))).collect(),
            namespace: None,
            role: None,
            inputs: vec![ArtifactIn {
                name: text("built"),
                zip: path,
                bucket: text("b"),
                key: text("k.zip"),
                revision: None,
            }],
            outputs: vec![],
            folder: self.data.path().to_owned(),
            stop: CancellationToken::new(),
        };
        self.deploys.act(work, Box::new(|_| {})).await
    }

    fn recorded(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.data.path().join("deploys.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn why(end: ActionEnd) -> String {
    let failure = end.result.unwrap_err();
    format!("{}: {}", failure.code, failure.message)
}

const SERVICE: [(&str, &str); 2] = [("ClusterName", "c"), ("ServiceName", "s")];

#[tokio::test]
async fn what_is_not_done_is_written_down() {
    let world = World::new();
    let images = [("imagedefinitions.json", r#"[{"name": "app", "imageUri": "repo:1"}]"#)];
    let end = world.act("ECS", &SERVICE, &images).await;
    assert_eq!(end.result, Ok(()));
    assert!(end.summary.unwrap().contains("not done"));
    world.act("CodeDeploy", &[("ApplicationName", "a"), ("DeploymentGroupName", "g")], &[("appspec.yml", "x")]).await;
    let recorded = world.recorded();
    assert_eq!(recorded.len(), 2);
    assert_eq!(recorded[0]["would"]["images"], json!([{"name": "app", "imageUri": "repo:1"}]));
    assert_eq!(recorded[1]["would"]["revision"]["s3Location"]["key"], "k.zip");
}

#[tokio::test]
async fn image_definitions_are_checked() {
    let world = World::new();
    let large = format!(r#"[{{"name": "app", "imageUri": "{}"}}]"#, "x".repeat(100 * 1024));
    for (file, text, word) in [
        ("other.json", "[]", "Did not find the image definition file"),
        ("imagedefinitions.json", "[", "no list of"),
        ("imagedefinitions.json", "{}", "no list of"),
        ("imagedefinitions.json", "[]", "names no image"),
        ("imagedefinitions.json", r#"[{"name": "app"}]"#, "imageUri"),
        ("imagedefinitions.json", large.as_str(), "larger than"),
    ] {
        let why = why(world.act("ECS", &SERVICE, &[(file, text)]).await);
        assert!(why.starts_with("ConfigurationError") && why.contains(word), "{why}");
    }
    for (configuration, word) in [
        (vec![("ClusterName", "c")], "no ServiceName"),
        (vec![("ClusterName", "c"), ("ServiceName", "s"), ("Cluster", "x")], "no configuration Cluster"),
        (vec![("ClusterName", "c"), ("ServiceName", "s"), ("DeploymentTimeout", "61")], "1 to 60"),
    ] {
        let images = [("imagedefinitions.json", r#"[{"name": "app", "imageUri": "repo:1"}]"#)];
        let why = why(world.act("ECS", &configuration, &images).await);
        assert!(why.contains(word), "{why}");
    }
    assert_eq!(world.recorded(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_stack_is_made_of_files_and_overrides() {
    let world = World::new();
    let files = [
        ("t.json", "{}"),
        ("c.json", r#"{"Parameters": {"A": "1", "B": "2"}, "Tags": {"t": "v"}}"#),
        ("p.json", r#"{"Image": "repo:1"}"#),
    ];
    let overrides = r#"{"B": "3", "I": {"Fn::GetParam": ["built", "p.json", "Image"]}, "K": {"Fn::GetArtifactAtt": ["built", "ObjectKey"]}}"#;
    let configuration = [
        ("ActionMode", "CREATE_UPDATE"),
        ("StackName", "shop"),
        ("RoleArn", "r"),
        ("TemplatePath", "built::t.json"),
        ("TemplateConfiguration", "built::c.json"),
        ("ParameterOverrides", overrides),
        ("Capabilities", "CAPABILITY_IAM,CAPABILITY_AUTO_EXPAND"),
    ];
    assert_eq!(world.act("CloudFormation", &configuration, &files).await.result, Ok(()));
    let input = world.recorded()[0]["would"]["input"].clone();
    let fields: BTreeMap<String, String> =
        serde_json::from_value::<Vec<(String, String)>>(input).unwrap().into_iter().collect();
    let parameters: Vec<_> = fields
        .iter()
        .filter(|(key, _)| key.starts_with("Parameters") && key.ends_with("Value"))
        .map(|(_, it)| it.as_str())
        .collect();
    assert_eq!(parameters, ["1", "3", "repo:1", "k.zip"]);
    assert_eq!(fields["Capabilities.member.2"], "CAPABILITY_AUTO_EXPAND");
    assert_eq!(fields["Tags.member.1.Value"], "v");
}

#[tokio::test]
async fn a_stack_that_cannot_be_is_refused() {
    let world = World::new();
    let with = |more: &[(&'static str, &'static str)]| {
        let usual = [
            ("ActionMode", "CREATE_UPDATE"),
            ("StackName", "shop"),
            ("RoleArn", "r"),
            ("TemplatePath", "built::t.json"),
        ];
        let all: BTreeMap<_, _> = usual.into_iter().chain(more.iter().copied()).collect();
        all.into_iter().collect::<Vec<_>>()
    };
    for (more, word) in [
        (&[("ActionMode", "DO")][..], "ActionMode knows no DO"),
        (&[("ActionMode", "CHANGE_SET_REPLACE")][..], "no ChangeSetName"),
        (&[("RoleArn", "")][..], "no RoleArn"),
        (&[("TemplatePath", "t.json")][..], "Artifact::file"),
        (&[("TemplatePath", "other::t.json")][..], "no input artifact"),
        (&[("TemplatePath", "built::none.json")][..], "holds no none.json"),
        (&[("Capabilities", "CAPABILITY_ALL")][..], "CAPABILITY_ALL"),
        (&[("ParameterOverrides", "[]")][..], "no JSON object"),
        (&[("ParameterOverrides", r#"{"A": {"Ref": "x"}}"#)][..], "Fn::GetParam"),
    ] {
        let why = why(world.act("CloudFormation", &with(more), &[("t.json", "{}")]).await);
        assert!(why.starts_with("ConfigurationError") && why.contains(word), "{why}");
    }
}

const DEFINITION: &str = r#"{"family": "shop", "containerDefinitions": [{"name": "app", "image": "<IMAGE1_NAME>"}]}"#;
const APPSPEC: &str = "version: 0.0\nResources: [{TargetService: {Properties: {TaskDefinition: <TASK_DEFINITION>}}}]\n";
const TEMPLATES: [(&str, &str); 3] =
    [("taskdef.json", DEFINITION), ("appspec.yaml", APPSPEC), ("imageDetail.json", r#"{"ImageURI": "repo@sha256:1"}"#)];
const TO_ECS: [(&str, &str); 6] = [
    ("ApplicationName", "a"),
    ("DeploymentGroupName", "g"),
    ("TaskDefinitionTemplateArtifact", "built"),
    ("AppSpecTemplateArtifact", "built"),
    ("Image1ArtifactName", "built"),
    ("Image1ContainerName", "IMAGE1_NAME"),
];

#[tokio::test]
async fn a_task_definition_is_made_of_a_template_and_the_images_that_were_pushed() {
    let (world, configuration) = (World::new(), TO_ECS);
    let files = TEMPLATES;
    assert_eq!(world.act("CodeDeployToECS", &configuration, &files).await.result, Ok(()));
    let would = world.recorded()[0]["would"].clone();
    assert_eq!(would["taskDefinition"]["containerDefinitions"][0]["image"], "repo@sha256:1");
    assert_eq!(would["appspec"], APPSPEC);
    for (configuration, files, word) in [
        (&configuration[..3], &files[..], "no AppSpecTemplateArtifact"),
        (&configuration[..5], &files, "belong together"),
        (&configuration, &files[..2], "holds no imageDetail.json"),
        (&configuration, &[("taskdef.json", "{}"), files[1], files[2]][..], "no containerDefinitions"),
        (&configuration, &[files[0], ("appspec.yaml", "x"), files[2]], "no <TASK_DEFINITION>"),
    ] {
        let why = why(world.act("CodeDeployToECS", configuration, files).await);
        assert!(why.starts_with("ConfigurationError") && why.contains(word), "{why}");
    }
}

/// ECS and CodeDeploy as far as this action asks them, and what they were asked.
async fn stand_in() -> (String, Arc<Mutex<Vec<(String, Value)>>>) {
    let asked = Arc::<Mutex<Vec<(String, Value)>>>::default();
    let heard = Arc::clone(&asked);
    let answer = async move |headers: axum::http::HeaderMap, body: String| {
        let target = headers["x-amz-target"].to_str().unwrap().to_owned();
        let operation = target.rsplit('.').next().unwrap().to_owned();
        let mut heard = heard.lock().unwrap();
        let looks = heard.iter().filter(|(name, _)| name == "GetDeployment").count();
        heard.push((operation.clone(), serde_json::from_str(&body).unwrap()));
        let told = match operation.as_str() {
            "RegisterTaskDefinition" => json!({"taskDefinition": {"taskDefinitionArn": "arn:shop:2"}}),
            "CreateDeployment" => json!({"deploymentId": "d-1"}),
            _ => json!({"deploymentInfo": {"status": if looks == 0 { "InProgress" } else { "Succeeded" }}}),
        };
        axum::Json(told)
    };
    let door = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", door.local_addr().unwrap());
    let routes = axum::Router::new().route("/", axum::routing::post(answer));
    tokio::spawn(async move { axum::serve(door, routes).await });
    (address, asked)
}

#[tokio::test]
async fn a_task_definition_is_registered_and_deployed_by_the_appspec() {
    let (address, asked) = stand_in().await;
    let world = World::with(|config| DeployConfig {
        ecs: Some(address.clone()),
        codedeploy: Some(address),
        look_every: Duration::from_millis(5),
        ..config
    });
    let end = world.act("CodeDeployToECS", &TO_ECS, &TEMPLATES).await;
    assert_eq!((end.result, end.external_id.as_deref()), (Ok(()), Some("d-1")));
    let asked = asked.lock().unwrap();
    let names: Vec<_> = asked.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["RegisterTaskDefinition", "CreateDeployment", "GetDeployment", "GetDeployment"]);
    assert_eq!(asked[0].1["containerDefinitions"][0]["image"], "repo@sha256:1");
    let content = asked[1].1.pointer("/revision/appSpecContent/content").unwrap().as_str().unwrap();
    assert_eq!(content, APPSPEC.replace("<TASK_DEFINITION>", "arn:shop:2"));
    assert_eq!(world.recorded(), Vec::<Value>::new());
}
