use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// A folder with a `pointsman.toml` in it, and an environment.
struct World {
    folder: tempfile::TempDir,
    vars: HashMap<String, String>,
    flags: Flags,
}

impl World {
    fn new(toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pointsman.toml");
        fs::write(&file, toml).unwrap();
        let flags = Flags { config: Some(file.to_str().unwrap().to_owned()), ..Flags::default() };
        Self { folder, vars: HashMap::new(), flags }
    }

    fn var(mut self, name: &str, value: &str) -> Self {
        self.vars.insert(name.to_owned(), value.to_owned());
        self
    }

    fn file(self, name: &str, text: &str, mode: u32) -> Self {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    fn settings(&self) -> Settings {
        match Settings::load(&self.flags, &self.vars) {
            Ok(settings) => settings,
            Err(errors) => panic!("{errors}"),
        }
    }

    /// The mistakes, without the folder's own name.
    fn mistakes(&self) -> String {
        let Err(errors) = Settings::load(&self.flags, &self.vars) else { panic!("nothing was wrong") };
        errors.to_string().replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn exposed(secrets: &[Secret]) -> Vec<&str> {
    secrets.iter().map(|secret| secret.expose_str().unwrap()).collect()
}

const SIGNING: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

#[test]
fn without_anything_the_defaults_hold() {
    let settings = World::new("").settings();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8700");
    assert_eq!(settings.rules, PathBuf::from("pointsman.yaml").into());
    assert_eq!(settings.data, PathBuf::from(".pointsman"));
    assert_eq!(settings.links("127.0.0.1:4000".parse().unwrap()), "http://127.0.0.1:4000");
    assert!(settings.forges.is_empty());
    assert!(settings.warnings[0].contains("no forge is configured"));
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let toml = "listen = '127.0.0.1:1'\ndata = 'd'\nrules = '/r'\nslots = 3\nbase_url = 'https://ci.example.org/p/'";
    let mut world =
        World::new(toml).var("POINTSMAN_LISTEN", "127.0.0.1:2").var("POINTSMAN_SLOTS", "env:CORES").var("CORES", "5");
    world.flags.listen = Some("127.0.0.1:3".to_owned());
    let settings = world.settings();
    assert_eq!(settings.listen.port(), 3);
    assert_eq!(settings.slots.get(), 5);
    assert_eq!(settings.data, world.folder.path().join("d"), "a path in the file is meant from the file");
    assert_eq!(settings.rules, PathBuf::from("/r").into());
    assert_eq!(settings.links(settings.listen), "https://ci.example.org/p");
}

#[test]
fn the_environment_configures_one_forge_of_each_kind() {
    let world = World::new("")
        .var("POINTSMAN_GITHUB_WEBHOOK_SECRET", "new, old")
        .var("POINTSMAN_GITHUB_TOKEN", "file:github.token")
        .var("POINTSMAN_GITLAB_SIGNING_TOKEN", SIGNING)
        .var("POINTSMAN_GITLAB_WEBHOOK_TOKEN", "env:PLAIN")
        .var("PLAIN", "plain, with a comma")
        .var("POINTSMAN_GITLAB_URL", "https://git.example.org")
        .var("POINTSMAN_LOCAL_WEBHOOK_SECRET", "local");
    let token = world.folder.path().join("github.token");
    let world = world
        .file("github.token", "ghp_1\n", 0o600)
        .var("POINTSMAN_GITHUB_TOKEN", &format!("file:{}", token.display()));
    let settings = world.settings();
    let [github, gitlab, local] = &settings.forges[..] else { panic!("three forges") };
    assert_eq!(exposed(&github.webhook_secrets), ["new", "old"]);
    assert_eq!(github.token.as_ref().unwrap().expose(), b"ghp_1");
    assert_eq!(github.api_url.as_ref().unwrap().as_str(), "https://api.github.com/");
    assert_eq!(exposed(&gitlab.signing_keys), [SIGNING]);
    assert_eq!(exposed(&gitlab.webhook_tokens), ["plain, with a comma"]);
    assert_eq!(gitlab.api_url.as_ref().unwrap().as_str(), "https://git.example.org/");
    assert_eq!((local.name.as_str(), local.kind, &local.api_url), ("local", ForgeKind::Local, &None));
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
}

#[test]
fn the_file_configures_several_forges_and_the_environment_goes_before_it() {
    let toml = r#"
[[forges]]
kind = "github"
webhook_secrets = ["env:OLD", "file:secret"]
token = "env:TOKEN"

[[forges]]
name = "work"
kind = "github"
api_url = "https://github.example.org/api/v3"
webhook_secrets = "file:secret"
"#;
    let world = World::new(toml)
        .file("secret", "from the file\r\n", 0o644)
        .var("OLD", "old")
        .var("TOKEN", "token")
        .var("POINTSMAN_GITHUB_WEBHOOK_SECRET", "new");
    let settings = world.settings();
    let [github, work] = &settings.forges[..] else { panic!("two forges") };
    assert_eq!(exposed(&github.webhook_secrets), ["new"]);
    assert_eq!(github.token.as_ref().unwrap().expose(), b"token");
    assert_eq!((work.name.as_str(), exposed(&work.webhook_secrets)), ("work", vec!["from the file"]));
    assert!(settings.warnings.iter().any(|warning| warning.contains("chmod 600")), "{:?}", settings.warnings);
}

#[test]
fn all_mistakes_are_told_at_once_and_no_secret() {
    let toml = r#"lisen = "127.0.0.1:1"
engine = "codepipeline"
slots = 0
data = ["a"]

[[forges]]
kind = "gitlab"
webhook_secrets = ["hunter2"]
webhook_tokens = ["hunter2", "env:NOWHERE", "ssm:/a/b"]

[[forges]]
kind = "gitlab"

[[forges]]
kind = "bitbucket"

[auth]
tokens = [{name = "dana", token = "env:SHORT"}, {token = "file:missing"}]
"#;
    let world = World::new(toml)
        .var("SHORT", "hunter2")
        .var("POINTSMAN_GITHUB_TOKEN", "hunter2")
        .var("POINTSMAN_BASE_URL", "ci");
    let mistakes = world.mistakes();
    assert!(!mistakes.contains("hunter2"), "{mistakes}");
    insta::assert_snapshot!(mistakes);
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let mistakes = World::new("slots = 1\nlisten = = 3\n").mistakes();
    assert!(mistakes.contains("pointsman.toml:2: this is not TOML"), "{mistakes}");
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let mut world = World::new("");
    world.flags.config = Some("/nowhere/p.toml".to_owned());
    assert!(world.mistakes().contains("--config: /nowhere/p.toml cannot be read"), "{}", world.mistakes());
}

#[test]
fn beyond_this_machine_people_must_prove_who_they_are() {
    for listen in ["0.0.0.0:80", "[::]:80", "10.0.0.1:80"] {
        let world = World::new("").var("POINTSMAN_LISTEN", listen);
        assert!(world.mistakes().contains("[auth] tokens"), "{}", world.mistakes());
        let world = world
            .var("POINTSMAN_AUTH_TOKENS", "dana=0123456789abcdefghij, kim=env:KIM")
            .var("KIM", "a=b,0123456789abcdefghij");
        let people = world.settings().people;
        let told: Vec<_> = people.iter().map(|p| (p.name.as_str(), p.token.expose_str().unwrap())).collect();
        assert_eq!(told, [("dana", "0123456789abcdefghij"), ("kim", "a=b,0123456789abcdefghij")]);
    }
    assert!(World::new("").var("POINTSMAN_LISTEN", "[::1]:80").settings().people.is_empty());
}

#[test]
fn all_tokens_may_be_one_secret() {
    for kept in [
        "dana=0123456789abcdefghij,\nkim=abcdefghij0123456789\n",
        r#"{"kim": "abcdefghij0123456789", "dana": "0123456789abcdefghij"}"#,
    ] {
        let world = World::new("").var("POINTSMAN_AUTH_TOKENS", "env:PEOPLE").var("PEOPLE", kept);
        let people = world.settings().people;
        let told: Vec<_> = people.iter().map(|p| (p.name.as_str(), p.token.expose_str().unwrap())).collect();
        assert_eq!(told, [("dana", "0123456789abcdefghij"), ("kim", "abcdefghij0123456789")]);
    }
    let world = World::new("").var("POINTSMAN_AUTH_TOKENS", "env:PEOPLE").var("PEOPLE", r#"{"kim": 7}"#);
    let mistakes = world.mistakes();
    assert!(mistakes.contains("a token has no name") && !mistakes.contains('7'), "{mistakes}");
}

#[test]
fn people_have_other_names() {
    let said = |settings: &Settings| {
        let all = settings.identities.iter();
        all.map(|(person, is)| format!("{person}: {:?}", is.iter().cloned().map(String::from).collect::<Vec<_>>()))
            .collect::<Vec<_>>()
    };
    let file = "[auth]\npeople = [{name = \"dana\", is = [\"github:Dana-D\", \"dana@example.org\"]}, {name = \"kim\", is = \"work:kim\"}]";
    let told = [r#"dana: ["github:Dana-D", "dana@example.org"]"#, r#"kim: ["work:kim"]"#];
    assert_eq!(said(&World::new(file).settings()), told);
    let variable = "dana=github:Dana-D, kim=work:kim,dana=dana@example.org";
    assert_eq!(said(&World::new("").var("POINTSMAN_AUTH_PEOPLE", variable).settings()), told);
    for (wrong, words) in
        [("dana", "has no person"), ("dana=dana", "identity"), ("dana=git hub:x", "identity"), ("=a@b", "person")]
    {
        let mistakes = World::new("").var("POINTSMAN_AUTH_PEOPLE", wrong).mistakes();
        assert!(mistakes.contains(words), "{wrong}: {mistakes}");
    }
    let mistakes = World::new("[auth]\npeople = [{name = \"dana\"}]").mistakes();
    assert!(mistakes.contains("a person has a name and other names"), "{mistakes}");
}

#[test]
fn two_people_do_not_share_an_account_and_so_have_no_vote_too_many() {
    let variable = "dana=github:Dana-D,d=github:dana-d";
    let mistakes = World::new("").var("POINTSMAN_AUTH_PEOPLE", variable).mistakes();
    assert!(mistakes.contains("the account github:dana-d is said to be dana's and d's"), "{mistakes}");
    let file =
        "[auth]\npeople = [{name = \"a\", is = \"work:x\"}, {name = \"b\", is = [\"b@example.org\", \"work:x\"]}]";
    assert!(World::new(file).mistakes().contains("the account work:x is said to be a's and b's"));
    // The same login elsewhere is another account, one's own may be said twice, and an address may be a team's.
    for well in ["a=github:x,b=work:x", "a=github:x,a=github:X", "a=team@example.org,b=team@example.org"] {
        assert!(World::new("").var("POINTSMAN_AUTH_PEOPLE", well).settings().identities.len() <= 2, "{well}");
    }
}

#[test]
fn two_people_do_not_share_a_token() {
    let world = World::new("").var("POINTSMAN_AUTH_TOKENS", "a=0123456789abcdefghij,b=0123456789abcdefghij");
    assert!(world.mistakes().contains("also another's"), "{}", world.mistakes());
}

#[test]
fn a_signing_token_is_checked_before_the_first_webhook() {
    for bad in ["secret", "whsec_", "whsec_!!!"] {
        let world = World::new("").var("POINTSMAN_GITLAB_SIGNING_TOKEN", bad);
        assert!(world.mistakes().contains("whsec_ and base64"), "{}", world.mistakes());
    }
}
