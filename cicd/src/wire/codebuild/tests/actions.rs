//! The action of a pipeline.

use super::*;

fn zip(path: &Path, files: &[(&str, &str)]) {
    let mut zip = ZipWriter::new(File::create(path).unwrap());
    for (name, text) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
}

fn unzipped(path: &Path) -> BTreeMap<String, String> {
    let mut zip = ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut files = BTreeMap::new();
    for at in 0..zip.len() {
        let mut entry = zip.by_index(at).unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        files.insert(entry.name().unwrap().into_owned(), text);
    }
    files
}

impl World {
    async fn pipeline_project(&self, name: &str) {
        let mut project = declared(name);
        project["source"] = json!({"type": "CODEPIPELINE"});
        project["artifacts"] = json!({"type": "CODEPIPELINE"});
        self.get("CreateProject", project).await;
    }

    fn work(&self, configuration: &[(&str, &str)], inputs: &[(&str, &[(&str, &str)])], outputs: &[&str]) -> ActionWork {
        let folder = self.data.path().join("action");
        std::fs::create_dir_all(&folder).unwrap();
        let inputs = inputs.iter().map(|(name, files)| {
            let path = self.data.path().join(format!("{name}.zip"));
            zip(&path, files);
            let key = format!("shop/{name}/abc1234.zip");
            let (bucket, revision) = ("store".to_owned(), Some("version-1".to_owned()));
            ArtifactIn { name: (*name).to_owned(), zip: path, bucket, key, revision }
        });
        let text = |text: &str| text.to_owned();
        ActionWork {
            pipeline: text("shop"),
            execution: text("e"),
            stage: text("build"),
            action: text("build"),
            action_execution: text("a"),
            kind: ActionTypeId {
                category: text("Build"),
                owner: text("AWS"),
                provider: text("CodeBuild"),
                version: text("1"),
            },
            configuration: configuration.iter().map(|(key, value)| (text(key), text(value))).collect(),
            namespace: None,
            role: None,
            inputs: inputs.collect(),
            outputs: outputs.iter().map(|name| text(name)).collect(),
            folder,
            stop: CancellationToken::new(),
        }
    }

    async fn act(&self, work: ActionWork) -> ActionEnd {
        self.wire.act(work, Box::new(|_| {})).await
    }
}

#[tokio::test]
async fn artifacts_go_in_and_come_out() {
    let world = World::new();
    world.pipeline_project("shop-build").await;
    let buildspec = r#"version: 0.2
env: {exported-variables: [WHO]}
phases:
  build:
    commands:
      - WHO="$CODEBUILD_INITIATOR $CODEBUILD_RESOLVED_SOURCE_VERSION $A"
      - cat a.txt "$CODEBUILD_SRC_DIR_other_one/b.txt" > out.txt
      - test "$CODEBUILD_SOURCE_VERSION" = arn:aws:s3:::store/shop/source/abc1234.zip
artifacts: {files: [out.txt]}
"#;
    let inputs: [(&str, &[(&str, &str)]); 2] =
        [("other-one", &[("b.txt", "two")]), ("source", &[("a.txt", "one "), ("buildspec.yml", buildspec)])];
    let configuration = [
        ("ProjectName", "shop-build"),
        ("PrimarySource", "source"),
        ("EnvironmentVariables", r#"[{"name":"A","value":"x; exit 1","type":"PLAINTEXT"}]"#),
    ];
    let end = world.act(world.work(&configuration, &inputs, &["built"])).await;
    assert_eq!(end.result, Ok(()), "{end:?}");
    assert_eq!(end.variables["WHO"], "codepipeline/shop version-1 x; exit 1");
    assert_eq!(end.outputs.len(), 1);
    assert_eq!(end.outputs[0].0, "built");
    assert!(end.outputs[0].1.starts_with(world.data.path().join("action")));
    assert_eq!(unzipped(&end.outputs[0].1), BTreeMap::from([("out.txt".to_owned(), "one two".to_owned())]));
    assert!(end.external_id.unwrap().starts_with("shop-build:"));
}

#[tokio::test]
async fn several_outputs_are_secondary_artifacts_by_name() {
    let world = World::new();
    world.pipeline_project("shop-build").await;
    let spec = |ids: &str| {
        format!(
            "version: 0.2\nphases: {{build: {{commands: [echo 1 > a, echo 2 > b]}}}}\nartifacts: {{files: [a], secondary-artifacts: {ids}}}\n"
        )
    };
    let whole = spec("{one: {files: [a]}, two: {files: [b]}}");
    let configuration = [("ProjectName", "shop-build"), ("BuildspecOverride", whole.as_str())];
    let end = world.act(world.work(&configuration, &[("source", &[("x", "")])], &["one", "two"])).await;
    let names: Vec<_> =
        end.outputs.iter().map(|(name, zip)| (name.as_str(), unzipped(zip).into_keys().collect::<Vec<_>>())).collect();
    assert_eq!(names, [("one", vec!["a".to_owned()]), ("two", vec!["b".to_owned()])], "{end:?}");
    let half = spec("{one: {files: [a]}}");
    let configuration = [("ProjectName", "shop-build"), ("BuildspecOverride", half.as_str())];
    let end = world.act(world.work(&configuration, &[("source", &[("x", "")])], &["one", "two"])).await;
    assert!(end.result.unwrap_err().message.contains("no secondary artifact two"));
}

#[tokio::test]
async fn a_failed_build_is_told_in_the_words_of_codepipeline() {
    let world = World::new();
    world.pipeline_project("shop-build").await;
    let spec = spec(&["exit 3"]);
    let configuration = [("ProjectName", "shop-build"), ("BuildspecOverride", spec.as_str())];
    let end = world.act(world.work(&configuration, &[("source", &[("x", "")])], &[])).await;
    let message = "Build terminated with state: FAILED. Phase: BUILD, Code: COMMAND_EXECUTION_ERROR, \
                   Message: Error while executing command: exit 3. Reason: exit status 3";
    assert_eq!(end.result, Err(ActionFailure { code: "JobFailed".to_owned(), message: message.to_owned() }));
    assert_eq!(end.summary.as_deref(), Some("Build terminated with state: FAILED"));
    let unknown = world.act(world.work(&[("ProjectName", "none")], &[("source", &[("x", "")])], &[])).await;
    assert!(unknown.result.unwrap_err().message.contains("ResourceNotFoundException"));
}

#[tokio::test]
async fn what_is_configured_wrongly_is_said() {
    let world = World::new();
    let source: [(&str, &[(&str, &str)]); 1] = [("source", &[("x", "")])];
    for (configuration, word) in [
        (&[("Project", "x")][..], "no configuration Project"),
        (&[][..], "no ProjectName"),
        (&[("ProjectName", "x"), ("BatchEnabled", "true")][..], "BatchEnabled"),
        (&[("ProjectName", "x"), ("PrimarySource", "y")][..], "PrimarySource"),
        (&[("ProjectName", "x"), ("EnvironmentVariables", "[")][..], "EnvironmentVariables"),
    ] {
        let end = world.act(world.work(configuration, &source, &[])).await;
        let failure = end.result.unwrap_err();
        assert_eq!(failure.code, "ConfigurationError");
        assert!(failure.message.contains(word), "{word}: {}", failure.message);
    }
}

#[tokio::test]
async fn a_closing_wire_ends_its_builds() {
    let world = World::new();
    world.pipeline_project("shop-build").await;
    let spec = spec(&["sleep 1000"]);
    let configuration = [("ProjectName", "shop-build"), ("BuildspecOverride", spec.as_str())];
    let work = world.work(&configuration, &[("source", &[("x", "")])], &[]);
    let wire = Arc::clone(&world.wire);
    let closing = tokio::spawn(async move {
        while wire.books().builds.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        wire.close().await;
    });
    let end = world.act(work).await;
    closing.await.unwrap();
    assert_eq!(end.summary.as_deref(), Some("Build terminated with state: STOPPED"));
}
