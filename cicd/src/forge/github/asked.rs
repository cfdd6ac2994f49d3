//! What GitHub is asked when our own knowledge is not enough.
//!
//! * <https://docs.github.com/rest/git/refs#list-matching-references> answers with nothing, and not with an error, when there is no such ref.
//! * <https://docs.github.com/rest/teams/members#get-team-membership-for-a-user> answers 404 for whoever is not in the team, and for a team
//!   that the token may not see.
//! * <https://docs.github.com/rest/commits/statuses#get-the-combined-status-for-a-specific-reference> lists the newest of each context.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use router::event::Author;
use router::id::{CommitId, GitRef, Repository};
use router::run::Team;
use router::status::Status;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Github, state};
use crate::forge::refusal::Refusal;
use crate::forge::{BRANCHES_MAX, PAGE, TryLater};
use crate::store::Commit;

/// What may stand in a path as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "ref")]
    full: String,
    object: Object,
}

#[derive(Deserialize)]
struct TagObject {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    sha: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    commit: Head,
}

#[derive(Deserialize)]
struct Head {
    sha: String,
}

/// <https://docs.github.com/rest/commits/commits#get-a-commit>: the account is null when GitHub does not know whose address it is.
#[derive(Deserialize)]
struct Made {
    author: Option<Account>,
    commit: MadeBy,
}

#[derive(Deserialize)]
struct Account {
    login: String,
}

#[derive(Deserialize)]
struct MadeBy {
    author: Option<Signed>,
}

#[derive(Deserialize)]
struct Signed {
    email: Option<String>,
}

#[derive(Deserialize)]
struct Combined {
    statuses: Vec<Shown>,
}

#[derive(Deserialize)]
struct Shown {
    context: String,
    state: String,
}

/// `pending` until an invitation is taken.
#[derive(Deserialize)]
struct Membership {
    state: String,
}

impl Github {
    async fn ask<T: DeserializeOwned>(&self, route: String) -> Result<T, TryLater> {
        self.in_time(|crab| crab.get(route, None::<&()>)).await.map_err(|refusal| refusal.unanswered())
    }

    pub(super) async fn tip_of(&self, repository: &Repository, git_ref: &GitRef) -> Result<Option<CommitId>, TryLater> {
        if matches!(git_ref, GitRef::Request(_)) {
            return Err(TryLater::new("pull requests are not asked for"));
        }
        let full = git_ref.to_string();
        let short = full.trim_start_matches("refs/");
        let name = utf8_percent_encode(short, PLAIN);
        let found: Vec<Reference> = self.ask(format!("/repos/{}/git/matching-refs/{name}", repository.path)).await?;
        let Some(mut object) = found.into_iter().find(|found| found.full == full).map(|found| found.object) else {
            return Ok(None);
        };
        if object.kind == "tag" {
            let tag: TagObject = self.ask(format!("/repos/{}/git/tags/{}", repository.path, object.sha)).await?;
            object = tag.object;
        }
        read(&object.sha).map(Some)
    }

    pub(super) async fn all_branches(
        &self,
        repository: &Repository,
    ) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater> {
        self.all_refs(repository, "branches", GitRef::Branch).await
    }

    /// For an annotated tag GitHub gives the commit here, and not the tag object.
    pub(super) async fn all_tags(&self, repository: &Repository) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater> {
        self.all_refs(repository, "tags", GitRef::Tag).await
    }

    async fn all_refs(
        &self,
        repository: &Repository,
        kind: &str,
        named: impl Fn(String) -> GitRef,
    ) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater> {
        let mut all = Vec::new();
        for page in 1..=BRANCHES_MAX / PAGE {
            let route = format!("/repos/{}/{kind}?per_page={PAGE}&page={page}", repository.path);
            let refs: Vec<Named> = self.ask(route).await?;
            let last = refs.len() < PAGE;
            for found in refs {
                all.push((named(found.name), read(&found.commit.sha)?));
            }
            if last {
                return Ok(Some(all));
            }
        }
        Ok(None)
    }

    pub(super) async fn author_of(&self, repository: &Repository, commit: &CommitId) -> Result<Author, TryLater> {
        let Made { author, commit } = self.ask(format!("/repos/{}/commits/{commit}", repository.path)).await?;
        let email = commit.author.and_then(|signed| signed.email).unwrap_or_default();
        Ok(Author { login: author.map(|account| account.login).unwrap_or_default(), email })
    }

    pub(super) async fn has_member(&self, team: &Team, account: &str) -> Result<bool, TryLater> {
        // What GitHub allows in a login, so that nothing else gets into the path. A team's path is checked already.
        if !account.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            return Ok(false);
        }
        let (organisation, slug) = team.path().owner_and_name();
        let route = format!("/orgs/{organisation}/teams/{slug}/memberships/{account}");
        let asked = self.in_time(|crab| async move {
            match crab.get::<Membership, _, ()>(route, None).await {
                Err(octocrab::Error::GitHub { source, .. }) if source.status_code.as_u16() == 404 => Ok(None),
                answer => answer.map(Some),
            }
        });
        match asked.await {
            Ok(membership) => Ok(membership.is_some_and(|membership| membership.state == "active")),
            Err(Refusal::Never(why)) => {
                let right = "who is in a team is read with the organisation's permission \"Members: read\"";
                Err(TryLater::new(format!("{why}; {right}")))
            }
            Err(refusal) => Err(refusal.unanswered()),
        }
    }

    pub(super) async fn not_shown(&self, commit: &Commit, wanted: &[Status]) -> Result<Vec<Status>, TryLater> {
        let route = format!("/repos/{}/commits/{}/status?per_page={PAGE}", commit.repository.path, commit.commit);
        let Combined { statuses } = self.ask(route).await?;
        let whole = statuses.len() < PAGE;
        let shows = |status: &&Status| {
            let shown = statuses.iter().find(|shown| shown.context.eq_ignore_ascii_case(&status.context));
            shown.map_or(!whole, |shown| shown.state == state(status.state))
        };
        Ok(wanted.iter().filter(|status| !shows(status)).cloned().collect())
    }
}

fn read(sha: &str) -> Result<CommitId, TryLater> {
    CommitId::new(sha).map_err(|invalid| TryLater::new(format!("GitHub answers with no commit: {invalid}")))
}
