//! A run to test with.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Outcome, Run, RunEvent};
use crate::event::{ChangedFiles, Push};
use crate::id::{CommitId, DeliveryId, ForgeKind, GitRef, RepoPath, Repository};
use crate::pipeline::{Approval, Buildspec, Compute, Concurrency, Environment, Plan, Planned, Stage, Step};

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

pub(crate) fn reached(environment: &str) -> RunEvent {
    RunEvent::GateReached { environment: environment.parse().unwrap() }
}

pub(crate) fn opened(environment: &str) -> RunEvent {
    RunEvent::GateOpened { environment: environment.parse().unwrap() }
}

pub(crate) fn deployed(environment: &str, outcome: Outcome) -> RunEvent {
    RunEvent::DeployEnded { environment: environment.parse().unwrap(), outcome }
}

pub(crate) fn step(buildspec: &str) -> Step {
    Step {
        buildspec: Buildspec::Commit(buildspec.to_owned()),
        compute: Compute::default(),
        image: None,
        privileged: false,
        timeout_seconds: Step::TIMEOUT_SECONDS,
    }
}

pub(crate) fn planned(route: &str, stages: &[&str], environments: &[&str]) -> Planned {
    let approval = Approval {
        by: vec!["release-managers".to_owned()],
        people: vec!["user:dana".to_owned(), "user:eli".to_owned()],
        min: 1,
        not_author: true,
        within_seconds: Some(3600),
    };
    Planned {
        route: route.parse().unwrap(),
        plan: Plan {
            pipeline: "application".parse().unwrap(),
            stages: stages
                .iter()
                .map(|name| Stage { name: name.parse().unwrap(), step: step(&format!("buildspecs/{name}.yml")) })
                .collect(),
            deploy: Some(step("buildspecs/deploy.yml").into()),
            environments: environments
                .iter()
                .map(|name| Environment {
                    name: name.parse().unwrap(),
                    approval: (*name == "prod").then(|| approval.clone()),
                    calendar: None,
                    cleanup: None,
                })
                .collect(),
            variables: BTreeMap::new(),
            clone: None,
            concurrency: Concurrency::Latest,
        },
    }
}

pub(crate) fn push(branch: &str, commit: char) -> Push {
    Push {
        repository: Repository {
            forge: ForgeKind::Github.default_name(),
            kind: ForgeKind::Github,
            path: RepoPath::new("acme/shop").unwrap(),
        },
        git_ref: GitRef::Branch(branch.to_owned()),
        before: None,
        commit: CommitId::new(commit.to_string().repeat(40)).unwrap(),
        actor: "eli".to_owned(),
        author: Default::default(),
        created: false,
        forced: false,
        changed: ChangedFiles::known(["src/a.rs"]),
        message: "add a thing\n\nand say why".to_owned(),
        pushed_at: None,
    }
}

pub(crate) fn run(chain: &[Planned]) -> Run {
    Run::new(&push("main", 'a'), &DeliveryId::new("d-1").unwrap(), "sha256:0", chain, at(0)).unwrap()
}
