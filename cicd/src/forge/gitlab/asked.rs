//! What GitLab is asked when our own knowledge is not enough.

use gitlab::api::groups::members::AllGroupMembers;
use gitlab::api::projects::repository::branches::{Branch, Branches};
use gitlab::api::projects::repository::commits::{Commit, CommitStatuses, CompareCommits};
use gitlab::api::projects::repository::tags::{Tag, Tags};
use gitlab::api::{AsyncQuery, Endpoint, Pageable, Pagination, ParamValue, paged};
use router::event::{Author, Push};
use router::id::{CommitId, GitRef, Repository};
use router::run::Team;
use router::status::Status;
use serde::Deserialize;

use super::{Gitlab, refused, state};
use crate::forge::{BRANCHES_MAX, PAGE, TryLater};
use crate::store;

/// So many members of a group are looked at whose names are like the one that is looked for.
const MEMBERS_MAX: usize = 5 * PAGE;

#[derive(Deserialize)]
struct Named {
    name: String,
    commit: Head,
}

#[derive(Deserialize)]
struct Head {
    id: String,
}

/// <https://docs.gitlab.com/api/commits/#get-a-single-commit> names no account.
#[derive(Deserialize)]
struct Made {
    #[serde(default)]
    author_email: String,
}

#[derive(Deserialize)]
struct Between {
    commits: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Shown {
    name: String,
    status: String,
}

/// <https://docs.gitlab.com/api/group_members/>: `state` is the account's, and `membership_state` is there where seats are counted.
#[derive(Deserialize)]
struct Member {
    username: String,
    state: String,
    #[serde(default)]
    membership_state: Option<String>,
}

impl Member {
    fn is_active(&self) -> bool {
        self.state == "active" && self.membership_state.as_deref().is_none_or(|state| state == "active")
    }
}

impl Gitlab {
    /// What the old commit has and the new one has not was dropped.
    pub(super) async fn dropped(&self, push: &Push, before: &CommitId) -> Result<bool, TryLater> {
        let endpoint = CompareCommits::builder()
            .project(push.repository.path.as_str())
            .from(push.commit.as_str())
            .to(before.as_str())
            .build()
            .expect("project, from and to are all there is to give");
        let dropped = self.ask::<Between>(endpoint).await.map_err(|refused| refused.refusal().unanswered())?;
        Ok(!dropped.commits.is_empty())
    }

    pub(super) async fn tip_of(&self, repository: &Repository, git_ref: &GitRef) -> Result<Option<CommitId>, TryLater> {
        let project = repository.path.as_str();
        if matches!(git_ref, GitRef::Request(_)) {
            return Err(TryLater::new("merge requests are not asked for"));
        }
        let found = match git_ref {
            GitRef::Branch(_) | GitRef::Request(_) => {
                let endpoint = Branch::builder().project(project).branch(git_ref.short()).build();
                self.ask::<Named>(endpoint.expect("project and branch are all there is to give")).await
            }
            GitRef::Tag(name) => {
                let endpoint = Tag::builder().project(project).tag_name(name.as_str()).build();
                self.ask::<Named>(endpoint.expect("project and tag are all there is to give")).await
            }
        };
        match found {
            Ok(found) => read(&found.commit.id).map(Some),
            // A project that is gone, or hidden, is answered in other words.
            Err(refused)
                if refused.code == 404
                    && ["Branch Not Found", "Tag Not Found"].iter().any(|words| refused.words.contains(words)) =>
            {
                Ok(None)
            }
            Err(refused) => Err(refused.refusal().unanswered()),
        }
    }

    pub(super) async fn all_branches(
        &self,
        repository: &Repository,
    ) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater> {
        let endpoint = Branches::builder().project(repository.path.as_str()).build().expect("the project is given");
        self.all_refs(endpoint, GitRef::Branch).await
    }

    pub(super) async fn all_tags(&self, repository: &Repository) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater> {
        let endpoint = Tags::builder().project(repository.path.as_str()).build().expect("the project is given");
        self.all_refs(endpoint, GitRef::Tag).await
    }

    async fn all_refs(
        &self,
        endpoint: impl Endpoint + Pageable + Sync,
        named: impl Fn(String) -> GitRef,
    ) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater> {
        let endpoint = paged(endpoint, Pagination::Limit(BRANCHES_MAX));
        let refs: Vec<Named> = endpoint
            .query_async(&self.wire)
            .await
            .map_err(|error| refused::read(error, &self.token).refusal().unanswered())?;
        if refs.len() >= BRANCHES_MAX {
            return Ok(None);
        }
        let all = refs.into_iter().map(|found| Ok((named(found.name), read(&found.commit.id)?)));
        all.collect::<Result<_, TryLater>>().map(Some)
    }

    pub(super) async fn author_of(&self, repository: &Repository, commit: &CommitId) -> Result<Author, TryLater> {
        let endpoint = Commit::builder().project(repository.path.as_str()).commit(commit.as_str()).build();
        let endpoint = endpoint.expect("project and commit are all there is to give");
        let made: Made = self.ask(endpoint).await.map_err(|refused| refused.refusal().unanswered())?;
        Ok(Author { email: made.author_email, ..Author::default() })
    }

    pub(super) async fn has_member(&self, team: &Team, account: &str) -> Result<bool, TryLater> {
        // What is asked for is only looked for: in names and addresses too.
        let endpoint = AllGroupMembers::builder().group(team.path().as_str()).query(account).build();
        let endpoint = paged(endpoint.expect("group and query are given"), Pagination::Limit(MEMBERS_MAX));
        let members: Vec<Member> = endpoint.query_async(&self.wire).await.map_err(|error| {
            let refused = refused::read(error, &self.token);
            match refused.code {
                404 => TryLater::new(format!("{}; {team} is gone, or the token may not see it", refused.words)),
                _ => refused.refusal().unanswered(),
            }
        })?;
        match members.iter().find(|member| member.username.eq_ignore_ascii_case(account)) {
            Some(member) => Ok(member.is_active()),
            None if members.len() < MEMBERS_MAX => Ok(false),
            None => Err(TryLater::new(format!("{team} has too many members who are called like {account}"))),
        }
    }

    pub(super) async fn not_shown(&self, commit: &store::Commit, wanted: &[Status]) -> Result<Vec<Status>, TryLater> {
        let endpoint = CommitStatuses::builder()
            .project(commit.repository.path.as_str())
            .commit(commit.commit.as_str())
            .ref_(commit.git_ref.short())
            .build()
            .expect("project and commit are given");
        let endpoint = paged(endpoint, Pagination::Limit(PAGE));
        let statuses: Vec<Shown> = endpoint
            .query_async(&self.wire)
            .await
            .map_err(|error| refused::read(error, &self.token).refusal().unanswered())?;
        let whole = statuses.len() < PAGE;
        let shows = |status: &&Status| {
            let shown = statuses.iter().rev().find(|shown| shown.name == status.context);
            shown.map_or(!whole, |shown| shown.status == state(status.state).as_value())
        };
        Ok(wanted.iter().filter(|status| !shows(status)).cloned().collect())
    }
}

fn read(id: &str) -> Result<CommitId, TryLater> {
    CommitId::new(id).map_err(|invalid| TryLater::new(format!("GitLab answers with no commit: {invalid}")))
}
