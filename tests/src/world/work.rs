//! What a person does before a commit.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Edits, and the words of the commit that takes them.
#[derive(Debug, Clone, Default)]
pub struct Work {
    edits: Vec<Edit>,
    message: Option<String>,
    by: Option<String>,
}

#[derive(Debug, Clone)]
enum Edit {
    Write { path: String, bytes: Vec<u8>, executable: bool },
    Remove(String),
    Rename(String, String),
}

impl Work {
    /// Writes a file.
    #[must_use]
    pub fn write(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.edit(Edit::Write { path: path.to_owned(), bytes: bytes.as_ref().to_vec(), executable: false })
    }

    /// Writes a file that can be executed.
    #[must_use]
    pub fn script(self, path: &str, text: &str) -> Self {
        self.edit(Edit::Write { path: path.to_owned(), bytes: text.as_bytes().to_vec(), executable: true })
    }

    /// Removes a file.
    #[must_use]
    pub fn remove(self, path: &str) -> Self {
        self.edit(Edit::Remove(path.to_owned()))
    }

    /// Moves a file.
    #[must_use]
    pub fn rename(self, from: &str, to: &str) -> Self {
        self.edit(Edit::Rename(from.to_owned(), to.to_owned()))
    }

    /// The commit's message; what was done when it is left out.
    #[must_use]
    pub fn message(self, message: &str) -> Self {
        Self { message: Some(message.to_owned()), ..self }
    }

    /// Who commits and pushes; `dana` when it is left out.
    #[must_use]
    pub fn by(self, person: &str) -> Self {
        Self { by: Some(person.to_owned()), ..self }
    }

    fn edit(mut self, edit: Edit) -> Self {
        self.edits.push(edit);
        self
    }

    pub(super) fn person(&self) -> &str {
        self.by.as_deref().unwrap_or("dana")
    }

    pub(super) fn words(&self) -> String {
        let done = |edit: &Edit| match edit {
            Edit::Write { path, .. } => format!("write {path}"),
            Edit::Remove(path) => format!("remove {path}"),
            Edit::Rename(from, to) => format!("move {from} to {to}"),
        };
        let all = || self.edits.iter().map(done).collect::<Vec<_>>().join(", ");
        self.message.clone().unwrap_or_else(|| if self.edits.is_empty() { "change nothing".to_owned() } else { all() })
    }

    /// Does it in a folder.
    pub(super) fn apply(&self, folder: &Path) {
        for edit in &self.edits {
            edit.apply(folder).unwrap_or_else(|error| panic!("{edit:?}: {error}"));
        }
    }
}

impl Edit {
    fn apply(&self, folder: &Path) -> std::io::Result<()> {
        let make_room = |file: &Path| std::fs::create_dir_all(file.parent().unwrap_or(folder));
        match self {
            Self::Write { path, bytes, executable } => {
                let file = folder.join(path);
                make_room(&file)?;
                std::fs::write(&file, bytes)?;
                let mode = if *executable { 0o755 } else { 0o644 };
                std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode))
            }
            Self::Remove(path) => std::fs::remove_file(folder.join(path)),
            Self::Rename(from, to) => {
                let to = folder.join(to);
                make_room(&to)?;
                std::fs::rename(folder.join(from), to)
            }
        }
    }
}
