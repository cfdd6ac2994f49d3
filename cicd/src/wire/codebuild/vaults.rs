//! What a build's variables name in the Parameter Store and in Secrets Manager: the user guide's `build-spec-ref`, and the service
//! model's `EnvironmentVariable`.

use aws_sdk_secretsmanager::error::DisplayErrorContext;
use aws_sdk_ssm::error::ProvideErrorMetadata;
use serde_json::{Map, Value};

/// What CodeBuild calls a parameter that it does not get.
const OF_PARAMETERS: &str = "Decrypted Variables Error";
/// What CodeBuild calls a secret that it does not get.
const OF_SECRETS: &str = "Secrets Manager Error";

/// Where secrets of builds are kept.
#[derive(Debug, Clone, Default)]
pub struct Vaults {
    /// The Parameter Store; none when nobody said where it is.
    pub parameters: Option<aws_sdk_ssm::Client>,
    /// Secrets Manager; none when nobody said where it is.
    pub secrets: Option<aws_sdk_secretsmanager::Client>,
}

/// Where a variable's value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Here.
    Here(String),
    /// In the Parameter Store, by its name.
    Parameter(String),
    /// In Secrets Manager, by its reference.
    Secret(String),
}

/// Why a value is not had: CodeBuild's code and the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotHad(pub(super) &'static str, pub(super) String);

impl Vaults {
    /// The value of a parameter.
    pub(super) async fn parameter(&self, variable: &str, name: &str) -> Result<String, NotHad> {
        let failed = |why| NotHad(OF_PARAMETERS, why);
        let Some(client) = &self.parameters else {
            let words = "is in the Parameter Store, and the wire has none; set AWS_ENDPOINT_URL_SSM";
            return Err(failed(format!("the variable {variable} {words}")));
        };
        let told = client.get_parameter().name(name).with_decryption(true).send().await;
        let told = told.map_err(|error| match error.code() {
            Some("ParameterNotFound") => failed(format!("parameter does not exist: {name}")),
            Some(code) => failed(format!("{code}: {}", error.message().unwrap_or_default())),
            None => failed(DisplayErrorContext(error).to_string()),
        })?;
        let value = told.parameter.and_then(|parameter| parameter.value);
        value.ok_or_else(|| failed(format!("the parameter {name} has no value")))
    }

    /// The value of a secret, or of a key of one.
    pub(super) async fn secret(&self, variable: &str, reference: &str) -> Result<String, NotHad> {
        let failed = |why| NotHad(OF_SECRETS, why);
        let Some(client) = &self.secrets else {
            let words = "is in Secrets Manager, and the wire has none; set AWS_ENDPOINT_URL_SECRETS_MANAGER";
            return Err(failed(format!("the variable {variable} {words}")));
        };
        let Reference { id, key, stage, version } = Reference::read(reference);
        let asked = client.get_secret_value().secret_id(&id).set_version_stage(stage).set_version_id(version);
        let told = asked.send().await.map_err(|error| match error.code() {
            Some(code) => failed(format!("{code}: {}", error.message().unwrap_or_default())),
            None => failed(DisplayErrorContext(error).to_string()),
        })?;
        let text = told.secret_string.ok_or_else(|| failed(format!("the secret {id} is binary, not text")))?;
        let Some(key) = key else { return Ok(text) };
        // What stands in it is not told.
        let all: Map<String, Value> = serde_json::from_str(&text)
            .map_err(|_| failed(format!("the secret {id} is no JSON, and has no key {key}")))?;
        match all.get(&key) {
            Some(Value::String(value)) => Ok(value.clone()),
            Some(other) => Ok(other.to_string()),
            None => Err(failed(format!("the secret {id} has no key {key}"))),
        }
    }
}

/// `secret-id[:json-key[:version-stage[:version-id]]]`; a secret's ARN has six colons of its own.
#[derive(Debug, PartialEq, Eq)]
struct Reference {
    id: String,
    key: Option<String>,
    stage: Option<String>,
    version: Option<String>,
}

impl Reference {
    fn read(text: &str) -> Self {
        let fields: Vec<&str> = text.split(':').collect();
        let own = if text.starts_with("arn:") { 7 } else { 1 };
        let (id, rest) = fields.split_at(own.min(fields.len()));
        let part = |at: usize| rest.get(at).filter(|part| !part.is_empty()).map(|part| (*part).to_owned());
        Self { id: id.join(":"), key: part(0), stage: part(1), version: part(2) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_a_secret_and_what_of_it() {
        let read = |text: &str| {
            let Reference { id, key, stage, version } = Reference::read(text);
            (id, key, stage, version)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("prod/db"), ("prod/db".to_owned(), None, None, None));
        assert_eq!(read("prod/db:user"), ("prod/db".to_owned(), some("user"), None, None));
        assert_eq!(read("db::AWSPREVIOUS"), ("db".to_owned(), None, some("AWSPREVIOUS"), None));
        assert_eq!(read("db:user::v1"), ("db".to_owned(), some("user"), None, some("v1")));
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-AbCdEf";
        assert_eq!(read(arn), (arn.to_owned(), None, None, None));
        assert_eq!(read(&format!("{arn}:user:AWSCURRENT")), (arn.to_owned(), some("user"), some("AWSCURRENT"), None));
    }
}
