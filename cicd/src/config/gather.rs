//! What is gathered while the settings are read: values with their origin, mistakes, warnings.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use router::secret::Secret;

use super::kept::{self, Kept, Reference};
use super::{ConfigErrors, Mistake, Origin, Vars};

/// A value as it was given. It may be a secret, so it has no `Debug`.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// Reads values, and keeps what is wrong with them until the end.
pub(super) struct Gather<'v> {
    vars: &'v dyn Vars,
    kept: &'v Kept,
    wanted: BTreeSet<Reference>,
    mistakes: Vec<Mistake>,
    warnings: Vec<String>,
}

impl<'v> Gather<'v> {
    pub(super) fn new(vars: &'v dyn Vars, kept: &'v Kept) -> Self {
        Self { vars, kept, wanted: BTreeSet::new(), mistakes: Vec::new(), warnings: Vec::new() }
    }

    /// What is kept elsewhere and was asked for.
    pub(super) fn wanted(self) -> BTreeSet<Reference> {
        self.wanted
    }

    /// The warnings, when there are no mistakes.
    pub(super) fn finish(self) -> Result<Vec<String>, ConfigErrors> {
        if self.mistakes.is_empty() { Ok(self.warnings) } else { Err(ConfigErrors(self.mistakes)) }
    }

    pub(super) fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    pub(super) fn wrong(&mut self, origin: &Origin, message: impl Into<String>, help: impl Into<String>) {
        self.mistakes.push(Mistake { origin: origin.clone(), message: message.into(), help: help.into() });
    }

    /// A variable of the environment. One that is set to nothing is not set: that is how compose files leave one out.
    pub(super) fn variable(&self, name: &str) -> Option<Given> {
        let text = self.vars.get(name)?;
        (!text.is_empty()).then(|| Given { text, origin: Origin::Variable(name.to_owned()) })
    }

    /// The parts of a comma-separated variable.
    pub(super) fn variable_list(&self, name: &str) -> Vec<Given> {
        let Some(given) = self.variable(name) else { return Vec::new() };
        let parts = given.text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| Given { text: part.to_owned(), origin: given.origin.clone() }).collect()
    }

    /// What a value stands for, references followed.
    pub(super) fn text(&mut self, given: &Given) -> Option<String> {
        let Some(bytes) = self.follow(given)? else { return Some(given.text.clone()) };
        let text = String::from_utf8(bytes).ok();
        if text.is_none() {
            self.wrong(&given.origin, "the value is not UTF-8 text", "write it as text");
        }
        text
    }

    /// A secret: a reference, or in the environment the secret itself.
    pub(super) fn secret(&mut self, given: &Given) -> Option<Secret> {
        let bytes = match self.follow(given)? {
            Some(bytes) => bytes,
            None if matches!(given.origin, Origin::File { .. }) => {
                self.wrong(
                    &given.origin,
                    "a secret stands here as it is, and files get shared",
                    "write \"env:NAME\" or \"file:PATH\" and keep the secret there",
                );
                return None;
            }
            None => given.text.clone().into_bytes(),
        };
        let bytes = match kept::plain(bytes) {
            Ok(bytes) => bytes,
            Err(why) => {
                let help =
                    "write the key after the reference: secretsmanager:ARN:key; or keep the secret as plain text";
                self.wrong(&given.origin, why, help);
                return None;
            }
        };
        if bytes.is_empty() {
            self.wrong(&given.origin, "the secret is empty", "give it a value, or leave the setting out");
            return None;
        }
        Some(Secret::new(bytes))
    }

    /// `None` when it cannot be followed, `Some(None)` when it is no reference.
    fn follow(&mut self, given: &Given) -> Option<Option<Vec<u8>>> {
        let Some((scheme, target)) = given.text.split_once(':') else { return Some(None) };
        match scheme {
            "env" => self.of_variable(target, &given.origin).map(Some),
            "file" => self.of_file(target, &given.origin).map(Some),
            "ssm" | "secretsmanager" => self.of_elsewhere(&given.text, &given.origin).map(Some),
            _ => Some(None),
        }
    }

    fn of_elsewhere(&mut self, text: &str, origin: &Origin) -> Option<Vec<u8>> {
        let (reference, key) = Reference::read(text)?;
        let help = "is it there, and may this service read it?";
        let found = self.kept.0.get(&reference).cloned();
        self.wanted.insert(reference.clone());
        match found {
            None => self.wrong(origin, format!("{reference} is kept on AWS, which was not asked"), help),
            Some(Err(why)) => self.wrong(origin, format!("{reference} cannot be read: {why}"), help),
            Some(Ok(secret)) => match key.map(|key| kept::of_key(secret.expose(), key)) {
                None => return Some(secret.expose().to_vec()),
                Some(Ok(value)) => return Some(value),
                Some(Err(why)) => self.wrong(origin, format!("{reference}: {why}"), "name a key that it has"),
            },
        }
        None
    }

    fn of_variable(&mut self, name: &str, origin: &Origin) -> Option<Vec<u8>> {
        let found = self.vars.get(name);
        if found.is_none() {
            self.wrong(origin, format!("the environment variable {name:?} is not set"), "set it, or name another");
        }
        found.map(String::into_bytes)
    }

    fn of_file(&mut self, path: &str, origin: &Origin) -> Option<Vec<u8>> {
        let path = beside(origin, path);
        match fs::read(&path) {
            Ok(mut bytes) => {
                while bytes.last().is_some_and(|byte| b"\r\n".contains(byte)) {
                    bytes.pop();
                }
                if fs::metadata(&path).is_ok_and(|file| file.permissions().mode() & 0o004 != 0) {
                    self.warn(format!("{}: everybody on this machine can read it; chmod 600 it", path.display()));
                }
                Some(bytes)
            }
            Err(error) => {
                let message = format!("the file {} cannot be read: {error}", path.display());
                self.wrong(origin, message, "name a file that this user may read");
                None
            }
        }
    }
}

/// A path in a file is meant from where that file stands, any other from where the process was started.
pub(super) fn beside(origin: &Origin, path: &str) -> PathBuf {
    match origin {
        Origin::File { path: file, .. } => Path::new(file).parent().unwrap_or(Path::new("")).join(path),
        Origin::Flag(_) | Origin::Variable(_) => PathBuf::from(path),
    }
}
