//! Projects: created, changed, read, listed, deleted.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::books::Project;
use super::check::{self, invalid};
use super::shape::Declared;
use super::{CodeBuild, read};
use crate::wire::error::AwsError;
use crate::wire::shape::moment::Moment;

/// The most names that one request may ask for, as CodeBuild's service model has it.
pub(super) const NAMES_MAX: usize = 100;

#[derive(Deserialize)]
struct Names {
    names: Vec<String>,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

impl CodeBuild {
    pub(super) fn create(&self, input: Value) -> Result<Value, AwsError> {
        let mut declared: Declared = read(input)?;
        declared.encryption_key.get_or_insert_with(|| self.default_key());
        check::declared(&declared)?;
        let mut books = self.books();
        if books.projects.contains_key(&declared.name) {
            let arn = self.arn(&format!("project/{}", declared.name));
            return Err(AwsError::refused("ResourceAlreadyExistsException", format!("Project already exists: {arn}")));
        }
        let now = self.clock.now();
        let project = Project { declared, created: now, modified: now, builds: 0 };
        let told = self.project_told(&project);
        books.projects.insert(project.declared.name.clone(), project);
        Ok(json!({"project": told}))
    }

    /// Each field that is given takes the place of the old one, whole.
    pub(super) fn update(&self, input: Value) -> Result<Value, AwsError> {
        let Name { name } = read(input.clone())?;
        let mut books = self.books();
        let project = books.projects.get_mut(&name).ok_or_else(|| self.no_project(&name))?;
        let mut fields = match serde_json::to_value(&project.declared) {
            Ok(Value::Object(fields)) => fields,
            _ => return Err(AwsError::internal("a project cannot be written")),
        };
        fields.extend(input.as_object().cloned().unwrap_or_default());
        let declared: Declared = read(Value::Object(fields))?;
        check::declared(&declared)?;
        project.declared = declared;
        project.modified = self.clock.now();
        Ok(json!({"project": self.project_told(project)}))
    }

    /// A project that is not there is deleted already, as in CodeBuild.
    pub(super) fn delete(&self, input: Value) -> Result<Value, AwsError> {
        let Name { name } = read(input)?;
        self.books().projects.remove(&name);
        Ok(json!({}))
    }

    pub(super) fn batch_get_projects(&self, input: Value) -> Result<Value, AwsError> {
        let Names { names } = read(input)?;
        if !(1..=NAMES_MAX).contains(&names.len()) {
            return Err(invalid("names holds 1 to 100 names"));
        }
        let books = self.books();
        let (mut projects, mut missing) = (Vec::new(), Vec::new());
        for name in names {
            // A project may be named by its ARN, too.
            let plain = name.rsplit_once(":project/").map_or(name.as_str(), |(_, plain)| plain);
            match books.projects.get(plain) {
                Some(project) => projects.push(self.project_told(project)),
                None => missing.push(name),
            }
        }
        Ok(json!({"projects": projects, "projectsNotFound": missing}))
    }

    pub(super) fn list_projects(&self, input: &Value) -> Value {
        let books = self.books();
        let by = input.get("sortBy").and_then(Value::as_str).unwrap_or("NAME");
        let mut projects: Vec<_> = books.projects.values().collect();
        match by {
            "CREATED_TIME" => projects.sort_by_key(|project| project.created),
            "LAST_MODIFIED_TIME" => projects.sort_by_key(|project| project.modified),
            _ => {}
        }
        if input.get("sortOrder").and_then(Value::as_str) == Some("DESCENDING") {
            projects.reverse();
        }
        json!({"projects": projects.iter().map(|project| project.declared.name.as_str()).collect::<Vec<_>>()})
    }

    pub(super) fn no_project(&self, name: &str) -> AwsError {
        let name: String = name.chars().filter(|c| !c.is_control()).take(150).collect();
        let arn = self.arn(&format!("project/{name}"));
        AwsError::refused("ResourceNotFoundException", format!("Project cannot be found: {arn}"))
    }

    fn default_key(&self) -> String {
        format!("arn:aws:kms:{}:{}:alias/aws/s3", self.config.region, self.config.account)
    }

    fn project_told(&self, project: &Project) -> Value {
        let Project { declared, created, modified, .. } = project;
        let mut told = Map::from_iter([
            ("arn".to_owned(), json!(self.arn(&format!("project/{}", declared.name)))),
            ("created".to_owned(), json!(Moment(*created))),
            ("lastModified".to_owned(), json!(Moment(*modified))),
            ("badge".to_owned(), json!({"badgeEnabled": false})),
            ("cache".to_owned(), json!({"type": "NO_CACHE"})),
            ("projectVisibility".to_owned(), json!("PRIVATE")),
            ("tags".to_owned(), json!([])),
        ]);
        if let Ok(Value::Object(fields)) = serde_json::to_value(declared) {
            told.extend(fields);
        }
        // What is asked as a switch is told as a badge.
        told.remove("badgeEnabled");
        Value::Object(told)
    }
}
