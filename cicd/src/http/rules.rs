//! The rules in force, as a page and as JSON; a push to try them on, and another file to try on what came.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, FromRequest, Query, Request, State};
use axum::response::{IntoResponse, Response};
use router::event::{ChangedFiles, Delivered, Event, Push};
use router::id::{CommitId, DeliveryId, GitRef, RepoPath, Repository};
use router::rules::{Comparison, Finding, NamedRepository, Receipt, Rules};
use router::yaml;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked;
use super::error::Failure;
use super::page;
use super::visit::Visit;
use crate::app::App;
use crate::hits;

/// The rules, for people.
pub(super) async fn page(State(app): State<Arc<App>>, Extension(visit): Extension<Visit>) -> Result<Response, Failure> {
    let rules = app.rules.current();
    let (counted, proof) = (hits::count(app.store.as_ref(), app.clock.now()).await?, app.rules.proof().await);
    Ok(visit.show(page::rules::page(&rules, &counted, &proof)))
}

/// The rules, for programs.
pub(super) async fn json(State(app): State<Arc<App>>) -> Result<Response, Failure> {
    let (rules, problem) = (app.rules.current(), app.rules.problem());
    let problem = problem.map(|problem| json!({ "at": problem.at, "text": problem.text }));
    let ((since, hits), proof) = (hits::count(app.store.as_ref(), app.clock.now()).await?, app.rules.proof().await);
    let findings = proof.as_ref().as_ref().map_or(&[][..], |proof| &proof.findings);
    let entry = |name: String, words: String, hits: u64, shadow_hits: u64| {
        let told = |finding: &&Finding| finding.about == name;
        let problems: Vec<Value> = findings
            .iter()
            .filter(told)
            .map(|found| json!({ "kind": found.kind, "problem": found.kind.is_problem(), "line": found.place.line, "column": found.place.column, "message": found.message }))
            .collect();
        json!({ "name": name, "description": words, "hits": hits, "shadow_hits": shadow_hits, "findings": problems })
    };
    let of = |counts: &std::collections::BTreeMap<String, u64>, name: &str| counts.get(name).copied().unwrap_or(0);
    let ignored: Vec<Value> =
        rules.ignored().map(|(name, words)| entry(name.to_owned(), words, of(&hits.ignored, name), 0)).collect();
    let routes: Vec<Value> = rules
        .routes()
        .map(|(name, words)| {
            let (owned, shadow) = (of(&hits.routes, name.as_str()), of(&hits.shadows, name.as_str()));
            entry(name.to_string(), words, owned, shadow)
        })
        .collect();
    let answer = json!({ "rules": rules.hash(), "problem": problem, "counted_since": since, "ignore": ignored, "routes": routes });
    Ok(Json(answer).into_response())
}

/// A push as somebody describes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Described {
    pub(super) repo: String,
    pub(super) branch: String,
    pub(super) tag: String,
    pub(super) actor: String,
    pub(super) message: String,
    /// One file a line; the word `unknown`: nobody knows.
    pub(super) changed: String,
}

/// Where a described push would go, for people.
pub(super) async fn try_page(
    State(app): State<Arc<App>>,
    Extension(visit): Extension<Visit>,
    Query(described): Query<Described>,
) -> Result<Response, Failure> {
    let receipt = described.receipt(&app.rules.current())?;
    Ok(visit.show(page::playground::tried(&described, &receipt)))
}

/// Where a described push would go, for programs.
pub(super) async fn try_json(
    State(app): State<Arc<App>>,
    Query(described): Query<Described>,
) -> Result<Response, Failure> {
    Ok(Json(described.receipt(&app.rules.current())?).into_response())
}

impl Described {
    fn receipt(&self, rules: &Rules) -> Result<Receipt, Failure> {
        let push = self.push(rules)?;
        let forge = push.repository.forge.clone();
        let delivered = Delivered { id: DeliveryId::new("tried")?, event: Event::Push(push).into() };
        let receipt = Receipt::of(&forge, &delivered, &rules.decide(&delivered.event));
        Ok(Receipt { commit: None, before: None, ..receipt })
    }

    fn push(&self, rules: &Rules) -> Result<Push, Failure> {
        let full = match (self.branch.trim(), self.tag.trim()) {
            ("", "") => return Err(Failure::unclear("say which branch or tag is pushed")),
            ("", tag) => format!("refs/tags/{tag}"),
            (branch, "") => format!("refs/heads/{branch}"),
            _ => return Err(Failure::unclear("a push is of a branch or of a tag")),
        };
        let changed = match self.changed.trim() {
            "unknown" => ChangedFiles::Unknown("it was said so".to_owned()),
            files => ChangedFiles::known(files.lines().map(str::trim).filter(|file| !file.is_empty())),
        };
        Ok(Push {
            repository: self.repository(rules)?,
            git_ref: GitRef::new(&full)?,
            before: None,
            commit: CommitId::new("1".repeat(40))?,
            actor: self.actor.clone(),
            author: Default::default(),
            created: false,
            forced: false,
            pushed_at: None,
            changed,
            message: self.message.clone(),
        })
    }

    /// The repository that is named, on the forge of its entry; the first that is named without a glob when none is.
    fn repository(&self, rules: &Rules) -> Result<Repository, Failure> {
        let named = |entry: &&NamedRepository| match self.repo.trim() {
            "" => entry.path().is_some(),
            repo => entry.covers(repo),
        };
        let entry = rules.repositories().iter().find(named);
        let entry = entry.ok_or_else(|| Failure::unclear("say which repository: one that the rule file names"))?;
        let path = if self.repo.trim().is_empty() { entry.path().unwrap_or_default() } else { self.repo.trim() };
        let forge = entry.forge().cloned().unwrap_or_else(|| entry.kind().default_name());
        Ok(Repository { forge, kind: entry.kind(), path: RepoPath::new(path)? })
    }
}

/// Another rule file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Candidate {
    file: String,
}

/// The most bytes of a candidate's body: a form writes up to three for one.
const CANDIDATE_MAX: usize = 3 * yaml::SIZE_MAX + 1024;

impl<S: Send + Sync> FromRequest<S> for Candidate {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        asked::fields(request, CANDIDATE_MAX).await
    }
}

/// What another file would have decided otherwise, for people and for programs.
pub(super) async fn plan(
    State(app): State<Arc<App>>,
    Extension(visit): Extension<Visit>,
    candidate: Candidate,
) -> Result<Response, Failure> {
    let history = hits::history(app.store.as_ref()).await?;
    let current = app.rules.current();
    let compared = tokio::task::spawn_blocking(move || compare(&current, &candidate.file, &history)).await;
    let compared = compared.map_err(|error| Failure::broken(&error))?;
    if visit.wants_page {
        return Ok(visit.show(page::playground::planned(&compared)));
    }
    match compared {
        Ok(compared) => Ok(Json(compared).into_response()),
        Err(problems) => Err(Failure::unclear(problems.join("\n"))),
    }
}

/// The comparison, or what is wrong with the file.
fn compare(current: &Rules, file: &str, history: &[Delivered]) -> Result<Comparison, Vec<String>> {
    let line = |problem: &router::problem::Problem| {
        let help = problem.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("line {}: {}{help}", problem.place.line, problem.message)
    };
    // A browser sends a text area's lines with CRLF.
    let rules = Rules::parse(&file.replace("\r\n", "\n")).map_err(|all| all.iter().map(line).collect::<Vec<_>>())?;
    let mut compared = Comparison::default();
    for delivered in history {
        compared.add(delivered, &current.decide(&delivered.event), rules.decide(&delivered.event));
    }
    Ok(compared.sorted())
}
