//! A pipeline's `deploy`: by a buildspec, or by a service of AWS.

use super::pipeline::{STAGE, empty_step, step};
use super::reader::Fields;
use super::{At, Reader, shown};
use crate::id::EnvironmentName;
use crate::pipeline::{CodedeployDeploy, Deploy, EcsDeploy, StackDeploy};
use crate::yaml::Node;

/// A deploy by a buildspec has a stage's keys but for its name, one by a service the service's alone.
const KEYS: [&str; 8] = [STAGE[1], STAGE[2], STAGE[3], STAGE[4], STAGE[5], "ecs", "cloudformation", "codedeploy"];
const SERVICES: [&str; 3] = ["ecs", "cloudformation", "codedeploy"];
const ECS: [&str; 3] = ["cluster", "service", "file"];
const STACK: [&str; 3] = ["stack", "template", "only"];
const CODEDEPLOY: [&str; 2] = ["application", "group"];

/// What ECS's action reads when nothing else is said.
const IMAGES: &str = "imagedefinitions.json";
/// A change set and its execution take two of a stage's 50 actions, and the gate is one.
const STACKS_MAX: usize = 24;
const FILE_BYTES_MAX: usize = 200;

/// Reads a deploy, with the place where its buildspec is named, or where it stands itself.
pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<At<Deploy>> {
    let fields = reader.fields(node, "a deploy", &KEYS)?;
    let services = fields.among(&SERVICES);
    let Some(service) = services.first() else {
        if SERVICES.iter().any(|service| fields.spoilt(service)) {
            return Some(At { value: Deploy::Buildspec(empty_step()), place: node.place });
        }
        let step = step(reader, &fields, "a deploy");
        return Some(At { value: Deploy::Buildspec(step.step), place: step.buildspec });
    };
    for other in fields.among(&KEYS).into_iter().filter(|key| key != service) {
        let help = format!("leave `{other}` or `{service}` out");
        reader.advise(fields.key(other), format!("a deploy by `{service}` has no `{other}`"), help);
    }
    let value = fields.get(service)?;
    let deploy = match *service {
        "ecs" => ecs(reader, value).map(Deploy::Ecs),
        "cloudformation" => stacks(reader, value).map(Deploy::Cloudformation),
        _ => codedeploy(reader, value).map(Deploy::Codedeploy),
    };
    // One with a mistake is still a deploy: that the pipeline has none would be told as well.
    Some(At { value: deploy.unwrap_or_else(|| Deploy::Buildspec(empty_step())), place: node.place })
}

fn ecs(reader: &mut Reader, node: &Node) -> Option<EcsDeploy> {
    let fields = reader.fields(node, "`ecs`", &ECS)?;
    let cluster = name(reader, &fields, "`ecs`", "cluster", 255);
    let service = name(reader, &fields, "`ecs`", "service", 255);
    let file = match fields.get("file") {
        Some(node) => file(reader, node, "file")?,
        None => IMAGES.to_owned(),
    };
    Some(EcsDeploy { cluster: cluster?, service: service?, file })
}

fn codedeploy(reader: &mut Reader, node: &Node) -> Option<CodedeployDeploy> {
    let fields = reader.fields(node, "`codedeploy`", &CODEDEPLOY)?;
    let application = name(reader, &fields, "`codedeploy`", "application", 100);
    let group = name(reader, &fields, "`codedeploy`", "group", 100);
    Some(CodedeployDeploy { application: application?, group: group? })
}

fn stacks(reader: &mut Reader, node: &Node) -> Option<Vec<StackDeploy>> {
    let items = reader.one_or_more(node, "cloudformation");
    if items.len() > STACKS_MAX {
        reader.tell(node.place, format!("{} stacks; one deploy takes {STACKS_MAX}", items.len()));
        return None;
    }
    let mut stacks: Vec<StackDeploy> = Vec::new();
    for item in items {
        let Some(stack) = stack(reader, item) else { continue };
        if stacks.iter().any(|known| known.stack == stack.stack) {
            reader.tell(item.place, format!("`{}` stands twice in `cloudformation`", stack.stack));
        } else {
            stacks.push(stack);
        }
    }
    (!stacks.is_empty()).then_some(stacks)
}

/// A stack's name alone has its template where `cdk synth` leaves it.
fn stack(reader: &mut Reader, node: &Node) -> Option<StackDeploy> {
    if node.text().is_some() {
        let stack = checked(reader, node, "a stack's name", 128)?;
        return Some(StackDeploy { template: format!("{stack}.template.json"), stack, only: Vec::new() });
    }
    let fields = reader.fields(node, "a stack", &STACK)?;
    let stack = name(reader, &fields, "a stack", "stack", 128);
    let template = match fields.get("template") {
        Some(node) => Some(file(reader, node, "template")?),
        None => stack.as_ref().map(|stack| format!("{stack}.template.json")),
    };
    let only = fields.get("only").map(|node| reader.names::<EnvironmentName>(node, "only")).unwrap_or_default();
    Some(StackDeploy { stack: stack?, template: template?, only: only.into_iter().map(|name| name.value).collect() })
}

fn name(reader: &mut Reader, fields: &Fields<'_>, what: &str, key: &str, most: usize) -> Option<String> {
    let node = reader.need(fields, what, key)?;
    checked(reader, node, key, most)
}

/// A name as these services take it, in which `{environment}` may stand.
fn checked(reader: &mut Reader, node: &Node, key: &str, most: usize) -> Option<String> {
    let text = reader.text(node, key)?;
    let rest = text.replace(Deploy::ENVIRONMENT, "a");
    let well = (1..=most).contains(&rest.len())
        && rest.starts_with(|c: char| c.is_ascii_alphanumeric())
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if !well {
        let message = format!("`{}` is not a name that AWS takes here", shown(text));
        let help =
            format!("letters, digits, - and _, at most {most}; {} is the environment's name", Deploy::ENVIRONMENT);
        reader.advise(node.place, message, help);
    }
    well.then(|| text.to_owned())
}

/// A file in the artifact, in whose path `{environment}` may stand.
fn file(reader: &mut Reader, node: &Node, key: &str) -> Option<String> {
    let text = reader.text(node, key)?;
    let rest = text.replace(Deploy::ENVIRONMENT, "a");
    let well = rest.len() <= FILE_BYTES_MAX
        && rest.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/'));
    if !well {
        let help = "write it from the artifact's root: letters, digits, - _ . and /";
        reader.advise(node.place, format!("`{}` is not a file of an artifact", shown(text)), help);
    }
    well.then(|| text.to_owned())
}
