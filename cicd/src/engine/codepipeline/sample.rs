//! A run to test with.

use std::collections::BTreeMap;

use jiff::Timestamp;
use router::event::{ChangedFiles, Push};
use router::id::{CommitId, DeliveryId, ForgeKind, GitRef, RepoPath, Repository};
use router::pipeline::{Approval, Buildspec, Compute, Concurrency, Deploy, Environment, Plan, Planned, Stage, Step};
use router::run::Run;

pub(super) fn step() -> Step {
    Step {
        buildspec: Buildspec::Commit("buildspec.yml".to_owned()),
        compute: Compute::default(),
        image: None,
        privileged: false,
        timeout_seconds: Step::TIMEOUT_SECONDS,
    }
}

/// A run of the pipeline `application`; each environment wants dana's yes.
pub(super) fn run(git_ref: GitRef, stages: &[&str], environments: &[&str]) -> Run {
    let approval = Approval {
        by: vec!["user:dana".to_owned()],
        people: vec!["user:dana".to_owned()],
        min: 1,
        not_author: false,
        within_seconds: None,
    };
    let place = |name: &&str| Environment {
        name: name.parse().unwrap(),
        approval: Some(approval.clone()),
        calendar: None,
        cleanup: None,
    };
    let plan = Plan {
        pipeline: "application".parse().unwrap(),
        stages: stages.iter().map(|name| Stage { name: name.parse().unwrap(), step: step() }).collect(),
        deploy: Some(Deploy::Buildspec(step())),
        environments: environments.iter().map(place).collect(),
        variables: BTreeMap::new(),
        clone: None,
        concurrency: Concurrency::Latest,
    };
    let push = Push {
        repository: Repository {
            forge: ForgeKind::Github.default_name(),
            kind: ForgeKind::Github,
            path: RepoPath::new("acme/shop").unwrap(),
        },
        git_ref,
        before: None,
        commit: CommitId::new("c".repeat(40)).unwrap(),
        actor: "eli".to_owned(),
        author: Default::default(),
        created: false,
        forced: false,
        changed: ChangedFiles::Unknown("new".to_owned()),
        message: "a change".to_owned(),
        pushed_at: None,
    };
    let chain = [Planned { route: "main".parse().unwrap(), plan }];
    Run::new(&push, &DeliveryId::new("d-1").unwrap(), "sha256:0", &chain, Timestamp::UNIX_EPOCH).unwrap()
}

pub(super) fn main_run() -> Run {
    run(GitRef::Branch("main".to_owned()), &["lint", "test"], &["prod"])
}
