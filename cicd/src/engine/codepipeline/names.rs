//! What things are called on AWS: the one place that the engine, which starts pipelines, and whatever writes their templates
//! have in common.
//!
//! Pure. `CodePipeline`'s limits: the API model of `codepipeline` and the user guide's `limits` page.

use router::id::{CommitId, EnvironmentName, PipelineName, Repository, RunId, StageName};
use router::run::{Run, WorkState};
use sha2::{Digest, Sha256};

/// The first stage, its one action and what it leaves: the commit's files.
pub const SOURCE: &str = "source";
/// The approval before a deploy, an action of an environment's stage.
pub const GATE: &str = "gate";
/// The deploy behind the approval, an action of an environment's stage, and the end of its project's name.
pub const DEPLOY: &str = "deploy";
/// Goes before an environment's name to name its stage.
const TO: &str = "to-";

/// The longest name of a pipeline, a stage, an action or an artifact, in characters.
pub const NAME_MAX: usize = 100;
/// The longest name of a project, in characters.
pub const PROJECT_MAX: usize = 150;
/// The longest value of a pipeline variable, in characters.
pub const VALUE_MAX: usize = 1000;
/// The most variables that a pipeline may declare.
pub const VARIABLES_MAX: usize = 50;

/// The run's id. Required: an execution that nobody decided has none, fails at once and runs nothing.
pub const RUN: &str = "RUN";
/// The stages that are not skipped, see [`list`].
pub const STAGES: &str = "STAGES";
/// The environments that are not skipped, see [`list`].
pub const ENVIRONMENTS: &str = "ENVIRONMENTS";
/// The variables of every pipeline of ours, beside those of the rule file. All but [`RUN`] default to [`EMPTY`].
pub const VARIABLES: [&str; 10] =
    [RUN, "REPOSITORY", "REF", "BRANCH", "TAG", "COMMIT", "ACTOR", "ROUTE", STAGES, ENVIRONMENTS];
/// What stands for an empty value: `CodePipeline` takes none.
pub const EMPTY: &str = " ";

/// A pipeline's name.
pub fn pipeline(prefix: &str, pipeline: &PipelineName) -> String {
    format!("{prefix}-{pipeline}")
}

/// The project of a stage. A project's name takes no dot, so a dot becomes `_`.
pub fn project(prefix: &str, pipeline: &PipelineName, stage: &StageName) -> String {
    format!("{prefix}-{pipeline}-{stage}").replace('.', "_")
}

/// The project that deploys.
pub fn deploy_project(prefix: &str, pipeline: &PipelineName) -> String {
    format!("{prefix}-{pipeline}-{DEPLOY}").replace('.', "_")
}

/// The project of an environment's own cleanup.
pub fn cleanup_project(prefix: &str, pipeline: &PipelineName, environment: &EnvironmentName) -> String {
    format!("{prefix}-{pipeline}-{}", environment_stage(environment)).replace('.', "_")
}

/// The artifact that a stage leaves. Its name takes no dot either, and a dash would end the name of the variable that a build finds
/// it by, `CODEBUILD_SRC_DIR_<artifact>`.
pub fn artifact(stage: &StageName) -> String {
    stage.as_str().replace(['.', '-'], "_")
}

/// The stage of an environment.
pub fn environment_stage(environment: &EnvironmentName) -> String {
    format!("{TO}{environment}")
}

/// The environment that a stage is about, when it is about one. Ask the run's plan first: `to-...` may be a stage of a rule file
/// that was never synthesized.
pub fn environment_of(stage: &str) -> Option<EnvironmentName> {
    EnvironmentName::new(stage.strip_prefix(TO)?).ok()
}

/// The value of [`STAGES`] or [`ENVIRONMENTS`]: `,lint,test,`, and `,` for none.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().fold(",".to_owned(), |list, name| list + name + ",")
}

/// What such a value contains when it names this one: `,lint,`. No name has a comma.
pub fn listed(name: &str) -> String {
    format!(",{name},")
}

/// Where a commit's files are in the source bucket.
pub fn source_key(repository: &Repository, commit: &CommitId) -> String {
    format!("src/{}/{}/{commit}.zip", repository.forge, repository.path)
}

/// The `clientRequestToken` of a run: `CodePipeline` starts nothing new for a token that it has seen, whatever else is asked, so it is
/// made of the run alone.
pub fn token(run: &RunId) -> String {
    hex::encode(Sha256::digest(format!("pointsman run {run}")))
}

/// The variables that a run's execution is started with. What has succeeded before is not done again.
///
/// # Errors
/// What cannot be sent, in words for the run's status.
pub fn variables(run: &Run) -> Result<Vec<(String, String)>, String> {
    let key = &run.key;
    let own = [
        run.id.to_string(),
        key.repository.path.to_string(),
        key.git_ref.to_string(),
        key.git_ref.branch().unwrap_or_default().to_owned(),
        key.git_ref.tag().unwrap_or_default().to_owned(),
        key.commit.to_string(),
        run.actor.clone(),
        key.route.to_string(),
        list(run.stages.iter().filter(|it| it.work.state != WorkState::Succeeded).map(|it| it.name.as_str())),
        list(run.environments.iter().filter(|it| it.deploy.state != WorkState::Succeeded).map(|it| it.name.as_str())),
    ];
    if let Some(taken) = run.plan.variables.keys().find(|name| VARIABLES.contains(&name.as_str())) {
        return Err(format!("the variable {taken} is Pointsman's own on AWS; give it another name in the rule file"));
    }
    let count = VARIABLES.len() + run.plan.variables.len();
    if count > VARIABLES_MAX {
        return Err(format!(
            "the run has {count} variables with Pointsman's own {}, and CodePipeline takes {VARIABLES_MAX}",
            VARIABLES.len()
        ));
    }
    let own = VARIABLES.map(str::to_owned).into_iter().zip(own);
    let all = own.chain(run.plan.variables.iter().map(|(name, value)| (name.clone(), value.clone())));
    all.map(sendable).collect()
}

fn sendable((name, value): (String, String)) -> Result<(String, String), String> {
    let well = |b: u8| b.is_ascii_alphanumeric() || b"@-_".contains(&b);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(well) {
        return Err(format!("CodePipeline takes no variable {name:?}: A-Z a-z 0-9 @ - _ only, at most 128"));
    }
    let long = value.chars().count();
    if long > VALUE_MAX {
        return Err(format!("the variable {name} has {long} characters, and CodePipeline takes {VALUE_MAX}"));
    }
    if value.contains(['\n', '\r']) {
        return Err(format!("the variable {name} has more than one line, and CodePipeline takes one"));
    }
    // It is put as it is into the JSON of an action's `EnvironmentVariables`: a branch could end its own entry and write another.
    if value.contains(['"', '\\']) {
        return Err(format!(
            "the variable {name} has a quotation mark or a backslash, and CodePipeline hands on neither"
        ));
    }
    Ok((name, if value.is_empty() { EMPTY.to_owned() } else { value }))
}

#[cfg(test)]
mod tests;
