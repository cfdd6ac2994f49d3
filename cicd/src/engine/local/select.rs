//! Which files make an artifact.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use router::buildspec::ArtifactSet;
use walkdir::WalkDir;

/// The files of an artifact: their names in it and where they are.
pub(crate) type Selection = BTreeMap<String, PathBuf>;

/// Selects files below `home`, a step's source folder.
///
/// # Errors
/// Words for the log: a pattern that is none, a folder that is not there, a file that cannot be taken, nothing found.
pub(crate) fn select(home: &Path, set: &ArtifactSet) -> Result<Selection, String> {
    let mut selection = Selection::new();
    let (patterns, files): (Vec<_>, Vec<_>) = set.files.iter().partition(|pattern| !pattern.starts_with('/'));
    let wanted = globs(&patterns)?;
    let unwanted = globs(&set.exclude_paths.iter().collect::<Vec<_>>())?;
    for base in bases(home, set.base_directory.as_deref())? {
        let inside = base.canonicalize().map_err(|e| format!("{}: {e}", base.display()))?;
        let walk = WalkDir::new(&base).sort_by_file_name().into_iter();
        // A worktree's `.git` is ours, not the commit's.
        let walk = walk.filter_entry(|entry| !(entry.depth() == 1 && base == home && entry.file_name() == ".git"));
        for entry in walk {
            let entry = entry.map_err(|e| e.to_string())?;
            let path = entry.path().strip_prefix(&base).unwrap_or(entry.path());
            let kind = entry.file_type();
            if !(kind.is_file() || kind.is_symlink()) || !wanted.is_match(path) || unwanted.is_match(path) {
                continue;
            }
            let name = path.to_str().ok_or_else(|| format!("{} has a name that is not UTF-8", path.display()))?;
            if kind.is_symlink() {
                check_link(entry.path(), name, &inside)?;
            }
            selection.insert(name_in(set, name), entry.into_path());
        }
    }
    for file in files {
        if Path::new(file).is_file() {
            selection.insert(name_in(set, file.trim_start_matches('/')), PathBuf::from(file));
        }
    }
    if selection.is_empty() { Err("no matching artifact paths found".to_owned()) } else { Ok(selection) }
}

fn name_in(set: &ArtifactSet, name: &str) -> String {
    if set.discard_paths { name.rsplit('/').next().unwrap_or(name).to_owned() } else { name.to_owned() }
}

/// A link may point only to what is there, inside the same artifact.
fn check_link(link: &Path, name: &str, inside: &Path) -> Result<(), String> {
    let advice = "leave it out with exclude-paths";
    let target = std::fs::read_link(link).map_err(|e| format!("{name}: {e}"))?;
    match link.canonicalize() {
        Ok(end) if end.starts_with(inside) && !target.is_absolute() => Ok(()),
        Ok(_) => Err(format!("{name} is a symbolic link out of the artifact; {advice}")),
        Err(_) => Err(format!("{name} is a symbolic link to nothing; {advice}")),
    }
}

/// The folders that files are looked for in: one, or all that a pattern matches.
fn bases(home: &Path, base: Option<&str>) -> Result<Vec<PathBuf>, String> {
    let Some(base) = base.map(|base| base.trim_end_matches('/')).filter(|base| !base.is_empty()) else {
        return Ok(vec![home.to_owned()]);
    };
    let literal: PathBuf = home.join(base).components().filter(|part| *part != Component::CurDir).collect();
    let bases = if literal.is_dir() {
        vec![literal]
    } else {
        let wanted = globs(&[&base.to_owned()])?;
        let folders = WalkDir::new(home).min_depth(1).sort_by_file_name().into_iter().flatten();
        let folders = folders.filter(|entry| entry.file_type().is_dir()).map(walkdir::DirEntry::into_path);
        folders.filter(|folder| folder.strip_prefix(home).is_ok_and(|path| wanted.is_match(path))).collect()
    };
    if bases.is_empty() { Err(format!("no matching base directory path found for {base}")) } else { Ok(bases) }
}

fn globs(patterns: &[&String]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = GlobBuilder::new(pattern.trim_start_matches("./")).literal_separator(true).build();
        set.add(glob.map_err(|e| format!("{pattern} is no pattern: {}", e.kind()))?);
    }
    set.build().map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let file = folder.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "x").unwrap();
        }
        folder
    }

    fn names(home: &Path, set: &ArtifactSet) -> Vec<String> {
        select(home, set).unwrap().into_keys().collect()
    }

    fn files(patterns: &[&str]) -> ArtifactSet {
        ArtifactSet { files: patterns.iter().map(|p| (*p).to_owned()).collect(), ..ArtifactSet::default() }
    }

    #[test]
    fn a_star_stays_in_its_folder_and_two_cross_it() {
        let home = tree(&["a", "d/b", "d/e/c", ".hidden", ".git"]);
        assert_eq!(names(home.path(), &files(&["**/*"])), [".hidden", "a", "d/b", "d/e/c"]);
        assert_eq!(names(home.path(), &files(&["d/*"])), ["d/b"]);
        assert_eq!(names(home.path(), &files(&["./d/**/*", "a"])), ["a", "d/b", "d/e/c"]);
        assert_eq!(names(home.path(), &ArtifactSet { discard_paths: true, ..files(&["d/**/*"]) }), ["b", "c"]);
        let without = ArtifactSet { exclude_paths: vec!["d/*".to_owned()], ..files(&["**/*"]) };
        assert_eq!(names(home.path(), &without), [".hidden", "a", "d/e/c"]);
    }

    #[test]
    fn base_directories_may_be_patterns() {
        let home = tree(&["out-1/a", "out-2/b/c", "other/d"]);
        let based = |base: &str| ArtifactSet { base_directory: Some(base.to_owned()), ..files(&["**/*"]) };
        assert_eq!(names(home.path(), &based("out-*")), ["a", "b/c"]);
        assert_eq!(names(home.path(), &based("./other/")), ["d"]);
        assert_eq!(names(home.path(), &based(home.path().join("other").to_str().unwrap())), ["d"]);
        assert!(select(home.path(), &based("none")).unwrap_err().contains("base directory"));
    }

    #[test]
    fn nothing_found_is_told_in_codebuilds_words() {
        let home = tree(&["a"]);
        assert_eq!(select(home.path(), &files(&["b", "../*"])), Err("no matching artifact paths found".to_owned()));
        assert!(select(home.path(), &files(&["[x"])).unwrap_err().contains("no pattern"));
    }

    #[test]
    fn a_file_may_be_named_by_its_full_path() {
        let (home, other) = (tree(&["a"]), tree(&["build.json"]));
        let full = other.path().join("build.json");
        let set = ArtifactSet { discard_paths: true, ..files(&[full.to_str().unwrap()]) };
        assert_eq!(names(home.path(), &set), ["build.json"]);
    }

    #[test]
    fn a_link_out_of_the_artifact_is_refused() {
        for (target, well) in
            [("a", true), ("d/../a", true), ("/etc/passwd", false), ("../../x", false), ("gone", false)]
        {
            let home = tree(&["a", "d/b"]);
            symlink(target, home.path().join("link")).unwrap();
            assert_eq!(select(home.path(), &files(&["**/*"])).is_ok(), well, "{target}");
        }
        // `..` behind a link to a folder climbs where it does not seem to.
        let home = tree(&["a"]);
        symlink(".", home.path().join("here")).unwrap();
        symlink("here/../a", home.path().join("link")).unwrap();
        assert!(select(home.path(), &files(&["link"])).is_err());
    }
}
