use std::collections::BTreeMap;

use serde_json::Value;

use super::*;

const LEAVES: &str = "version: 0.2\nenv: {exported-variables: [TESTS]}\nphases: {build: {commands: [make]}}\nartifacts: {files: ['**/*']}\n";
const PLAIN: &str = "version: 0.2\nphases: {build: {commands: [make]}}\n";

/// A rule file around `pipelines` and `routes`.
fn rules(pipelines: &str, routes: &str) -> Rules {
    let text = format!(
        "version: 1\nrepositories: [{{github: acme/shop, variables: {{IMAGE: shop}}}}]\npipelines:\n{pipelines}\n\
         environments: [{{name: test}}, {{name: prod, approval: {{by: ['user:dana'], within: 72h}}}}]\n\
         routes:\n{routes}\n- {{name: rest, any: true, pipeline: none}}\n"
    );
    Rules::parse(&text).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn made(rules: &Rules) -> Result<Model, Vec<String>> {
    let files = BTreeMap::from([("leaves.yml", LEAVES), ("plain.yml", PLAIN), ("bad.yml", "version: 0.2\n")]);
    synth(rules, "pm", &|path| Ok(files.get(path).map(|text| (*text).to_owned())))
}

fn mistakes(pipelines: &str, routes: &str) -> Vec<String> {
    made(&rules(pipelines, routes)).unwrap_err()
}

const APP: &str = "  app:
    stages: [{name: lint, buildspec: plain.yml}, {name: unit-test, buildspec: leaves.yml, compute: small..large, timeout: 61s},
      {name: build, buildspec: {central: leaves.yml}, compute: arm-large, privileged: true}]
    deploy: {buildspec: {inline: 'version: 0.2'}, compute: lambda-2gb}";
const MAIN: &str = "- {name: main, branch: main, pipeline: app, to: [test, prod]}";

fn environment(build: &Build) -> BTreeMap<String, String> {
    let list: Vec<Value> = serde_json::from_str(&build.environment_variables).unwrap();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    list.iter().map(|entry| (text(entry, "name"), text(entry, "value"))).collect()
}

#[test]
fn a_stage_has_its_own_project_and_its_own_condition() {
    let broken = "    deploy: {buildspec: {inline: 'version: 0.2'}, compute: lambda-2gb}";
    let model =
        made(&rules(&APP.replace(broken, "    deploy: {buildspec: plain.yml, compute: lambda-2gb}"), MAIN)).unwrap();
    let app = &model.pipelines[0];
    assert_eq!(app.pipeline, "pm-app");
    let test = &app.stages[1];
    assert_eq!(test.project.name, "pm-app-unit-test");
    assert_eq!(
        test.condition,
        Condition { variable: "#{variables.STAGES}".to_owned(), contains: ",unit-test,".to_owned() }
    );
    assert_eq!((test.project.machine.compute.as_str(), test.project.timeout_minutes), ("BUILD_GENERAL1_SMALL", 5));
    assert_eq!(test.project.machine.largest, "BUILD_GENERAL1_LARGE");
    assert_eq!(test.project.buildspec, BuildspecSource::Path("leaves.yml".to_owned()));
    let build = &app.stages[2].project;
    assert_eq!(
        (build.machine.kind.as_str(), build.machine.compute.as_str()),
        ("ARM_CONTAINER", "BUILD_GENERAL1_LARGE")
    );
    assert!(build.machine.image.contains("aarch64") && build.privileged);
    assert_eq!(build.buildspec, BuildspecSource::Text(LEAVES.to_owned()));
    let deploy = app.deploy_project.as_ref().unwrap();
    assert_eq!(
        (deploy.machine.kind.as_str(), deploy.machine.compute.as_str()),
        ("LINUX_LAMBDA_CONTAINER", "BUILD_LAMBDA_2GB")
    );
    assert_eq!(deploy.timeout_minutes, 15);
    assert_eq!(app.environments[1].stage, "to-prod");
    assert!(model.notes.iter().any(|note| note.contains("shortest timeout is 5m")), "{:?}", model.notes);
}

#[test]
fn an_action_is_given_what_is_sure_to_be_there() {
    let deploy = "    deploy: {buildspec: {inline: 'version: 0.2'}, compute: lambda-2gb}";
    let app = APP.replace(deploy, "    deploy: {buildspec: plain.yml}");
    let short = format!("{MAIN}\n- {{name: fast, branch: fast, pipeline: app, stages: [lint, build], to: [prod]}}");
    let model = made(&rules(&app, &short)).unwrap();
    let app = &model.pipelines[0];
    assert_eq!(app.stages[0].build.output, None);
    assert_eq!(app.stages[1].build.output.as_deref(), Some("unit_test"));
    assert_eq!(app.stages[1].build.namespace.as_deref(), Some("unit_test"));
    // `fast` builds without the tests, and goes to prod without them; to test goes only `main`.
    assert_eq!(app.stages[2].build.inputs, ["source"]);
    let ServiceDeploy::Build(test) = &app.environments[0].deploy else { panic!("{:?}", app.environments[0]) };
    let ServiceDeploy::Build(prod) = &app.environments[1].deploy else { panic!("{:?}", app.environments[1]) };
    assert_eq!(test.inputs, ["source", "unit_test", "build"]);
    assert_eq!(prod.inputs, ["source", "build"]);
    assert_eq!(environment(prod)["TESTS"], "#{build.TESTS}");
    assert_eq!(environment(prod)["ENVIRONMENT"], "prod");
    assert_eq!(environment(test)["IMAGE"], "#{variables.IMAGE}");
    assert_eq!(environment(test)["POINTSMAN_COMMIT"], "#{variables.COMMIT}");
    assert!(!environment(test).contains_key("POINTSMAN_STAGES"));
    assert!(model.notes.iter().any(|note| note.contains("route fast comes without it")), "{:?}", model.notes);
}

#[test]
fn a_cleanup_is_the_last_stage_with_a_project_of_its_own() {
    let pipelines = "  app:\n    stages: [{name: build, buildspec: leaves.yml}]\n    deploy: {ecs: {cluster: c, service: '{environment}'}}";
    let route = "- {name: main, branch: main, pipeline: app, to: [test, cleanup]}";
    let text = |cleanup: &str| {
        format!(
            "version: 1\nrepositories: [{{github: acme/shop}}]\npipelines:\n{pipelines}\nenvironments: [{{name: test}}{cleanup}]\n\
             routes:\n{}\n- {{name: rest, any: true, pipeline: none}}\n",
            if cleanup.is_empty() { MAIN.replace("[test, prod]", "test") } else { route.to_owned() }
        )
    };
    let parsed = |text: String| Rules::parse(&text).unwrap_or_else(|problems| panic!("{problems:?}"));
    let with = ", {name: cleanup, approval: {by: ['user:dana']}, cleanup: {buildspec: plain.yml, timeout: 10m}}";
    let model = made(&parsed(text(with))).unwrap();
    let app = &model.pipelines[0];
    let last = app.environments.last().unwrap();
    assert_eq!((last.stage.as_str(), last.gate.action.as_str()), ("to-cleanup", "gate"));
    let project = last.project.as_ref().unwrap();
    assert_eq!((project.name.as_str(), project.timeout_minutes), ("pm-app-to-cleanup", 10));
    let ServiceDeploy::Build(build) = &last.deploy else { panic!("{last:?}") };
    assert_eq!(build.inputs, ["source", "build"]);
    assert_eq!(environment(build)["POINTSMAN_ENVIRONMENT"], "cleanup");
    assert!(app.environments[0].project.is_none() && app.deploy_project.is_none());

    let without = made(&parsed(text(""))).unwrap();
    assert_eq!(without.pipelines[0].environments.len(), 1, "nobody asked for a cleanup");
    let missing = made(&parsed(text(&with.replace("plain.yml", "{central: none.yml}")))).unwrap_err();
    assert!(missing.iter().any(|it| it.contains("app/cleanup") && it.contains("none.yml")), "{missing:?}");
}

#[test]
fn a_run_that_nobody_decided_has_no_run() {
    let app = APP.replace("{inline: 'version: 0.2'}", "plain.yml");
    let model = made(&rules(&app, MAIN)).unwrap();
    let variables = &model.pipelines[0].variables;
    let required: Vec<_> = variables.iter().filter(|it| it.default.is_none()).map(|it| it.name.as_str()).collect();
    assert_eq!(required, ["RUN"]);
    assert!(variables.iter().any(|it| it.name == "IMAGE" && it.default.as_deref() == Some(" ")));
}

#[test]
fn a_service_takes_the_last_artifact_and_the_environments_name() {
    let stages = "  app:\n    stages: [{name: a, buildspec: leaves.yml}, {name: b, buildspec: leaves.yml}, {name: c, buildspec: plain.yml}]\n    deploy: ";
    let ecs = format!("{stages}{{ecs: {{cluster: 'shop-{{environment}}', service: web}}}}");
    let model = made(&rules(&ecs, MAIN)).unwrap();
    let ServiceDeploy::Ecs { input, cluster, file, .. } = &model.pipelines[0].environments[1].deploy else { panic!() };
    assert_eq!((input.as_str(), cluster.as_str(), file.as_str()), ("b", "shop-prod", "imagedefinitions.json"));
    assert_eq!(model.pipelines[0].deploy_project, None);

    let stacks = format!(
        "{stages}{{cloudformation: ['net-{{environment}}', {{stack: 'app-{{environment}}', template: x/a.json}}]}}"
    );
    let model = made(&rules(&stacks, MAIN)).unwrap();
    let ServiceDeploy::Cloudformation { stacks, .. } = &model.pipelines[0].environments[0].deploy else { panic!() };
    assert_eq!(stacks[0].template, "b::net-test.template.json");
    assert_eq!(stacks[1].template, "b::x/a.json");
    let actions: Vec<_> = stacks.iter().flat_map(|it| [it.prepare.as_str(), it.execute.as_str()]).collect();
    assert_eq!(actions, ["deploy-1-prepare", "deploy-1", "deploy-2-prepare", "deploy"]);

    let once = format!(
        "{stages}{{cloudformation: [{{stack: ground, only: test}}, {{stack: 'net-{{environment}}', only: [test, prod]}}]}}"
    );
    let model = made(&rules(&once, MAIN)).unwrap();
    let named = |at: usize| {
        let ServiceDeploy::Cloudformation { stacks, .. } = &model.pipelines[0].environments[at].deploy else {
            panic!()
        };
        stacks.iter().map(|it| (it.stack.clone(), it.execute.clone())).collect::<Vec<_>>()
    };
    let pairs = |all: &[(&str, &str)]| all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
    assert_eq!(named(0), pairs(&[("ground", "deploy-1"), ("net-test", "deploy")]));
    assert_eq!(named(1), pairs(&[("net-prod", "deploy")]));
    let nothing = format!("{stages}{{cloudformation: {{stack: ground, only: test}}}}");
    assert_eq!(
        mistakes(&nothing, MAIN),
        ["app/prod: none of the stacks is deployed there; name it in the `only` of one"]
    );

    let same = format!("{stages}{{codedeploy: {{application: shop, group: all}}}}");
    assert_eq!(
        mistakes(&same, MAIN),
        ["app: test and prod deploy both to the group all of shop; write {environment} into its name"]
    );
}

#[test]
fn all_mistakes_are_told_together() {
    let pipelines = "  app:
    stages:
      - {name: source, buildspec: plain.yml}
      - {name: to-test, buildspec: plain.yml, compute: gpu-small}
      - {name: deploy, buildspec: bad.yml, compute: arm-small, image: 'aws/codebuild/standard:7.0'}
      - {name: a.b, buildspec: {central: none.yml}, image: 'aws/codebuild/amazonlinux-aarch64-standard:3.0'}
      - {name: a_b, buildspec: plain.yml, compute: lambda-1gb, image: 'aws/codebuild/standard:7.0'}
    deploy: {ecs: {cluster: '{environment}', service: web}}
  app-a:
    stages: [{name: b, buildspec: plain.yml}]
    deploy: {buildspec: plain.yml}
  app-a-b:
    stages: [{name: x, buildspec: plain.yml}]";
    let told = mistakes(pipelines, MAIN).join("\n");
    for expected in [
        "app/to-test: CodeBuild has no image of its own for gpu-small; name one with `image`",
        "app/deploy: bad.yml:1: there are no `phases`",
        "app/deploy: the image aws/codebuild/standard:7.0 does not run on arm-small: it is made for x86",
        "app/a.b: central none.yml is not beside the rule file",
        "app/a.b: the image aws/codebuild/amazonlinux-aarch64-standard:3.0 does not run on small: it is made for ARM",
        "app/a_b: the image aws/codebuild/standard:7.0 does not run on lambda-1gb: Lambda takes images made for it",
        "app/test: no stage that runs on every route to it leaves an artifact, so there is nothing to deploy",
        "app/source: its stage on AWS would be called source, as that of the source is; rename one",
        "app/a_b: its artifact on AWS would be called a_b, as that of app/a.b is; rename one",
        "app/a_b: its project on AWS would be called pm-app-a_b, as that of app/a.b is; rename one",
        "app/test: its stage on AWS would be called to-test, as that of app/to-test is; rename one",
    ] {
        assert!(told.contains(expected), "not told: {expected}\n{told}");
    }
}

#[test]
fn a_stage_called_like_the_deploy_and_projects_of_two_pipelines_collide() {
    let pipelines = "  app:\n    stages: [{name: deploy, buildspec: plain.yml}, {name: a-b, buildspec: plain.yml}]\n    deploy: {buildspec: plain.yml}\n  app-a:\n    stages: [{name: b, buildspec: plain.yml}]";
    assert_eq!(
        mistakes(pipelines, MAIN),
        [
            "app/deploy: its project on AWS would be called pm-app-deploy, as that of app/deploy is; rename one",
            "app-a/b: its project on AWS would be called pm-app-a-b, as that of app/a-b is; rename one",
        ]
    );
}

#[test]
fn the_limits_of_an_action_and_a_pipeline_are_kept() {
    let many: String = (0..47).map(|at| format!("      - {{name: s{at}, buildspec: plain.yml}}\n")).collect();
    let pipeline = |stages: &str| format!("  app:\n    stages:\n{stages}    deploy: {{buildspec: plain.yml}}");
    assert!(made(&rules(&pipeline(&many), MAIN)).is_ok());
    let more = format!("{many}      - {{name: last, buildspec: plain.yml}}\n");
    assert_eq!(
        mistakes(&pipeline(&more), MAIN),
        ["app: 48 stages and 2 environments; a pipeline on AWS has room for 49 of them together"]
    );
    let five: String = (0..5).map(|at| format!("      - {{name: s{at}, buildspec: leaves.yml}}\n")).collect();
    let told = mistakes(&pipeline(&five), MAIN).join("\n");
    assert!(told.contains("app/test: 5 earlier stages leave artifacts for it (s0, s1, s2, s3, s4)"), "{told}");
}

#[test]
fn variables_that_do_not_fit_are_told() {
    let app = APP.replace("{inline: 'version: 0.2'}", "plain.yml");
    let with = |variables: &str| {
        let text = format!(
            "version: 1\nrepositories: [{{github: a/b, variables: {{{variables}}}}}]\npipelines:\n{app}\nenvironments: [{{name: test}}]\n\
             routes: [{{name: r, branch: x, pipeline: app}}, {{name: rest, any: true, pipeline: none}}]\n"
        );
        made(&Rules::parse(&text).unwrap_or_else(|problems| panic!("{problems:?}"))).unwrap_err().join("\n")
    };
    assert!(with("COMMIT: x").contains("the variable COMMIT of a/b: on AWS this name is Pointsman's own"));
    assert!(
        with("A: 'say \"x\"'").contains("the variable A of a/b: CodePipeline hands on no value with a quotation mark")
    );
    assert!(with(&format!("A: {}", "x".repeat(1001))).contains("one line of at most 1000 characters"));
    let many: Vec<String> = (0..41).map(|at| format!("V{at}: x")).collect();
    let told = with(&many.join(", "));
    assert!(told.contains("repositories: 41 variables; a pipeline on AWS has room for 40"), "{told}");
    assert!(told.contains("characters of JSON, and CodePipeline's action takes 1000"), "{told}");
}
