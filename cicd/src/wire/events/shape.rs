//! The envelope of an event from EventBridge: numbers are floats, `time` is a whole second, other times have milliseconds.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::wire::Locality;
use crate::wire::ids;

/// An event of a pipeline: `level` is `Pipeline`, `Stage` or `Action`.
pub fn envelope(locality: &Locality, pipeline: &str, level: &str, now: Timestamp, detail: Map<String, Value>) -> Value {
    json!({
        "version": "0",
        "id": ids::uuid(),
        "detail-type": format!("CodePipeline {level} Execution State Change"),
        "source": "aws.codepipeline",
        "account": locality.account,
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": locality.region,
        "resources": [locality.pipeline_arn(pipeline)],
        "detail": detail,
    })
}

/// A time within an event's detail.
pub fn moment(at: Timestamp) -> Value {
    Value::from(at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

/// A number within an event's detail.
pub fn number(of: u32) -> Value {
    Value::from(f64::from(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_floats_and_only_time_is_a_whole_second() {
        let at: Timestamp = "2026-09-28T17:33:12.5Z".parse().unwrap();
        let locality = Locality { region: "us-east-1".to_owned(), account: "000000000000".to_owned() };
        let detail = Map::from_iter([("version".to_owned(), number(1)), ("start-time".to_owned(), moment(at))]);
        let mut event = envelope(&locality, "shop", "Stage", at, detail);
        event["id"] = Value::from("x");
        assert_eq!(
            event.to_string(),
            r#"{"account":"000000000000","detail":{"start-time":"2026-09-28T17:33:12.500Z","version":1.0},"#.to_owned()
                + r#""detail-type":"CodePipeline Stage Execution State Change","id":"x","region":"us-east-1","#
                + r#""resources":["arn:aws:codepipeline:us-east-1:000000000000:shop"],"source":"aws.codepipeline","#
                + r#""time":"2026-09-28T17:33:12Z","version":"0"}"#
        );
    }
}
