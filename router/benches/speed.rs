//! How fast a push is read and decided: `cargo bench -p router`. Nothing here is part of a test; CI only compiles it.

use std::hint::black_box;

use divan::Bencher;
use router::event::{Author, ChangedFiles, Delivered, Event, Push};
use router::id::{CommitId, DeliveryId, ForgeKind, GitRef, RepoPath, Repository};
use router::rules::{Comparison, Rules};

mod bodies;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

/// As many routes as the teams of a monorepo have: a service's branch, a service's files on main, a glob inside a path.
fn file(routes: usize) -> String {
    let mut text = "version: 1
repositories: [{github: acme/shop}]
pipelines:
  app:
    stages:
      - {name: lint, buildspec: lint.yml}
      - {name: test, buildspec: test.yml}
    deploy: {buildspec: deploy.yml}
environments: [{name: test}, {name: prod, approval: {by: ['user:dana']}}]
ignore:
  - {name: docs, paths: {only: ['docs/**', '**/*.md']}}
  - {name: bots, actors: ['*[bot]']}
routes:
"
    .to_owned();
    for n in 0..routes {
        text += &match n % 4 {
            0 => format!(
                "  - {{name: r{n}, branch: main, paths: {{any: ['services/s{n}/**']}}, pipeline: app, to: [test, prod]}}\n"
            ),
            1 => format!("  - {{name: r{n}, branch: 'team{n}/**', pipeline: app, stages: [lint]}}\n"),
            2 => format!(
                "  - {{name: r{n}, branch: main, paths: {{any: ['libs/l{n}/**/*.rs', '!**/tests/**']}}, pipeline: app}}\n"
            ),
            _ => format!("  - {{name: r{n}, tag: 'v{n}.*', pipeline: app, to: [prod]}}\n"),
        };
    }
    text + "  - {name: the-rest, any: true, pipeline: none}\n"
}

/// A push of main whose last file belongs to the last service.
fn push(routes: usize, files: usize) -> Event {
    let kind = ForgeKind::Github;
    let mut changed: Vec<String> = (1..files).map(|n| format!("services/old{n}/src/part{n}/mod.rs")).collect();
    changed.push(format!("services/s{}/src/main.rs", (routes - 1) / 4 * 4));
    Event::Push(Push {
        repository: Repository { forge: kind.default_name(), kind, path: RepoPath::new("acme/shop").expect("a path") },
        git_ref: GitRef::new("refs/heads/main").expect("a ref"),
        before: CommitId::new("2".repeat(40)).ok(),
        commit: CommitId::new("1".repeat(40)).expect("a commit"),
        actor: "dana".to_owned(),
        created: false,
        forced: false,
        changed: ChangedFiles::known(changed),
        message: "change a service".to_owned(),
        author: Author::default(),
        pushed_at: None,
    })
}

#[divan::bench(args = [(10, 10), (1_000, 10), (10_000, 10), (10, 3_000), (1_000, 3_000), (10_000, 3_000)])]
fn decide(bencher: Bencher<'_, '_>, (routes, files): (usize, usize)) {
    let rules = Rules::parse(&file(routes)).unwrap_or_else(|problems| panic!("{problems:?}"));
    let event = push(routes, files);
    bencher.bench(|| black_box(&rules).decide(black_box(&event)));
}

#[divan::bench(args = [10, 1_000, 10_000], sample_count = 20)]
fn compile(bencher: Bencher<'_, '_>, routes: usize) {
    let text = file(routes);
    bencher.bench(|| Rules::parse(black_box(&text)).is_ok());
}

#[divan::bench(args = [10, 1_000], sample_count = 10)]
fn prove(bencher: Bencher<'_, '_>, routes: usize) {
    let rules = Rules::parse(&file(routes)).unwrap_or_else(|problems| panic!("{problems:?}"));
    bencher.bench(|| black_box(&rules).prove().is_ok());
}

/// A hundred thousand deliveries as the store keeps them, read and decided by two files.
#[divan::bench(args = [100_000], sample_count = 3)]
fn plan(bencher: Bencher<'_, '_>, deliveries: usize) {
    let rules = |text: String| Rules::parse(&text).unwrap_or_else(|problems| panic!("{problems:?}"));
    let (old, new) = (rules(file(100)), rules(file(101)));
    let kept: Vec<String> = (0..deliveries)
        .map(|n| {
            let id = DeliveryId::new(format!("d-{n}")).expect("an id");
            let delivered = Delivered { id, event: push(1 + n % 100, 10).into() };
            serde_json::to_string(&delivered).expect("a delivery is JSON")
        })
        .collect();
    bencher.bench(|| {
        let mut compared = Comparison::default();
        for text in &kept {
            let delivered: Delivered = serde_json::from_str(text).expect("it was written so");
            compared.add(&delivered, &old.decide(&delivered.event), new.decide(&delivered.event));
        }
        compared
    });
}
