//! Who does an action, by its provider.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::action::{Act, ActionEnd, ActionWork, Taken};
use super::codebuild::CodeBuild;
use super::deploys::{Deploys, PROVIDERS};

/// The providers that are there.
#[derive(Clone, Default)]
pub struct Acts(BTreeMap<&'static str, Arc<dyn Act>>);

impl Acts {
    /// `CodeBuild`, and the deploy providers.
    pub fn new(codebuild: &Arc<CodeBuild>, deploys: Deploys) -> Self {
        let deploys: Arc<dyn Act> = Arc::new(deploys);
        let codebuild: Arc<dyn Act> = Arc::new(Arc::clone(codebuild));
        let all = PROVIDERS.into_iter().map(|provider| (provider, Arc::clone(&deploys)));
        Self(all.chain([("CodeBuild", codebuild)]).collect())
    }
}

#[async_trait]
impl Act for Acts {
    async fn act(&self, work: ActionWork, taken: Taken) -> ActionEnd {
        match self.0.get(work.kind.provider.as_str()) {
            Some(act) if work.kind.owner == "AWS" => act.act(work, taken).await,
            _ => {
                let known = self.0.keys().copied().collect::<Vec<_>>().join(", ");
                let (owner, provider) = (&work.kind.owner, &work.kind.provider);
                let words = format!("the wire does not do the action {owner}/{provider}; it does AWS/{{{known}}}");
                ActionEnd::failed("ConfigurationError", words)
            }
        }
    }
}
