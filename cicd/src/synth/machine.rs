//! A step's machine: compute sizes, environment types and images by `CodeBuild`'s tables.

use router::pipeline::{Buildspec, Step};

use super::Findings;
use super::model::{BuildspecSource, Machine, Project};
use super::specs::Specs;

/// A kind of machine: its sizes' prefix in a rule file, `CodeBuild`'s type, and the image when none is named.
struct Family {
    prefix: &'static str,
    kind: &'static str,
    compute: &'static str,
    image: Option<&'static str>,
}

/// The last one takes what has no prefix. For GPUs `CodeBuild` keeps no image of its own.
const FAMILIES: [Family; 4] = [
    Family {
        prefix: "arm-",
        kind: "ARM_CONTAINER",
        compute: "BUILD_GENERAL1_",
        image: Some("aws/codebuild/amazonlinux-aarch64-standard:3.0"),
    },
    Family { prefix: "gpu-", kind: "LINUX_GPU_CONTAINER", compute: "BUILD_GENERAL1_", image: None },
    Family {
        prefix: "lambda-",
        kind: "LINUX_LAMBDA_CONTAINER",
        compute: "BUILD_LAMBDA_",
        image: Some("aws/codebuild/amazonlinux-x86_64-lambda-standard:nodejs22"),
    },
    Family {
        prefix: "",
        kind: "LINUX_CONTAINER",
        compute: "BUILD_GENERAL1_",
        image: Some("aws/codebuild/amazonlinux-x86_64-standard:5.0"),
    },
];

/// `CodeBuild`'s shortest timeout.
const TIMEOUT_MINUTES_MIN: u64 = 5;
/// What the names of `CodeBuild`'s own images begin with.
const OWN: &str = "aws/codebuild/";

pub(super) fn project(
    place: &str,
    name: String,
    step: &Step,
    texts: &mut Specs<'_>,
    findings: &mut Findings,
) -> Project {
    let minutes = step.timeout_seconds.div_ceil(60);
    if minutes < TIMEOUT_MINUTES_MIN {
        findings.note(place, format!("CodeBuild's shortest timeout is {TIMEOUT_MINUTES_MIN}m, so it has that"));
    }
    let buildspec = match &step.buildspec {
        Buildspec::Commit(path) => BuildspecSource::Path(path.clone()),
        Buildspec::Inline(text) => BuildspecSource::Text(text.clone()),
        // That it is not there has been told.
        central @ Buildspec::Central(_) => {
            BuildspecSource::Text(texts.text(central).ok().flatten().unwrap_or_default())
        }
    };
    Project {
        name,
        buildspec,
        machine: machine(place, step, findings),
        privileged: step.privileged,
        timeout_minutes: minutes.max(TIMEOUT_MINUTES_MIN),
    }
}

fn machine(place: &str, step: &Step, findings: &mut Findings) -> Machine {
    let size = step.compute.from.as_str();
    let family = FAMILIES.iter().find(|family| size.starts_with(family.prefix)).expect("the last prefix is empty");
    let compute = |size: &str| {
        let rest = size.strip_prefix(family.prefix).unwrap_or(size);
        format!("{}{}", family.compute, rest.to_uppercase())
    };
    let image = match (&step.image, family.image) {
        (Some(image), _) => {
            if let Some(why) = misfit(image, family.kind) {
                findings.mistake(place, format!("the image {image} does not run on {size}: {why}"));
            }
            image.clone()
        }
        (None, Some(own)) => own.to_owned(),
        (None, None) => {
            findings.mistake(place, format!("CodeBuild has no image of its own for {size}; name one with `image`"));
            String::new()
        }
    };
    let image_pull = if image.starts_with(OWN) { "CODEBUILD" } else { "SERVICE_ROLE" };
    Machine {
        kind: family.kind.to_owned(),
        compute: compute(size),
        largest: compute(&step.compute.to),
        image,
        image_pull: image_pull.to_owned(),
    }
}

/// Why an image of `CodeBuild`'s own cannot run on a kind of machine; what others are made for is not known here.
fn misfit(image: &str, kind: &str) -> Option<&'static str> {
    let name = image.strip_prefix(OWN)?;
    let (arm, lambda) = (name.contains("aarch64"), name.contains("-lambda-"));
    if name.starts_with("windows") {
        return Some("it is one of Windows");
    }
    if name.starts_with("macos") {
        return Some("it is one of macOS");
    }
    match kind {
        "ARM_CONTAINER" if !arm => Some("it is made for x86, and the machine is ARM"),
        "ARM_CONTAINER" if lambda => Some("it is made for Lambda"),
        "LINUX_LAMBDA_CONTAINER" if arm => Some("it is made for ARM, and the machine is x86"),
        "LINUX_LAMBDA_CONTAINER" if !lambda => {
            Some("Lambda takes images made for it: amazonlinux-x86_64-lambda-standard")
        }
        "LINUX_CONTAINER" | "LINUX_GPU_CONTAINER" if arm => Some("it is made for ARM, and the machine is x86"),
        "LINUX_CONTAINER" | "LINUX_GPU_CONTAINER" if lambda => Some("it is made for Lambda"),
        _ => None,
    }
}
