//! `pipelines`: their stages and their deploy.

use super::reader::Fields;
use super::{At, Reader, deploy, shown};
use crate::id::{PipelineName, StageName};
use crate::pipeline::{Buildspec, Compute, Deploy, Step};
use crate::problem::Place;
use crate::rules::compute::{self, LAMBDA_SECONDS_MAX};
use crate::yaml::{Node, Value};

/// A pipeline as written.
pub(in crate::rules) struct PipelineEntry {
    pub(in crate::rules) name: At<PipelineName>,
    pub(in crate::rules) stages: Vec<StageEntry>,
    /// With the place where its buildspec is named, or the deploy itself.
    pub(in crate::rules) deploy: Option<At<Deploy>>,
}

/// A stage as written.
pub(in crate::rules) struct StageEntry {
    pub(in crate::rules) name: At<StageName>,
    pub(in crate::rules) step: StepEntry,
}

/// What a stage or a buildspec's deploy does, and where its buildspec is named.
#[derive(Debug, Clone)]
pub(in crate::rules) struct StepEntry {
    pub(in crate::rules) step: Step,
    pub(in crate::rules) buildspec: Place,
}

pub(super) const PIPELINE: [&str; 2] = ["stages", "deploy"];
pub(super) const STAGE: [&str; 6] = ["name", "buildspec", "compute", "image", "privileged", "timeout"];
pub(super) const BUILDSPEC: [&str; 2] = ["central", "inline"];

/// `CodeBuild`'s longest build.
const TIMEOUT_MAX: u64 = 36 * 3600;
const PATH_BYTES_MAX: usize = 500;

pub(super) fn read_all(reader: &mut Reader, node: &Node) -> Vec<PipelineEntry> {
    let Some(entries) = node.mapping() else {
        let message = format!("`pipelines` is a map of names to pipelines, and this is {}", node.kind());
        reader.tell(node.place, message);
        return Vec::new();
    };
    entries.iter().filter_map(|(key, value)| read(reader, key, value)).collect()
}

fn read(reader: &mut Reader, key: &Node, value: &Node) -> Option<PipelineEntry> {
    let name: At<PipelineName> = reader.name(key, "pipeline")?;
    if name.value.as_str() == "none" {
        reader.tell(name.place, "`none` is no pipeline's name: `pipeline: none` starts nothing");
    }
    let what = format!("the pipeline `{}`", name.value);
    let Some(fields) = reader.fields(value, &what, &PIPELINE) else {
        return Some(PipelineEntry { name, stages: Vec::new(), deploy: None });
    };
    let mut stages: Vec<StageEntry> = Vec::new();
    if let Some(node) = reader.need(&fields, &what, "stages") {
        let items = reader.items(node, "stages");
        if items.is_empty() && node.sequence().is_some() {
            reader.tell(node.place, format!("{what} has no stage"));
        }
        for item in items {
            let Some(stage) = stage(reader, item) else { continue };
            if let Some(environment) = stage.name.value.as_str().strip_prefix("deploy-") {
                // They would share a log and a folder.
                let message =
                    format!("`deploy-{environment}` is no stage's name: what deploys to `{environment}` is called so");
                reader.advise(stage.name.place, message, format!("take another name, as in {environment}-deploy"));
            }
            if stages.iter().any(|known| known.name.value == stage.name.value) {
                reader.tell(stage.name.place, format!("{what} has two stages named `{}`", stage.name.value));
            } else {
                stages.push(stage);
            }
        }
    }
    let deploy = fields.get("deploy").and_then(|node| deploy::read(reader, node));
    Some(PipelineEntry { name, stages, deploy })
}

fn stage(reader: &mut Reader, node: &Node) -> Option<StageEntry> {
    let fields = reader.fields(node, "a stage", &STAGE)?;
    let step = step(reader, &fields, "a stage");
    let name = reader.need(&fields, "a stage", "name")?;
    Some(StageEntry { name: reader.name(name, "name")?, step })
}

pub(super) fn step(reader: &mut Reader, fields: &Fields<'_>, what: &str) -> StepEntry {
    let mut entry = StepEntry { step: empty_step(), buildspec: fields.place };
    if let Some(node) = reader.need(fields, what, "buildspec") {
        entry.buildspec = node.place;
        if let Some(spec) = buildspec(reader, node) {
            entry.step.buildspec = spec;
        }
    }
    if let Some(node) = fields.get("compute") {
        entry.step.compute = compute(reader, node);
    }
    if let Some(node) = fields.get("image") {
        entry.step.image = image(reader, node);
    }
    if let Some(node) = fields.get("privileged") {
        entry.step.privileged = reader.boolean(node, "privileged").unwrap_or_default();
    }
    let on_lambda = compute::is_lambda(&entry.step.compute);
    let longest = if on_lambda { LAMBDA_SECONDS_MAX } else { TIMEOUT_MAX };
    entry.step.timeout_seconds = Step::TIMEOUT_SECONDS.min(longest);
    if let Some(node) = fields.get("timeout")
        && let Some(seconds) = reader.seconds(node, "timeout", TIMEOUT_MAX)
    {
        if seconds > longest {
            reader.tell(node.place, "lambda compute ends a build after 15m");
        }
        entry.step.timeout_seconds = seconds;
    }
    if on_lambda && entry.step.privileged {
        reader.tell(fields.key("privileged"), "lambda compute cannot start containers, so not `privileged` either");
    }
    entry
}

pub(super) fn empty_step() -> Step {
    Step {
        buildspec: Buildspec::Inline(String::new()),
        compute: Compute::default(),
        image: None,
        privileged: false,
        timeout_seconds: Step::TIMEOUT_SECONDS,
    }
}

fn compute(reader: &mut Reader, node: &Node) -> Compute {
    let Some(text) = reader.text(node, "compute") else { return Compute::default() };
    compute::read(text).unwrap_or_else(|(message, help)| {
        reader.advise(node.place, message, help);
        Compute::default()
    })
}

fn image(reader: &mut Reader, node: &Node) -> Option<String> {
    let text = reader.text(node, "image")?;
    let well = (1..=500).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) && !text.starts_with('-');
    if !well {
        reader.tell(node.place, format!("`{}` is not an image's name", shown(text)));
    }
    well.then(|| text.to_owned())
}

fn buildspec(reader: &mut Reader, node: &Node) -> Option<Buildspec> {
    if let Value::Scalar { .. } = node.value {
        return path(reader, node).map(Buildspec::Commit);
    }
    let fields = reader.fields(node, "a buildspec", &BUILDSPEC)?;
    match (fields.get("central"), fields.get("inline")) {
        (Some(node), None) => path(reader, node).map(Buildspec::Central),
        (None, Some(node)) => reader.text(node, "inline").map(|text| Buildspec::Inline(text.to_owned())),
        _ => {
            reader.tell(node.place, "a buildspec is a path, {central: path} or {inline: text}");
            None
        }
    }
}

pub(super) fn path(reader: &mut Reader, node: &Node) -> Option<String> {
    let text = reader.text(node, "buildspec")?;
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    let well = text.len() <= PATH_BYTES_MAX
        && text.split('/').all(is_part)
        && !text.starts_with('-')
        && !text.contains('\\')
        && !text.chars().any(char::is_control);
    if !well {
        let help = match text.contains('\n') {
            true => "a buildspec that stands here is written {inline: text}",
            false => "write it from the repository's root, as in buildspecs/test.yml: no / before it, no . and no ..",
        };
        reader.advise(node.place, format!("`{}` is not a buildspec's path", shown(text)), help);
    }
    well.then(|| text.to_owned())
}
