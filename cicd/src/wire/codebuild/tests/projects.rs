//! Projects: what is taken, what is refused, what is told.

use super::*;

#[tokio::test]
async fn a_project_is_told_as_it_was_declared() {
    let world = World::new();
    let mut project = declared("shop");
    project["vpcConfig"] = json!({"vpcId": "vpc-1", "subnets": ["a"], "securityGroupIds": ["b"]});
    let created = world.get("CreateProject", project).await["project"].clone();
    assert_eq!(created["arn"], "arn:aws:codebuild:us-east-1:000000000000:project/shop");
    assert_eq!((&created["timeoutInMinutes"], &created["queuedTimeoutInMinutes"]), (&json!(60), &json!(480)));
    assert_eq!(created["vpcConfig"]["vpcId"], "vpc-1");
    let told = world.get("BatchGetProjects", json!({"names": ["shop", "none", created["arn"]]})).await;
    assert_eq!(told["projects"], json!([created, created]));
    assert_eq!(told["projectsNotFound"], json!(["none"]));
    assert_eq!(world.get("ListProjects", json!({})).await, json!({"projects": ["shop"]}));
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_nothing_else() {
    let world = World::new();
    world.get("CreateProject", declared("shop")).await;
    let mut environment = declared("shop")["environment"].clone();
    environment["computeType"] = json!("BUILD_GENERAL1_LARGE");
    let updated = world.get("UpdateProject", json!({"name": "shop", "environment": environment})).await;
    assert_eq!(updated["project"]["environment"]["computeType"], "BUILD_GENERAL1_LARGE");
    assert_eq!(updated["project"]["source"]["type"], "NO_SOURCE");
    let refused = world.ask("UpdateProject", json!({"name": "shop", "timeoutInMinutes": 1})).await.unwrap_err();
    assert_eq!(refused.code, "InvalidInputException");
    let told = world.get("BatchGetProjects", json!({"names": ["shop"]})).await;
    assert_eq!(told["projects"][0]["timeoutInMinutes"], 60, "what was refused has changed nothing");
    let missing = world.ask("UpdateProject", json!({"name": "none"})).await.unwrap_err();
    assert_eq!(missing.code, "ResourceNotFoundException");
    world.get("DeleteProject", json!({"name": "shop"})).await;
    world.get("DeleteProject", json!({"name": "shop"})).await;
    assert_eq!(world.get("ListProjects", json!({})).await, json!({"projects": []}));
}

#[tokio::test]
async fn a_project_that_cannot_be_is_refused() {
    let world = World::new();
    world.get("CreateProject", declared("shop")).await;
    let twice = world.ask("CreateProject", declared("shop")).await.unwrap_err();
    assert_eq!(twice.code, "ResourceAlreadyExistsException");
    let with = |place: &str, value: Value| {
        let mut project = declared("other");
        *project.pointer_mut(place).unwrap() = value;
        project
    };
    for (place, value, word) in [
        ("/name", json!("x"), "Project name"),
        ("/name", json!("../x"), "Project name"),
        ("/source/type", json!("FTP"), "source.type"),
        ("/source/type", json!("CODEPIPELINE"), "CODEPIPELINE artifacts"),
        ("/source/type", json!("S3"), "source.location"),
        ("/source/buildspec", json!("buildspec.yml"), "inline"),
        ("/environment/computeType", json!("HUGE"), "computeType"),
        ("/environment/computeType", json!("BUILD_LAMBDA_1GB"), "cannot be had"),
        ("/environment/image", json!(""), "image"),
        ("/serviceRole", json!(""), "serviceRole"),
    ] {
        let refused = world.ask("CreateProject", with(place, value.clone())).await.unwrap_err();
        assert_eq!(refused.code, "InvalidInputException", "{place} {value}");
        assert!(refused.message.contains(word), "{place} {value}: {}", refused.message);
    }
}
