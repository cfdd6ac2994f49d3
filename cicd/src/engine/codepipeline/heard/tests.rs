use super::*;

/// Events as AWS sends them: recorded from a real account (whole seconds, floats, an attempt of zero), names and ids changed.
const SOURCE_SUCCEEDED: &str = r#"{"version":"0","id":"5c7e606f-9196-687c-930d-ac2276d1d1b3","detail-type":"CodePipeline Action Execution State Change","source":"aws.codepipeline","account":"000000000000","time":"2026-09-28T17:33:13Z","region":"us-east-1","resources":["arn:aws:codepipeline:us-east-1:000000000000:pointsman-application"],"detail":{"execution-id":"d1993dfe-7201-4c68-890b-40f3231aef72","start-time":"2026-09-28T17:33:12.251Z","execution-result":{"external-execution-summary":"Amazon S3 version id: PsKnfDo6","external-execution-id":"PsKnfDo6"},"output-artifacts":[{"name":"source","s3location":{"bucket":"b","key":"k"}}],"type":{"owner":"AWS","provider":"S3","category":"Source","version":"1"},"version":1.0,"pipeline":"pointsman-application","stage":"source","action-execution-id":"6cc84690-58a4-45cd-acf3-6ed0e8961acf","action":"source","state":"SUCCEEDED","region":"us-east-1","pipeline-execution-attempt":1.0}}"#;
const STAGE_STARTED: &str = r#"{"version":"0","detail-type":"CodePipeline Stage Execution State Change","source":"aws.codepipeline","detail":{"pipeline":"pointsman-application","execution-id":"7f5094f0-aa1c-42e0-afe5-af7d0ae9885d","start-time":"2026-09-28T17:33:53.818Z","stage":"Approval","state":"STARTED","version":1.0,"pipeline-execution-attempt":0.0}}"#;

fn execution(state: &str) -> String {
    format!(
        r#"{{"detail-type":"CodePipeline Pipeline Execution State Change","source":"aws.codepipeline","detail":{{"pipeline":"p","execution-id":"e","state":"{state}","version":1.0}}}}"#
    )
}

#[test]
fn recorded_events_are_read() {
    let heard = read(SOURCE_SUCCEEDED).unwrap().unwrap();
    assert_eq!((heard.pipeline.as_str(), heard.execution.len()), ("pointsman-application", 36));
    let What::Action(action) = heard.what else { panic!("an action") };
    assert_eq!((action.stage.as_str(), action.state, action.kind), ("source", ActionState::Succeeded, Kind::Other));
    assert_eq!(action.external.as_deref(), Some("PsKnfDo6"));
    assert_eq!(read(STAGE_STARTED).unwrap().unwrap().what, What::Stage { is_at_work: true });
}

#[test]
fn every_state_that_is_written_down_is_known() {
    for state in ["CANCELED", "FAILED", "RESUMED", "STARTED", "STOPPED", "STOPPING", "SUCCEEDED", "SUPERSEDED"] {
        assert!(read(&execution(state)).unwrap().is_some(), "{state}");
    }
    for state in ["ABANDONED", "CANCELED", "FAILED", "STARTED", "SUCCEEDED"] {
        let event = SOURCE_SUCCEEDED.replace("SUCCEEDED", state);
        assert!(read(&event).unwrap().is_some(), "{state}");
    }
    for word in ["InProgress", "Stopping", "Stopped", "Succeeded", "Failed", "Superseded", "Cancelled"] {
        assert!(ExecutionState::read(word).is_some(), "{word}");
    }
    for word in ["InProgress", "Abandoned", "Succeeded", "Failed"] {
        assert!(ActionState::read(word).is_some(), "{word}");
    }
    assert!(read(&execution("PONDERING")).unwrap_err().contains("\"PONDERING\""));
}

#[test]
fn what_is_about_something_else_means_nothing() {
    for message in ["{}", r#"{"source":"aws.codebuild"}"#, r#"{"source":"aws.codepipeline","detail-type":"new"}"#] {
        assert_eq!(read(message), Ok(None), "{message}");
    }
}

#[test]
fn what_is_malformed_or_huge_is_refused_without_being_shown() {
    let cut = &SOURCE_SUCCEEDED[..400];
    let no_id = execution("FAILED").replace("execution-id", "id");
    for message in ["", "null", "[1]", "secret text", cut, &no_id] {
        let refused = read(message).unwrap_err();
        assert!(!refused.contains("secret") && refused.len() < 200, "{refused}");
    }
    let huge = format!(r#"{{"source":"{}"}}"#, "x".repeat(2 * MESSAGE_MAX));
    assert!(read(&huge).unwrap_err().contains("bytes"));
    assert!(read(&execution(&"x".repeat(5000))).unwrap_err().len() < 200);
}

#[test]
fn an_id_that_is_none_is_refused() {
    // One of AWS's own samples has an ARN there.
    for id in ["arn:aws:codepipeline:us-east-1:123456789012:p", &"0b".repeat(100_000)] {
        let told = read(&execution("FAILED").replace("\"e\"", &format!("\"{id}\""))).unwrap_err();
        assert!(told.contains("no execution's id") && told.len() < 100, "{told}");
    }
}
