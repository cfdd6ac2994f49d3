//! Pipelines and projects out of synthesized `CloudFormation` templates, so that what is deployed is what is run here.
//!
//! Templates that are read together may take each other's outputs. What only a deployment can know (a random name, an
//! ARN of something that is in no template) is made up in AWS's form, or can be said: see [`Stacks::known`]. What cannot be
//! resolved is a mistake with its place in the template.

use std::collections::BTreeMap;

use serde_json::Value;

mod camel;
mod names;
mod resolve;

pub use resolve::Wrong;

/// Templates that belong together.
#[derive(Debug, Clone)]
pub struct Stacks {
    /// By the stack's name.
    pub templates: BTreeMap<String, Value>,
    /// Where it all is.
    pub region: String,
    /// Twelve digits.
    pub account: String,
    /// Values of parameters, by `<stack>.<name>` or by the name alone.
    pub parameters: BTreeMap<String, String>,
    /// What `Ref` and `Fn::GetAtt` give, where it is known: by `<stack>.<logical id>` and `<stack>.<logical id>.<attribute>`.
    pub known: BTreeMap<String, String>,
}

/// What the templates declare, as the APIs take it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Declared {
    /// Inputs of `CreateProject`.
    pub projects: Vec<Value>,
    /// Inputs of `CreatePipeline`.
    pub pipelines: Vec<Value>,
    /// Inputs of `DisableStageTransition`.
    pub disabled: Vec<Value>,
}

const PIPELINE: &str = "AWS::CodePipeline::Pipeline";
const PROJECT: &str = "AWS::CodeBuild::Project";

impl Stacks {
    /// No templates, in a place.
    pub fn new(region: &str, account: &str) -> Self {
        Self {
            templates: BTreeMap::new(),
            region: region.to_owned(),
            account: account.to_owned(),
            parameters: BTreeMap::new(),
            known: BTreeMap::new(),
        }
    }

    /// Adds a template. A file `Pipelines.template.json` is the stack `Pipelines`.
    ///
    /// # Errors
    /// What is no template.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), Wrong> {
        let name = file.rsplit('/').next().unwrap_or(file);
        let stack = name.split('.').next().unwrap_or(name);
        let wrong = |message: String| Wrong { path: stack.to_owned(), message };
        let template: Value = serde_json::from_str(text).map_err(|error| wrong(format!("this is no JSON: {error}")))?;
        if !template.get("Resources").is_some_and(Value::is_object) {
            return Err(wrong("this is no template: it has no Resources".to_owned()));
        }
        self.templates.insert(stack.to_owned(), template);
        Ok(())
    }

    /// Every pipeline and project of all templates.
    ///
    /// # Errors
    /// Everything that cannot be resolved, each with its place.
    pub fn declared(&self) -> Result<Declared, Vec<Wrong>> {
        let (mut declared, mut mistakes) = (Declared::default(), Vec::new());
        for (stack, template) in &self.templates {
            let resources = template.get("Resources").and_then(Value::as_object);
            for (id, resource) in resources.into_iter().flatten() {
                if let Err(wrong) = self.resource(stack, id, resource, &mut declared) {
                    mistakes.push(wrong);
                }
            }
        }
        if mistakes.is_empty() { Ok(declared) } else { Err(mistakes) }
    }

    fn resource(&self, stack: &str, id: &str, resource: &Value, declared: &mut Declared) -> Result<(), Wrong> {
        let kind = resource.get("Type").and_then(Value::as_str).unwrap_or_default();
        if !matches!(kind, PIPELINE | PROJECT) || !self.is_wanted(stack, resource)? {
            return Ok(());
        }
        let path = format!("{stack}/Resources/{id}/Properties");
        let properties = resource.get("Properties").cloned().unwrap_or_default();
        let properties = self.resolved(stack, &path, &properties)?.unwrap_or_default();
        let name = self.name_of(stack, id, resource)?;
        if kind == PROJECT {
            declared.projects.push(camel::project(&name, &properties));
        } else {
            let (pipeline, disabled) =
                camel::pipeline(&name, &properties).map_err(|message| Wrong { path, message })?;
            declared.pipelines.push(pipeline);
            declared.disabled.extend(disabled);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
