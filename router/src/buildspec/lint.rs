//! What is right as a buildspec and hardly meant. Each is a guess, so it is a warning and never a refusal.

use std::collections::BTreeSet;

use super::reader::shown;
use super::{Buildspec, OnFailure, Phase, PhaseName};
use crate::problem::{Place, Problem};
use crate::yaml::{self, Node, Value};

/// What is known of the place where a buildspec runs.
pub struct Around<'a> {
    /// Variables that the rule file or other stages give.
    pub variables: &'a BTreeSet<String>,
    /// Whether a file is in the repository; none when nobody can tell.
    pub exists: Option<&'a dyn Fn(&str) -> bool>,
    /// The names under which earlier stages leave artifacts, as `CODEBUILD_SRC_DIR_` has them; none when nobody can tell.
    pub inputs: Option<&'a BTreeSet<String>>,
}

/// What a shell or the machine gives, and what people set there by hand.
const GIVEN: [&str; 30] = [
    "HOME",
    "PATH",
    "PWD",
    "OLDPWD",
    "USER",
    "LOGNAME",
    "SHELL",
    "TMPDIR",
    "HOSTNAME",
    "LANG",
    "TERM",
    "IFS",
    "RANDOM",
    "SECONDS",
    "LINENO",
    "UID",
    "EUID",
    "PPID",
    "CI",
    "ENVIRONMENT",
    "OSTYPE",
    "MACHTYPE",
    "HOSTTYPE",
    "OPTARG",
    "OPTIND",
    "REPLY",
    "SHLVL",
    "TZ",
    "EDITOR",
    "JAVA_HOME",
];
const GIVEN_PREFIXES: [&str; 7] = ["CODEBUILD_", "AWS_", "POINTSMAN_", "BASH", "LC_", "ECS_", "GO"];

impl Buildspec {
    /// Tells what is hardly meant in a text that [`Buildspec::parse`] takes; nothing for one that it does not.
    pub fn lint(text: &str, around: &Around<'_>) -> Vec<Problem> {
        let (Ok(root), Ok(spec)) = (yaml::parse(text), Self::parse(text)) else { return Vec::new() };
        let commands = commands(&root);
        let mut problems = undefined(&spec, &commands, around);
        problems.extend(pushed_after_failure(&spec, &root));
        problems.extend(nobody_makes(&spec, &root, &commands, around));
        problems.sort_by_key(|problem| problem.place.offset);
        problems
    }
}

/// Every command, with its place.
fn commands(root: &Node) -> Vec<(&str, Place)> {
    let phases = root.get("phases").and_then(Node::mapping).unwrap_or_default();
    let lists =
        phases.iter().flat_map(|(_, phase)| ["commands", "finally"].into_iter().filter_map(|key| phase.get(key)));
    let items = lists.flat_map(|list| list.sequence().unwrap_or(std::slice::from_ref(list)));
    items.filter_map(|item| Some((item.text()?, item.place))).collect()
}

fn undefined(spec: &Buildspec, commands: &[(&str, Place)], around: &Around<'_>) -> Vec<Problem> {
    // What another file or a program sets cannot be seen from here.
    let opaque = |text: &str| {
        text.split(['\n', ';', '&', '|']).any(|part| {
            let part = part.trim_start();
            part.starts_with(". ")
                || part.starts_with("source ")
                || part.starts_with("eval ")
                || part.contains("set -a")
        })
    };
    if commands.iter().any(|(text, _)| opaque(text)) {
        return Vec::new();
    }
    let env = &spec.env;
    let mut known: BTreeSet<&str> = env
        .variables
        .keys()
        .chain(env.parameter_store.keys())
        .chain(env.secrets_manager.keys())
        .map(String::as_str)
        .collect();
    known.extend(around.variables.iter().map(String::as_str));
    known.extend(GIVEN);
    for (text, _) in commands {
        known.extend(assigned(text));
    }
    let mut told = BTreeSet::new();
    let mut problems = Vec::new();
    for (text, place) in commands {
        for name in used(text) {
            let given = GIVEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            let missing_input = name
                .strip_prefix("CODEBUILD_SRC_DIR_")
                .filter(|input| around.inputs.is_some_and(|inputs| !inputs.contains(*input)));
            if let Some(input) = missing_input
                && told.insert(name)
            {
                let message = format!("no stage before this one leaves an artifact named `{input}`");
                problems.push(
                    Problem::new(*place, message)
                        .help("name a stage that has `artifacts`, or one of its secondary artifacts"),
                );
            } else if !given && !known.contains(name) && told.insert(name) {
                let message = format!("nobody defines `${name}`");
                let help = "define it under `env.variables`, in the rule file's `variables`, or in a command before";
                problems.push(Problem::new(*place, message).help(help));
            }
        }
    }
    problems
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn name_at(text: &str, from: usize) -> &str {
    let bytes = text.as_bytes();
    let end = (from..bytes.len()).find(|at| !is_name(bytes[*at])).unwrap_or(bytes.len());
    let name = &text[from..end];
    if name.bytes().next().is_some_and(|byte| byte.is_ascii_digit()) { "" } else { name }
}

/// The variables that a shell would put in, but for those with a default or a test of their own (`${A:-b}`). What stands in
/// single quotes or after a backslash is not the shell's.
fn used(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let (mut names, mut at, mut single, mut double) = (Vec::new(), 0, false, false);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if !single => at += 1,
            b'\'' if !double => single = !single,
            b'"' if !single => double = !double,
            b'$' if !single => {
                let braced = bytes.get(at + 1) == Some(&b'{');
                let name = name_at(text, at + 1 + usize::from(braced));
                let after = bytes.get(at + 1 + usize::from(braced) + name.len());
                let has_default = braced && matches!(after, Some(b':' | b'-' | b'+' | b'?' | b'='));
                if !name.is_empty() && !has_default {
                    names.push(name);
                }
            }
            _ => {}
        }
        at += 1;
    }
    names
}

/// The variables that a command sets: `A=1`, `export A`, `read A`, `for A in`, `${A:=b}`, `printf -v A`.
fn assigned(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for (at, _) in text.match_indices('=') {
        let before = text[..at].trim_end_matches([':', '+']);
        let start = before.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
        names.push(text.get(start..).map_or("", |rest| name_at(rest, 0)));
    }
    let words: Vec<&str> = text.split(|c: char| !(c.is_ascii_alphanumeric() || "_-".contains(c))).collect();
    for pair in words.windows(2) {
        if matches!(
            pair[0],
            "export" | "read" | "for" | "local" | "declare" | "typeset" | "-v" | "-r" | "getopts" | "mapfile" | "-t"
        ) {
            names.push(pair[1]);
        }
    }
    names
}

/// `post_build` runs after a failed build too: an image of it should not be handed out.
fn pushed_after_failure(spec: &Buildspec, root: &Node) -> Option<Problem> {
    let post: &Phase = spec.phase(PhaseName::PostBuild)?;
    let build = spec.phase(PhaseName::Build)?;
    let pushes = |text: &str| {
        (text.contains("docker push") || text.contains("podman push") || text.contains("compose push"))
            || (text.contains("buildx") && text.contains("--push"))
    };
    let all = || post.commands.iter().chain(&post.finally);
    if build.on_failure == Some(OnFailure::Abort) || all().any(|text| text.contains("CODEBUILD_BUILD_SUCCEEDING")) {
        return None;
    }
    let pushed = all().find(|text| pushes(text))?;
    let node = root.get("phases")?.get("post_build")?;
    let listed = ["commands", "finally"].into_iter().filter_map(|key| node.get(key));
    let place = listed
        .flat_map(|list| list.sequence().unwrap_or(std::slice::from_ref(list)))
        .find(|item| item.text() == Some(pushed))
        .map_or(node.place, |item| item.place);
    let message = "an image is pushed though the build may have failed: `post_build` runs after it all the same";
    let help = "write `on-failure: ABORT` in `build`, or look at $CODEBUILD_BUILD_SUCCEEDING first";
    Some(Problem::new(place, message).help(help))
}

/// A file of `artifacts` that no command names and that is not in the repository either.
fn nobody_makes(spec: &Buildspec, root: &Node, commands: &[(&str, Place)], around: &Around<'_>) -> Vec<Problem> {
    let (Some(artifacts), Some(exists)) = (&spec.artifacts, around.exists) else { return Vec::new() };
    if artifacts.main.base_directory.is_some() {
        return Vec::new();
    }
    let Some(files) = root.get("artifacts").and_then(|node| node.get("files")) else { return Vec::new() };
    let items = match &files.value {
        Value::Sequence(items) => items.as_slice(),
        Value::Scalar { .. } | Value::Mapping(_) => std::slice::from_ref(files),
    };
    let plain = |text: &str| !text.contains(['*', '?', '[', '{', '$']) && !text.is_empty();
    let orphan = |item: &&Node| {
        item.text().is_some_and(|text| {
            let name = text.rsplit('/').next().unwrap_or(text);
            plain(text) && !exists(text) && !commands.iter().any(|(command, _)| command.contains(name))
        })
    };
    items
        .iter()
        .filter(orphan)
        .map(|item| {
            let message = format!("no command makes the artifact `{}`", shown(item.text().unwrap_or_default()));
            Problem::new(item.place, message).help("no command names it, and it is not in the repository")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let variables = BTreeSet::from(["IMAGE".to_owned()]);
        let inputs = BTreeSet::from(["build".to_owned()]);
        let exists = |path: &str| path == "README.md";
        let around = Around { variables: &variables, exists: Some(&exists), inputs: Some(&inputs) };
        let problems = Buildspec::lint(&format!("version: 0.2\n{text}"), &around);
        problems.into_iter().map(|problem| format!("{} {}", problem.place.line, problem.message)).collect()
    }

    fn build(commands: &str) -> Vec<String> {
        told(&format!(
            "env: {{variables: {{A: b}}}}\nphases:\n  build:\n    commands:\n      - |\n        {commands}\n"
        ))
    }

    #[test]
    fn a_variable_that_nobody_defines_is_told_once() {
        assert_eq!(
            build("echo $NOWHERE ${NOWHERE} $ALSO"),
            ["7 nobody defines `$NOWHERE`", "7 nobody defines `$ALSO`"]
        );
        for fine in [
            "echo $A $IMAGE $HOME $CODEBUILD_SRC_DIR $AWS_REGION $1 $? $$ $(date) ${#}",
            "echo '$NOT_OURS' \\$NOR_THIS \"it's $A\" ${B:-x} ${C:=y} $C",
            "B=1; export C; read D; for E in 1 2; do echo $B $C $D $E; done",
            ". ./env.sh && echo $WHATEVER",
            "awk '{print $NF}' file",
            "echo $CODEBUILD_SRC_DIR_build",
        ] {
            assert_eq!(build(fine), Vec::<String>::new(), "{fine}");
        }
    }

    #[test]
    fn an_input_that_no_stage_leaves_is_told() {
        assert_eq!(
            build("ls $CODEBUILD_SRC_DIR_biuld"),
            ["7 no stage before this one leaves an artifact named `biuld`"]
        );
    }

    #[test]
    fn an_image_pushed_after_a_failed_build_is_told() {
        let spec = |build: &str, post: &str| {
            told(&format!(
                "phases:\n  build: {{commands: [make]{build}}}\n  post_build:\n    commands:\n      - {post}\n"
            ))
        };
        let message = "6 an image is pushed though the build may have failed: `post_build` runs after it all the same";
        assert_eq!(spec("", "docker push x"), [message]);
        assert_eq!(spec("", "docker buildx build --push ."), [message]);
        assert_eq!(spec(", on-failure: ABORT", "docker push x"), Vec::<String>::new());
        assert_eq!(spec("", "'[ \"$CODEBUILD_BUILD_SUCCEEDING\" = 1 ] && docker push x'"), Vec::<String>::new());
    }

    #[test]
    fn an_artifact_that_nobody_makes_is_told() {
        let text = "phases: {build: {commands: ['make > out/app.txt']}}\nartifacts:\n  files:\n    - out/app.txt\n    - README.md\n    - gone.json\n    - '**/*'\n";
        assert_eq!(told(text), ["7 no command makes the artifact `gone.json`"]);
    }
}
