"""boto3 drives the wire through one whole life of a pipeline, and every answer is held against botocore's service models.
"""

import json
import sys


import held
from held import REGION, mistakes, refused, seen, until

URL, BUCKET, VERSION = sys.argv[1:]
ACCOUNT = "111122223333"


def client(service):
    return held.client(service, URL)


pipelines, builds = client("codepipeline"), client("codebuild")


def environment(compute="BUILD_GENERAL1_SMALL"):
    return {"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": compute}


def kind(category, provider):
    return {"category": category, "owner": "AWS", "provider": provider, "version": "1"}


def projects():
    role = f"arn:aws:iam::{ACCOUNT}:role/build"
    made = builds.create_project(
        name="app-build",
        source={"type": "CODEPIPELINE"},
        artifacts={"type": "CODEPIPELINE"},
        environment=environment(),
        serviceRole=role,
        tags=[{"key": "k", "value": "v"}],
        logsConfig={"cloudWatchLogs": {"status": "ENABLED"}},
    )
    assert made["project"]["arn"].endswith(":project/app-build")
    spec = json.dumps({"version": "0.2", "phases": {"build": {"commands": ["echo $A", "exit $CODE"]}}})
    builds.create_project(
        name="alone",
        source={"type": "NO_SOURCE", "buildspec": spec},
        artifacts={"type": "NO_ARTIFACTS"},
        environment=environment(),
        serviceRole=role,
    )
    changed = builds.update_project(name="alone", environment=environment("BUILD_GENERAL1_LARGE"))
    assert changed["project"]["environment"]["computeType"] == "BUILD_GENERAL1_LARGE"
    assert builds.list_projects()["projects"] == ["alone", "app-build"]
    assert builds.batch_get_projects(names=["alone", "none"])["projectsNotFound"] == ["none"]
    refused("ResourceNotFoundException", builds.start_build, projectName="none")
    refused("InvalidInputException", builds.start_build, projectName="app-build")
    refused("ResourceNotFoundException", builds.update_project, name="none")


def ended(build):
    told = lambda: builds.batch_get_builds(ids=[build])["builds"][0]
    return until("the build's end", lambda: (it := told())["buildComplete"] and it)


def alone():
    variables = lambda code: [{"name": "CODE", "value": code, "type": "PLAINTEXT"}]
    started = builds.start_build(projectName="alone", environmentVariablesOverride=variables("0"), idempotencyToken="t1")
    again = builds.start_build(projectName="alone", environmentVariablesOverride=variables("0"), idempotencyToken="t1")
    assert started["build"]["id"] == again["build"]["id"]
    assert ended(started["build"]["id"])["buildStatus"] == "SUCCEEDED"
    failed = builds.start_build(projectName="alone", environmentVariablesOverride=variables("3"))["build"]["id"]
    told = ended(failed)
    assert told["buildStatus"] == "FAILED", told
    context = next(phase for phase in told["phases"] if phase["phaseType"] == "BUILD")["contexts"][0]
    assert context["statusCode"] == "COMMAND_EXECUTION_ERROR" and "exit status 3" in context["message"], context
    retried = builds.retry_build(id=failed)["build"]["id"]
    builds.stop_build(id=retried)
    ended(retried)
    assert builds.list_builds()["ids"][0] == retried
    assert len(builds.list_builds_for_project(projectName="alone")["ids"]) == 3
    assert builds.batch_get_builds(ids=["alone:none"])["buildsNotFound"] == ["alone:none"]


def declaration():
    skip = {
        "conditions": [{
            "result": "SKIP",
            "rules": [{
                "name": "asked",
                "ruleTypeId": {"category": "Rule", "owner": "AWS", "provider": "VariableCheck", "version": "1"},
                "configuration": {"Variable": "#{variables.STAGES}", "Operator": "CONTAINS", "Value": ",build,"},
            }],
        }]
    }
    source = {
        "name": "source",
        "actionTypeId": kind("Source", "S3"),
        "configuration": {
            "S3Bucket": BUCKET,
            "S3ObjectKey": "none.zip",
            "AllowOverrideForS3ObjectKey": "true",
            "PollForSourceChanges": "false",
        },
        "outputArtifacts": [{"name": "source"}],
    }
    build = {
        "name": "build",
        "namespace": "built",
        "actionTypeId": kind("Build", "CodeBuild"),
        "configuration": {
            "ProjectName": "app-build",
            "EnvironmentVariables": json.dumps([{"name": "POINTSMAN_RUN", "value": "#{variables.RUN}", "type": "PLAINTEXT"}]),
        },
        "inputArtifacts": [{"name": "source"}],
        "outputArtifacts": [{"name": "build"}],
    }
    gate = {
        "name": "gate",
        "actionTypeId": kind("Approval", "Manual"),
        "configuration": {"CustomData": "run #{variables.RUN}"},
    }
    return {
        "name": "app",
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/pipeline",
        "pipelineType": "V2",
        "executionMode": "PARALLEL",
        "artifactStore": {"type": "S3", "location": BUCKET},
        "variables": [{"name": "RUN"}, {"name": "STAGES", "defaultValue": ","}],
        "stages": [
            {"name": "source", "actions": [source]},
            {"name": "build", "beforeEntry": skip, "actions": [build]},
            {"name": "gate", "actions": [gate]},
        ],
    }


def start(run, stages, key, token, version=None):
    revisions = [{"actionName": "source", "revisionType": "S3_OBJECT_KEY", "revisionValue": key}]
    if version:
        revisions.append({"actionName": "source", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": version})
    variables = [{"name": "RUN", "value": run}, {"name": "STAGES", "value": stages}]
    given = dict(name="app", variables=variables, sourceRevisions=revisions, clientRequestToken=token)
    return pipelines.start_pipeline_execution(**given)["pipelineExecutionId"]


def status(execution):
    return pipelines.get_pipeline_execution(pipelineName="app", pipelineExecutionId=execution)["pipelineExecution"]["status"]


def actions(execution):
    told = pipelines.list_action_executions(pipelineName="app", filter={"pipelineExecutionId": execution})
    return {action["actionName"]: action for action in reversed(told["actionExecutionDetails"])}


def at_the_gate(execution):
    def look():
        told = actions(execution)
        assert status(execution) == "InProgress", json.dumps(told, default=str, indent=1)
        return told.get("gate")

    gate = until("the gate", look)
    return gate["output"]["executionResult"]["externalExecutionId"] if gate.get("output") else gate["actionExecutionId"]


def answer(execution, word):
    pipelines.put_approval_result(
        pipelineName="app", stageName="gate", actionName="gate", token=at_the_gate(execution), result={"summary": "x", "status": word}
    )


def life():
    made = pipelines.create_pipeline(pipeline=declaration(), tags=[{"key": "k", "value": "v"}])
    assert made["pipeline"]["version"] == 1
    refused("PipelineNameInUseException", pipelines.create_pipeline, pipeline=declaration())
    assert pipelines.update_pipeline(pipeline=declaration())["pipeline"]["version"] == 2
    arn = pipelines.get_pipeline(name="app")["metadata"]["pipelineArn"]
    assert pipelines.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "k", "value": "v"}]
    assert [it["name"] for it in pipelines.list_pipelines()["pipelines"]] == ["app"]

    good = start("run-1", ",build,", "src/good.zip", "a" * 64, VERSION)
    assert start("run-1", ",build,", "src/good.zip", "a" * 64, VERSION) == good
    token = at_the_gate(good)
    refused(
        "InvalidApprovalTokenException",
        pipelines.put_approval_result,
        pipelineName="app", stageName="gate", actionName="gate", token="0" * 8 + token[8:], result={"summary": "", "status": "Approved"},
    )
    assert actions(good)["gate"]["input"]["resolvedConfiguration"]["CustomData"] == "run run-1"
    assert actions(good)["build"]["output"]["outputVariables"] == {"SAID": "run run-1"}
    build = builds.batch_get_builds(ids=[actions(good)["build"]["output"]["executionResult"]["externalExecutionId"]])
    assert build["builds"][0]["initiator"] == "codepipeline/app"
    assert build["builds"][0]["resolvedSourceVersion"] == VERSION
    answer(good, "Approved")
    until("success", lambda: status(good) == "Succeeded")

    skipped = start("run-2", ",", "src/good.zip", "b" * 64)
    answer(skipped, "Rejected")
    until("failure", lambda: status(skipped) == "Failed")
    assert "build" not in actions(skipped)

    bad = start("run-3", ",build,", "src/bad.zip", "c" * 64)
    until("failure", lambda: status(bad) == "Failed")
    result = actions(bad)["build"]["output"]["executionResult"]
    assert result["errorDetails"] == {"code": "JobFailed"}, result
    assert result["externalExecutionSummary"] == "Build terminated with state: FAILED", result
    stages = {stage["stageName"]: stage for stage in pipelines.get_pipeline_state(name="app")["stageStates"]}
    details = stages["build"]["actionStates"][0]["latestExecution"]["errorDetails"]
    assert "Phase: BUILD, Code: COMMAND_EXECUTION_ERROR" in details["message"], details
    pipelines.retry_stage_execution(pipelineName="app", stageName="build", pipelineExecutionId=bad, retryMode="FAILED_ACTIONS")
    until("the second failure", lambda: status(bad) == "Failed")

    stopped = start("run-4", ",", "src/good.zip", "d" * 64)
    at_the_gate(stopped)
    pipelines.stop_pipeline_execution(pipelineName="app", pipelineExecutionId=stopped, abandon=True, reason="enough")
    until("the stop", lambda: status(stopped) == "Stopped")


def around():
    assert len(pipelines.list_pipeline_executions(pipelineName="app")["pipelineExecutionSummaries"]) >= 4
    pipelines.get_pipeline_state(name="app")
    pipelines.list_rule_executions(pipelineName="app")
    pipelines.disable_stage_transition(pipelineName="app", stageName="gate", transitionType="Inbound", reason="closed")
    pipelines.enable_stage_transition(pipelineName="app", stageName="gate", transitionType="Inbound")
    refused("PipelineNotFoundException", pipelines.get_pipeline, name="none")
    refused("PipelineNotFoundException", pipelines.start_pipeline_execution, name="none")
    refused("UnknownOperationException", pipelines.list_webhooks)
    pipelines.delete_pipeline(name="app")
    builds.delete_project(name="alone")


projects()
alone()
life()
around()
if mistakes:
    sys.exit("\n".join(sorted(set(mistakes))))
print(f"{sum(seen.values())} answers of {len(seen)} operations held against the service models")
