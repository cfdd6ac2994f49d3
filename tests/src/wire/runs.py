"""boto3 on the runs that a rule file started: `runs.py URL MAIN SLOW`, the commits that were pushed to two branches.

Who asks is told apart by their access key, which is their token.
"""

import sys

import held
from held import mistakes, refused, seen, until

URL, MAIN, SLOW = sys.argv[1:]
lee, dana, stranger = (held.client("codepipeline", URL, f"0123456789-{name}s-token") for name in ("lee", "dana", "stranger"))
APP = {"pipelineName": "application"}


def execution_of(commit):
    for summary in lee.list_pipeline_executions(**APP)["pipelineExecutionSummaries"]:
        if summary["sourceRevisions"][0]["revisionId"] == commit:
            return summary


def actions(execution):
    listed = lee.list_action_executions(**APP, filter={"pipelineExecutionId": execution})["actionExecutionDetails"]
    return {(action["stageName"], action["actionName"]): action for action in listed}


def gate(execution):
    return actions(execution).get(("to-prod", "gate"))


def status(execution):
    return lee.get_pipeline_execution(**APP, pipelineExecutionId=execution)["pipelineExecution"]["status"]


def reads():
    assert [it["name"] for it in lee.list_pipelines()["pipelines"]] == ["application"]
    assert stranger.list_pipelines()["pipelines"] == []
    refused("AccessDeniedException", stranger.list_pipeline_executions, **APP)
    declared = lee.get_pipeline(name="application")["pipeline"]
    assert [stage["name"] for stage in declared["stages"]] == ["source", "test", "to-test", "to-prod"]
    refused("PipelineVersionNotFoundException", lee.get_pipeline, name="application", version=7)
    refused("PipelineNotFoundException", lee.get_pipeline, name="other")
    refused("PipelineExecutionNotFoundException", lee.get_pipeline_execution, **APP, pipelineExecutionId="0" * 8 + "-0000" * 3 + "-" + "1" * 12)
    refused("ValidationException", lee.start_pipeline_execution, name="application")
    refused("ValidationException", lee.delete_pipeline, name="application")


def decides():
    execution = execution_of(MAIN)["pipelineExecutionId"]
    token = until("the gate", lambda: gate(execution))["actionExecutionId"]
    told = lee.get_pipeline_execution(**APP, pipelineExecutionId=execution)["pipelineExecution"]
    assert {"name": "COMMIT", "resolvedValue": MAIN} in told["variables"] and told["status"] == "InProgress"
    state = {stage["stageName"]: stage for stage in lee.get_pipeline_state(name="application")["stageStates"]}
    assert state["to-test"]["latestExecution"] == {"pipelineExecutionId": execution, "status": "Succeeded"}
    assert state["to-prod"]["actionStates"][0]["latestExecution"]["status"] == "InProgress"
    assert state["to-prod"]["latestExecution"]["status"] == "InProgress"

    answer = {**APP, "stageName": "to-prod", "actionName": "gate", "token": token, "result": {"summary": "fine", "status": "Approved"}}
    refused("AccessDeniedException", dana.put_approval_result, **answer)
    refused("AccessDeniedException", stranger.put_approval_result, **answer)
    refused("InvalidApprovalTokenException", lee.put_approval_result, **{**answer, "token": execution})
    refused("InvalidApprovalTokenException", lee.put_approval_result, **{**answer, "token": "0" * 8 + token[8:]})
    refused("StageNotFoundException", lee.put_approval_result, **{**answer, "stageName": "to-nowhere"})
    refused("ActionNotFoundException", lee.put_approval_result, **{**answer, "actionName": "deploy"})
    assert gate(execution)["status"] == "InProgress"
    assert lee.put_approval_result(**answer)["approvedAt"]
    until("the end", lambda: status(execution) == "Succeeded")
    refused("ApprovalAlreadyCompletedException", lee.put_approval_result, **answer)
    done = actions(execution)
    assert done["to-prod", "gate"]["updatedBy"].endswith("user/lee"), done["to-prod", "gate"]
    assert {action["status"] for action in done.values()} == {"Succeeded"}
    assert sorted(done) == [
        ("source", "source"), ("test", "test"), ("to-prod", "deploy"), ("to-prod", "gate"), ("to-test", "deploy"), ("to-test", "gate"),
    ]
    succeeded = lee.list_pipeline_executions(**APP, filter={"succeededInStage": {"stageName": "to-prod"}})
    assert [it["pipelineExecutionId"] for it in succeeded["pipelineExecutionSummaries"]] == [execution]


def stops():
    execution = execution_of(SLOW)["pipelineExecutionId"]
    until("work", lambda: ("test", "test") in actions(execution))
    asked = {**APP, "pipelineExecutionId": execution, "reason": "enough"}
    refused("AccessDeniedException", stranger.stop_pipeline_execution, **asked)
    assert lee.stop_pipeline_execution(**asked)["pipelineExecutionId"] == execution
    until("the end", lambda: status(execution) == "Stopped")
    assert actions(execution)["test", "test"]["status"] == "Abandoned"
    refused("PipelineExecutionNotStoppableException", lee.stop_pipeline_execution, **asked)
    first = lee.list_pipeline_executions(**APP, maxResults=1)
    second = lee.list_pipeline_executions(**APP, maxResults=1, nextToken=first["nextToken"])
    assert len(first["pipelineExecutionSummaries"]) == len(second["pipelineExecutionSummaries"]) == 1 and "nextToken" not in second


until("both", lambda: execution_of(MAIN) and execution_of(SLOW))
reads()
decides()
stops()
assert not mistakes, "\n".join(mistakes)
print(f"{sum(seen.values())} answers of {len(seen)} operations held against the service models")
