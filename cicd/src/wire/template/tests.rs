//! Templates as CDK writes them, and with mistakes.

use serde_json::json;

use super::*;

fn stacks(templates: &[(&str, Value)]) -> Stacks {
    let mut stacks = Stacks::new("eu-central-1", "111122223333");
    for (name, template) in templates {
        stacks.add(&format!("cdk.out/{name}.template.json"), &template.to_string()).unwrap();
    }
    stacks
}

fn ground() -> Value {
    json!({
        "Resources": {
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Fn::Sub": "src-${AWS::AccountId}"}}},
        },
        "Outputs": {
            "BucketRef": {"Value": {"Ref": "Bucket"}, "Export": {"Name": {"Fn::Join": [":", ["Ground", "Bucket"]]}}},
        },
    })
}

/// One pipeline whose source names a bucket as given.
fn pipelines(bucket: &Value) -> Value {
    json!({
        "Parameters": {"Prefix": {"Type": "String", "Default": "pointsman"}, "Size": {"Type": "String"}},
        "Conditions": {
            "IsBig": {"Fn::Equals": [{"Ref": "Size"}, "big"]},
            "IsSmall": {"Fn::Not": [{"Condition": "IsBig"}]},
        },
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {}},
            "Extra": {"Type": "AWS::CodeBuild::Project", "Condition": "IsBig", "Properties": {}},
            "Build": {"Type": "AWS::CodeBuild::Project", "Properties": {
                "Name": {"Fn::Join": ["-", [{"Ref": "Prefix"}, "application", "build"]]},
                "ServiceRole": {"Fn::GetAtt": ["Role", "Arn"]},
                "Source": {"Type": "CODEPIPELINE", "BuildSpec": "buildspecs/build.yml"},
                "Artifacts": {"Type": "CODEPIPELINE"},
                "TimeoutInMinutes": "30",
                "Environment": {
                    "Type": "LINUX_CONTAINER",
                    "Image": "aws/codebuild/standard:7.0",
                    "ComputeType": {"Fn::If": ["IsBig", "BUILD_GENERAL1_LARGE", "BUILD_GENERAL1_SMALL"]},
                    "PrivilegedMode": "true",
                    "EnvironmentVariables": [{"Name": "A", "Type": "PLAINTEXT", "Value": "1"}, {"Ref": "AWS::NoValue"}],
                },
            }},
            "App": {"Type": "AWS::CodePipeline::Pipeline", "Properties": {
                "Name": {"Fn::Sub": "${Prefix}-application"},
                "PipelineType": "V2",
                "ExecutionMode": "PARALLEL",
                "RoleArn": {"Fn::GetAtt": "Role.Arn"},
                "ArtifactStore": {"Type": "S3", "Location": bucket},
                "RestartExecutionOnUpdate": false,
                "Tags": [{"Key": "k", "Value": "v"}],
                "DisableInboundStageTransitions": [{"StageName": "build", "Reason": "not yet"}],
                "Variables": [{"Name": "RUN"}, {"Name": "STAGES", "DefaultValue": ","}],
                "Stages": [
                    {"Name": "source", "Actions": [{
                        "Name": "source",
                        "ActionTypeId": {"Category": "Source", "Owner": "AWS", "Provider": "S3", "Version": "1"},
                        "Configuration": {"S3Bucket": bucket, "S3ObjectKey": "k", "PollForSourceChanges": false},
                        "OutputArtifacts": [{"Name": "source"}],
                        "RunOrder": "1",
                    }]},
                    {"Name": "build",
                     "BeforeEntry": {"Conditions": [{"Result": "SKIP", "Rules": [{
                        "Name": "asked",
                        "RuleTypeId": {"Category": "Rule", "Owner": "AWS", "Provider": "VariableCheck", "Version": "1"},
                        "Configuration": {"Variable": "#{variables.STAGES}", "Operator": "CONTAINS", "Value": ",build,"},
                     }]}]},
                     "Actions": [{
                        "Name": "build",
                        "ActionTypeId": {"Category": "Build", "Owner": "AWS", "Provider": "CodeBuild", "Version": "1"},
                        "Configuration": {"ProjectName": {"Ref": "Build"}, "EnvironmentVariables": [{"name": "A", "value": "1"}]},
                        "InputArtifacts": [{"Name": "source"}],
                    }]},
                ],
            }},
        },
    })
}

#[test]
fn a_template_is_what_the_apis_take() {
    let mut stacks =
        stacks(&[("Ground", ground()), ("Pipelines", pipelines(&json!({"Fn::ImportValue": "Ground:Bucket"})))]);
    stacks.parameters.insert("Size".to_owned(), "small".to_owned());
    let declared = stacks.declared().unwrap();
    assert_eq!(declared.projects.len(), 1, "the condition leaves one out");
    let project = &declared.projects[0];
    assert_eq!(project["name"], "pointsman-application-build");
    assert_eq!(project["serviceRole"], "arn:aws:iam::111122223333:role/Pipelines-Role");
    assert_eq!(project["source"]["buildspec"], "buildspecs/build.yml");
    assert_eq!((&project["timeoutInMinutes"], &project["environment"]["privilegedMode"]), (&json!(30), &json!(true)));
    assert_eq!(project["environment"]["computeType"], "BUILD_GENERAL1_SMALL");
    assert_eq!(
        project["environment"]["environmentVariables"],
        json!([{"name": "A", "type": "PLAINTEXT", "value": "1"}])
    );
    let pipeline = &declared.pipelines[0]["pipeline"];
    assert_eq!(pipeline["name"], "pointsman-application");
    assert_eq!(pipeline["artifactStore"], json!({"type": "S3", "location": "src-111122223333"}));
    assert_eq!(pipeline["stages"][0]["actions"][0]["runOrder"], 1);
    let configuration = &pipeline["stages"][0]["actions"][0]["configuration"];
    assert_eq!(
        *configuration,
        json!({"S3Bucket": "src-111122223333", "S3ObjectKey": "k", "PollForSourceChanges": "false"})
    );
    let build = &pipeline["stages"][1];
    assert_eq!(build["beforeEntry"]["conditions"][0]["rules"][0]["configuration"]["Operator"], "CONTAINS");
    assert_eq!(build["actions"][0]["configuration"]["ProjectName"], "pointsman-application-build");
    assert_eq!(build["actions"][0]["configuration"]["EnvironmentVariables"], r#"[{"name":"A","value":"1"}]"#);
    assert_eq!(declared.pipelines[0]["tags"], json!([{"key": "k", "value": "v"}]));
    assert_eq!(declared.disabled[0]["stageName"], "build");
}

#[test]
fn outputs_and_deployed_names_are_taken() {
    let bucket = json!({"Fn::GetStackOutput": {"StackName": "Ground", "OutputName": "BucketRef"}});
    let mut stacks = stacks(&[("Ground", ground()), ("Pipelines", pipelines(&bucket))]);
    stacks.parameters.insert("Pipelines.Size".to_owned(), "big".to_owned());
    stacks.templates.get_mut("Pipelines").unwrap()["Resources"]["Extra"]["Properties"] = json!({"Name": "extra"});
    stacks.known.insert("Ground.Bucket".to_owned(), "deployed".to_owned());
    let declared = stacks.declared().unwrap();
    assert_eq!(declared.projects.len(), 2);
    assert_eq!(declared.pipelines[0]["pipeline"]["artifactStore"]["location"], "deployed");
}

#[test]
fn what_cannot_be_resolved_is_told_with_its_place() {
    for (bucket, path, word) in [
        (json!({"Ref": "Nobody"}), "Location/Ref", "neither parameter nor resource Nobody"),
        (json!({"Fn::ImportValue": "Other:X"}), "Location/Fn::ImportValue", "name the other stack's template"),
        (json!({"Fn::GetAtt": ["Role", "RoleId"]}), "Location/Fn::GetAtt", "--known Pipelines.Role.RoleId="),
        (json!({"Fn::Cidr": []}), "Location/Fn::Cidr", "not resolved here"),
        (json!({"Ref": "Size"}), "Location/Ref", "--parameter Pipelines.Size="),
        (json!({"Fn::Select": [9, ["a"]]}), "Location/Fn::Select", "shorter"),
    ] {
        let mut template = pipelines(&bucket);
        template["Conditions"] = json!({"IsBig": {"Fn::Equals": ["a", "b"]}});
        let wrong = stacks(&[("Pipelines", template)]).declared().unwrap_err();
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        let told = wrong[0].to_string();
        assert!(told.starts_with(&format!("Pipelines/Resources/App/Properties/ArtifactStore/{path}: ")), "{told}");
        assert!(told.contains(word), "{told}");
    }
}

#[test]
fn a_circle_is_told_and_not_followed() {
    let template = json!({
        "Conditions": {"A": {"Fn::Not": [{"Condition": "A"}]}},
        "Resources": {"P": {"Type": "AWS::CodeBuild::Project", "Condition": "A", "Properties": {}}},
    });
    let wrong = stacks(&[("S", template)]).declared().unwrap_err();
    assert!(wrong[0].message.contains("refers to itself"), "{wrong:?}");
    assert!(Stacks::new("r", "a").add("x.json", "[]").is_err());
    assert!(Stacks::new("r", "a").add("x.json", "{").is_err());
}
