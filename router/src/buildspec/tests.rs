//! What a buildspec may say, and what is told about one that is wrong.

use super::*;

fn problems(text: &str) -> Vec<String> {
    let problems = Buildspec::parse(text).expect_err("a problem is expected");
    problems
        .iter()
        .map(|it| {
            format!("{}:{} {} ({})", it.place.line, it.place.column, it.message, it.help.as_deref().unwrap_or(""))
        })
        .collect()
}

#[test]
fn everything_that_is_honoured_is_read() {
    let text = "\
version: 0.2
env:
  shell: bash
  variables: {A: 3.10, B: true, C: '$PATH:/x', D: }
  exported-variables: [A]
phases:
  post_build: {commands: echo one}
  build:
    on-failure: CONTINUE
    commands: ['echo a: b', true, 'two

      lines']
    finally: [echo end]
artifacts:
  files: '**/*'
  base-directory: out
  discard-paths: yes
  exclude-paths: [a/*]
  secondary-artifacts: {docs: {files: [d/*]}}
";
    let spec = Buildspec::parse(text).unwrap();
    assert_eq!(spec.env.variables["A"], "3.10");
    assert_eq!(spec.env.variables["B"], "true");
    assert_eq!(spec.env.variables["C"], "$PATH:/x");
    assert_eq!(spec.env.variables["D"], "");
    assert_eq!(spec.env.shell, Shell::Bash);
    assert_eq!(spec.phases.iter().map(|p| p.name).collect::<Vec<_>>(), [PhaseName::Build, PhaseName::PostBuild]);
    let build = spec.phase(PhaseName::Build).unwrap();
    assert_eq!(build.commands, ["echo a: b", "true", "two\nlines"]);
    assert_eq!(build.finally, ["echo end"]);
    assert_eq!(build.on_failure, Some(OnFailure::Continue));
    assert_eq!(spec.phase(PhaseName::PostBuild).unwrap().commands, ["echo one"]);
    let artifacts = spec.artifacts.unwrap();
    assert!(artifacts.main.discard_paths);
    assert_eq!(artifacts.main.files, ["**/*"]);
    assert_eq!(artifacts.secondary["docs"].files, ["d/*"]);
    assert!(spec.notes.is_empty(), "{:?}", spec.notes);
}

#[test]
fn a_command_that_yaml_reads_as_a_map_is_shown_with_its_quotes() {
    let told = problems("version: 0.2\nphases:\n  build:\n    commands:\n      - make\n      - echo it's: done\n");
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("6:9 build.commands[1]"), "{told:?}");
    assert!(told[0].contains("`echo it's: done`"), "{told:?}");
    assert!(told[0].contains("- 'echo it''s: done'"), "{told:?}");
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_the_text() {
    let text = "\
version: 0.1
phases:
  instal: {commands: [a]}
  install: {runtime_versions: {nodejs: 22}}
  build: {on-failure: STOP, commands: [~, [x]]}
  post_build: {finally: [x]}
artifacts: {name: x}
colour: red
";
    insta::assert_snapshot!(problems(text).join("\n"), @r"
    1:10 version 0.1 is not run by this version (write `version: 0.2`; commands then share one shell)
    3:3 `phases` has no key `instal` (did you mean `install`?)
    4:13 the phase `install` has no key `runtime_versions` (did you mean `runtime-versions`?)
    5:23 `on-failure` knows no `STOP` (write ABORT, CONTINUE or RETRY)
    5:40 build.commands[0] is empty (write a command or take the line out)
    5:43 build.commands[1] is a command, and this is a list (write one command per item)
    6:15 the phase `post_build` has no commands (write `commands:` below it, or leave `post_build` out)
    7:12 `artifacts` has no `files` (write `files:` with what to keep, such as '**/*')
    8:1 a buildspec has no key `colour` (it has version, run-as, env, proxy, batch, phases, reports, artifacts, cache)
    ");
}

#[test]
fn what_is_missing_is_told() {
    assert!(problems("")[0].contains("empty"));
    assert!(problems("- a\n")[0].contains("a map, and this is a list"));
    let told = problems("env: {}\n").join("\n");
    assert!(told.contains("no `version`") && told.contains("no `phases`"), "{told}");
    assert!(problems("version: 0.2\nphases: {}\n")[0].contains("`phases` is empty"));
    assert!(problems("version: 0.2\nphases:\n  build:\n")[0].contains("`build` has no commands"));
}

#[test]
fn tabs_and_doubled_keys_are_told() {
    assert!(problems("version: 0.2\nphases:\n\tbuild: {}\n")[0].contains("no tab"));
    assert!(problems("version: 0.2\nversion: 0.2\nphases: {build: {commands: [a]}}\n")[0].contains("again"));
}

#[test]
fn install_needs_no_commands() {
    let spec = Buildspec::parse("version: 0.2\nphases: {install: {runtime-versions: {nodejs: 22}}}\n").unwrap();
    assert_eq!(spec.notes, ["runtime-versions: nodejs 22 is asked for; this machine's own tools are used"]);
    assert!(Buildspec::parse("version: 0.2\nphases: {install: {commands: }}\n").is_ok());
}

#[test]
fn what_is_not_done_is_noted_and_what_cannot_be_left_out_is_unmet() {
    let text = "\
version: 0.2
run-as: ann
env: {parameter-store: {TOKEN: /t}, secrets-manager: {KEY: 'id:k'}, exported-variables: [AWS_X], shell: cmd.exe}
batch: {fast-fail: no}
phases: {build: {run-as: bob, on-failure: RETRY-3, commands: [a]}}
reports: {unit: {files: ['*.xml'], file-format: JUNITXML}}
cache: {paths: [node_modules]}
artifacts: {files: [a], s3-prefix: p}
";
    let spec = Buildspec::parse(text).unwrap();
    for word in ["run-as:", "batch:", "build.run-as: bob", "RETRY", "reports:", "cache:", "AWS_X", "s3-prefix"] {
        assert!(spec.notes.iter().any(|note| note.contains(word)), "{word}: {:?}", spec.notes);
    }
    let unmet = spec.unmet().join("\n");
    assert!(unmet.contains("TOKEN") && unmet.contains("KEY") && unmet.contains("cmd.exe"), "{unmet}");
}

#[test]
fn the_model_keeps_the_buildspecs_own_keys() {
    let text = "\
version: 0.2
env: {exported-variables: A, git-credential-helper: yes}
phases: {build: {on-failure: RETRY-2-x, commands: a, finally: [b]}}
artifacts: {files: x, discard-paths: yes, secondary-artifacts: {d: {files: [y]}}}
cache: {paths: [p]}
";
    let model = serde_json::json!({
        "version": "0.2",
        "env": {"exported-variables": ["A"], "git-credential-helper": true},
        "phases": {"build": {"commands": ["a"], "finally": ["b"], "on-failure": "RETRY-2-x"}},
        "artifacts": {"files": ["x"], "discard-paths": true, "secondary-artifacts": {"d": {"files": ["y"]}}},
        "cache": {"paths": ["p"]},
    });
    assert_eq!(Buildspec::parse(text).unwrap().to_json(), model);
}

#[test]
fn an_id_of_an_artifact_cannot_leave_its_folder() {
    for id in ["../x", "a/b", "..", "''"] {
        let text = format!(
            "version: 0.2\nphases: {{build: {{commands: [a]}}}}\nartifacts: {{files: [a], secondary-artifacts: {{{id}: {{files: [a]}}}}}}\n"
        );
        assert!(problems(&text)[0].contains("no id"), "{id}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_is_too_strange(pieces in proptest::collection::vec(piece(), 0..40)) {
        if let Ok(spec) = Buildspec::parse(&pieces.concat()) {
            proptest::prop_assert!(spec.to_json().is_object());
        }
    }

    #[test]
    fn problems_have_a_place_in_the_text(pieces in proptest::collection::vec(piece(), 0..40)) {
        let text = pieces.concat();
        for problem in Buildspec::parse(&text).err().unwrap_or_default() {
            proptest::prop_assert!(problem.place.offset <= text.len());
            proptest::prop_assert!(problem.place.line <= text.lines().count() + 1);
        }
    }
}

/// What buildspecs are made of, and what they are not.
fn piece() -> impl proptest::strategy::Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "version: 0.2\n",
        "phases:\n",
        "  build:\n",
        "    commands:\n",
        "      - echo a\n",
        "      - a: b\n",
        "env:\n",
        "  variables: {A: b}\n",
        "artifacts:\n",
        "  files: ['**']\n",
        "  secondary-artifacts: {x: {}}\n",
        "cache: 1\n",
        "reports: {a: [b]}\n",
        "batch: {fast-fail: x}\n",
        "{",
        "}",
        "[",
        "]",
        ": ",
        "- ",
        "\n",
        "  ",
        "\t",
        "&a ",
        "*a",
        "~",
        "'",
        "\"",
        "|\n",
        "ü",
        "!!str ",
        "? ",
    ])
}
