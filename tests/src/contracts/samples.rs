//! Deliveries, runs and commits to store. The same number makes the same thing.

use std::collections::BTreeMap;

use cicd::store::{Change, Claim, Commit, Decided, Delivery, Undecided};
use jiff::Timestamp;
use router::event::{About, ChangedFiles, Delivered, Event, Push};
use router::id::{
    CommitId, DeliveryId, EnvironmentName, ForgeKind, ForgeName, GitRef, PipelineName, RepoPath, Repository, RouteName,
};
use router::pipeline::{Concurrency, Plan, Planned};
use router::rules::{Decision, Verdict};
use router::run::Run;
use router::status::{Status, StatusState};

pub(crate) fn noon() -> Timestamp {
    "2026-11-20T12:00:00.123456789Z".parse().unwrap()
}

pub(crate) fn forge() -> ForgeName {
    ForgeKind::Github.default_name()
}

pub(crate) fn shop() -> Repository {
    Repository { forge: forge(), kind: ForgeKind::Github, path: RepoPath::new("acme/shop").unwrap() }
}

pub(crate) fn commit_id(n: u32) -> CommitId {
    CommitId::new(format!("{:040x}", n + 1)).unwrap()
}

pub(crate) fn commit(n: u32) -> Commit {
    Commit { repository: shop(), git_ref: GitRef::Branch("main".to_owned()), commit: commit_id(n) }
}

pub(crate) fn delivery_id(n: u32) -> DeliveryId {
    DeliveryId::new(format!("72d3162e-cc78-11e3-81ab-{n:012x}")).unwrap()
}

pub(crate) fn push(n: u32) -> Push {
    Push {
        repository: shop(),
        git_ref: GitRef::Branch("main".to_owned()),
        before: n.checked_sub(1).map(commit_id),
        commit: commit_id(n),
        actor: "dana".to_owned(),
        author: Default::default(),
        created: n == 0,
        forced: false,
        changed: ChangedFiles::Unknown("the branch is new".to_owned()),
        message: "change \"this\"\n\nand 'that' 🚀".to_owned(),
        pushed_at: None,
    }
}

/// The delivery of the push of commit `n`.
pub(crate) fn delivery(n: u32) -> Delivery {
    Delivery {
        forge: forge(),
        received_at: noon(),
        delivered: Delivered { id: delivery_id(n), event: Event::Push(push(n)).into() },
        headers: vec![("x-github-event".to_owned(), "push".to_owned())],
        body: bytes::Bytes::from_static(b"{\"not\":\"utf-8 \xff\"}"),
    }
}

/// A delivery as it waits to be decided.
pub(crate) fn undecided(delivery: Delivery) -> Undecided {
    Undecided { forge: delivery.forge, delivered: delivery.delivered }
}

pub(crate) fn ping(n: u32) -> Delivery {
    let about = About { what: "ping".to_owned(), repository: None, actor: String::new() };
    let mut ping = delivery(n);
    ping.delivered.event = Event::Ping(about).into();
    ping
}

fn planned() -> Planned {
    Planned {
        route: RouteName::new("main").unwrap(),
        plan: Plan {
            pipeline: PipelineName::new("application").unwrap(),
            stages: Vec::new(),
            deploy: None,
            environments: Vec::new(),
            variables: BTreeMap::from([("IMAGE".to_owned(), "shop".to_owned())]),
            clone: None,
            concurrency: Concurrency::Latest,
        },
    }
}

pub(crate) fn run(n: u32) -> Run {
    Run::new(&push(n), &delivery_id(n), "sha256:00", &[planned()], noon()).unwrap()
}

pub(crate) fn decision() -> Decision {
    Decision {
        verdict: Verdict::Start { route: RouteName::new("main").unwrap(), chain: vec![planned()], manual: false },
        because: vec!["branch main matches main".to_owned()],
        nearest_miss: None,
        shadows: Vec::new(),
        rules: "sha256:00".to_owned(),
    }
}

/// The decision about delivery `n`: its run, whose changed files were looked up.
pub(crate) fn decided(n: u32) -> Decided {
    let mut push = push(n);
    push.changed = ChangedFiles::known(["src/a.rs"]);
    Decided {
        forge: forge(),
        delivered: Delivered { id: delivery_id(n), event: Event::Push(push).into() },
        decision: decision(),
        runs: vec![run(n).id],
    }
}

/// What a dispatcher writes about delivery `n`.
pub(crate) fn start(n: u32) -> Change {
    Change { decided: vec![decided(n)], runs: vec![run(n)], owed: vec![commit(n)], ..Change::default() }
}

pub(crate) fn prod(run: &Run) -> Claim {
    Claim { repository: shop(), environment: EnvironmentName::new("prod").unwrap(), run: run.id.clone() }
}

pub(crate) fn status(context: &str, state: StatusState) -> Status {
    Status { context: context.to_owned(), state, description: "so it is".to_owned(), url: "http://here/1".to_owned() }
}
