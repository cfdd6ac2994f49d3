//! What an action asks of `CloudFormation`, read and checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::artifact::{place, read as read_file};
use super::super::{misconfigured, only, required, said};
use crate::wire::action::{ActionFailure, ActionWork};

const KEYS: [&str; 10] = [
    "ActionMode",
    "StackName",
    "ChangeSetName",
    "TemplatePath",
    "RoleArn",
    "Capabilities",
    "TemplateConfiguration",
    "ParameterOverrides",
    "OutputFileName",
    "ConnectionArn",
];
const CAPABILITIES: [&str; 3] = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"];
/// The most that a template may be, in bytes.
const TEMPLATE_MAX: u64 = 1024 * 1024;
/// The most that `ParameterOverrides` may be, in bytes.
const OVERRIDES_MAX: usize = 1024;

/// What the action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    CreateUpdate,
    ReplaceOnFailure,
    ChangeSetReplace,
    ChangeSetExecute,
    DeleteOnly,
}

impl Mode {
    const ALL: [Self; 5] =
        [Self::CreateUpdate, Self::ReplaceOnFailure, Self::ChangeSetReplace, Self::ChangeSetExecute, Self::DeleteOnly];

    /// As the configuration writes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CreateUpdate => "CREATE_UPDATE",
            Self::ReplaceOnFailure => "REPLACE_ON_FAILURE",
            Self::ChangeSetReplace => "CHANGE_SET_REPLACE",
            Self::ChangeSetExecute => "CHANGE_SET_EXECUTE",
            Self::DeleteOnly => "DELETE_ONLY",
        }
    }

    fn has_template(self) -> bool {
        matches!(self, Self::CreateUpdate | Self::ReplaceOnFailure | Self::ChangeSetReplace)
    }

    fn has_change_set(self) -> bool {
        matches!(self, Self::ChangeSetReplace | Self::ChangeSetExecute)
    }
}

/// An action's wishes.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) mode: Mode,
    pub(super) stack: String,
    pub(super) change_set: Option<String>,
    pub(super) output_file: Option<String>,
    /// The fields of the request that makes or changes the stack.
    pub(super) input: Vec<(String, String)>,
}

impl Asked {
    pub(super) fn stack_only(&self) -> Vec<(String, String)> {
        vec![("StackName".to_owned(), self.stack.clone())]
    }

    pub(super) fn change_set(&self) -> Vec<(String, String)> {
        let name = self.change_set.clone().unwrap_or_default();
        [self.stack_only(), vec![("ChangeSetName".to_owned(), name)]].concat()
    }
}

/// A template configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TemplateConfiguration {
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    stack_policy: Option<Value>,
}

/// Reads an action's configuration and the files that it names.
pub(super) fn read(work: &ActionWork) -> Result<Asked, ActionFailure> {
    only(work, &KEYS)?;
    let named = required(work, "ActionMode")?;
    let mode = Mode::ALL.into_iter().find(|mode| mode.name() == named);
    let mode = mode.ok_or_else(|| {
        misconfigured(format!("ActionMode knows no {named}; it is one of {}", Mode::ALL.map(Mode::name).join(", ")))
    })?;
    let stack = required(work, "StackName")?.to_owned();
    let change_set = mode.has_change_set().then(|| required(work, "ChangeSetName")).transpose()?.map(str::to_owned);
    let mut input = vec![("StackName".to_owned(), stack.clone())];
    if let Some(name) = &change_set {
        input.push(("ChangeSetName".to_owned(), name.clone()));
    }
    if mode != Mode::ChangeSetExecute {
        input.push(("RoleARN".to_owned(), required(work, "RoleArn")?.to_owned()));
    }
    if mode.has_template() {
        input.extend(template(work)?);
    }
    Ok(Asked { mode, stack, change_set, output_file: said(work, "OutputFileName").map(str::to_owned), input })
}

fn template(work: &ActionWork) -> Result<Vec<(String, String)>, ActionFailure> {
    let body = file(work, "TemplatePath", required(work, "TemplatePath")?)?;
    let mut input = vec![("TemplateBody".to_owned(), body)];
    let capabilities = said(work, "Capabilities").into_iter().flat_map(|text| text.split(',')).map(str::trim);
    for (at, capability) in capabilities.enumerate() {
        if !CAPABILITIES.contains(&capability) {
            let words = format!("Capabilities knows no {capability}; it takes {}", CAPABILITIES.join(", "));
            return Err(misconfigured(words));
        }
        input.push((format!("Capabilities.member.{}", at + 1), capability.to_owned()));
    }
    let mut configuration = match said(work, "TemplateConfiguration") {
        None => TemplateConfiguration::default(),
        Some(place) => serde_json::from_str(&file(work, "TemplateConfiguration", place)?)
            .map_err(|error| misconfigured(format!("TemplateConfiguration {place} cannot be read: {error}")))?,
    };
    configuration.parameters.extend(overrides(work)?);
    for (at, (key, value)) in configuration.parameters.into_iter().enumerate() {
        input.push((format!("Parameters.member.{}.ParameterKey", at + 1), key));
        input.push((format!("Parameters.member.{}.ParameterValue", at + 1), value));
    }
    for (at, (key, value)) in configuration.tags.into_iter().enumerate() {
        input.push((format!("Tags.member.{}.Key", at + 1), key));
        input.push((format!("Tags.member.{}.Value", at + 1), value));
    }
    input.extend(configuration.stack_policy.map(|policy| ("StackPolicyBody".to_owned(), policy.to_string())));
    Ok(input)
}

fn file(work: &ActionWork, key: &str, text: &str) -> Result<String, ActionFailure> {
    let (artifact, path) = place(work, key, text)?;
    read_file(artifact, path, TEMPLATE_MAX)?
        .ok_or_else(|| misconfigured(format!("{key}: the artifact {} holds no {path}", artifact.name)))
}

/// `ParameterOverrides`: plain values, `Fn::GetParam` and `Fn::GetArtifactAtt`.
fn overrides(work: &ActionWork) -> Result<BTreeMap<String, String>, ActionFailure> {
    let Some(text) = said(work, "ParameterOverrides") else { return Ok(BTreeMap::new()) };
    if text.len() > OVERRIDES_MAX {
        return Err(misconfigured(format!("ParameterOverrides is larger than {OVERRIDES_MAX} bytes")));
    }
    let read: Map<String, Value> = serde_json::from_str(text)
        .map_err(|error| misconfigured(format!("ParameterOverrides is no JSON object: {error}")))?;
    read.into_iter().map(|(key, value)| Ok((key.clone(), value_of(work, &key, &value)?))).collect()
}

fn value_of(work: &ActionWork, key: &str, value: &Value) -> Result<String, ActionFailure> {
    let unknown =
        || misconfigured(format!("ParameterOverrides.{key} is neither text, Fn::GetParam nor Fn::GetArtifactAtt"));
    let words = |name: &str| -> Option<Vec<&str>> { value.get(name)?.as_array()?.iter().map(Value::as_str).collect() };
    if let Some(text) = value.as_str() {
        return Ok(text.to_owned());
    }
    if let Some([artifact, path, name]) = words("Fn::GetParam").as_deref() {
        let text = file(work, key, &format!("{artifact}::{path}"))?;
        let read: Value =
            serde_json::from_str(&text).map_err(|error| misconfigured(format!("{path} is no JSON: {error}")))?;
        let found = read.get(*name).and_then(Value::as_str).map(str::to_owned);
        return found.ok_or_else(|| misconfigured(format!("{path} in the artifact {artifact} has no text {name}")));
    }
    if let Some([artifact, attribute]) = words("Fn::GetArtifactAtt").as_deref() {
        let input = work.inputs.iter().find(|input| input.name == *artifact);
        let input =
            input.ok_or_else(|| misconfigured(format!("ParameterOverrides.{key}: {artifact} is no input artifact")))?;
        return match *attribute {
            "BucketName" => Ok(input.bucket.clone()),
            "ObjectKey" => Ok(input.key.clone()),
            "URL" => Ok(format!("https://s3.amazonaws.com/{}/{}", input.bucket, input.key)),
            _ => Err(unknown()),
        };
    }
    Err(unknown())
}
