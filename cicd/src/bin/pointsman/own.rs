//! `--repo-file`: what a repository says for itself, counted in as the service does.

use std::path::PathBuf;

use anyhow::bail;
use router::rules::{OwnWord, REPO_FILE, Rules};

use crate::problems::{Examined, read};

/// A repository's own file, when one is counted in.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct OwnArgs {
    /// The repository's own `.pointsman.yaml`, as far as the rule file's `allow_repo` lets it speak.
    #[arg(long, value_name = "FILE")]
    pub(crate) repo_file: Option<PathBuf>,
}

impl OwnArgs {
    /// Reads it under a rule file.
    ///
    /// # Errors
    /// When it cannot be read, or is wrong: every problem, in its place. The service would go on without it and say so.
    pub(crate) fn read(&self, rules: &Rules) -> anyhow::Result<Option<OwnWord>> {
        let Some(path) = &self.repo_file else { return Ok(None) };
        let text = read(path).map_err(anyhow::Error::msg)?;
        if !rules.asks_repositories() {
            bail!("the rule file has no `allow_repo`: what a repository says in {REPO_FILE} counts for nothing");
        }
        match rules.read_repo_file(&text) {
            Ok(file) => Ok(Some(OwnWord::File(file))),
            Err(problems) => {
                let wrong = Examined { file: path.display().to_string(), text, problems, warnings: Vec::new() };
                bail!("{} is wrong:\n{}", path.display(), wrong.draw(console::colors_enabled_stderr(), 100));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "version: 1
repositories: [{local: demo}]
allow_repo: ignore
routes: [{name: rest, any: true, pipeline: none}]
";

    #[test]
    fn a_repositorys_file_is_read_as_far_as_it_may_speak() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.yaml");
        let own = OwnArgs { repo_file: Some(path.clone()) };
        let rules = Rules::parse(RULES).unwrap();
        assert!(own.read(&rules).unwrap_err().to_string().contains("cannot read"));
        std::fs::write(&path, "version: 1\nignore: [{name: gen, branch: gen}]\n").unwrap();
        assert!(matches!(own.read(&rules).unwrap(), Some(OwnWord::File(_))));
        let silent = Rules::parse(&RULES.replace("allow_repo: ignore\n", "")).unwrap();
        assert!(own.read(&silent).unwrap_err().to_string().contains("`allow_repo`"));
        std::fs::write(&path, "version: 1\nvariables: {A: b}\n").unwrap();
        let refused = own.read(&rules).unwrap_err().to_string();
        assert!(refused.contains("does not let a repository set `variables`") && refused.contains(":2:1"), "{refused}");
        assert!(OwnArgs::default().read(&rules).unwrap().is_none());
    }
}
