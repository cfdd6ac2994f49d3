//! Any headers and any body at each door: what nobody signed is refused, what was signed is read.

#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use router::event;
use router::id::ForgeKind;
use router::secret::Secret;
use router::verify::{self, GITHUB_SIGNATURE, GITLAB_TOKEN, Guard, Headers, LOCAL_SIGNATURE, sign};

const SECRET: &str = "0123456789abcdef-nobody-guesses-this";

fuzz_target!(|said: (u8, bool, Vec<(String, Vec<u8>)>, &[u8])| {
    let (which, is_signed, mut headers, body) = said;
    let secret = || Secret::new(SECRET);
    let (kind, guard, header, proof) = match which % 3 {
        0 => (ForgeKind::Github, Guard::github([secret()]), GITHUB_SIGNATURE, sign::github(&secret(), body)),
        1 => (ForgeKind::Gitlab, Guard::gitlab_token([secret()]), GITLAB_TOKEN, SECRET.to_owned()),
        _ => (ForgeKind::Local, Guard::local([secret()]), LOCAL_SIGNATURE, sign::local(&secret(), body)),
    };
    if is_signed {
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case(header));
        headers.push((header.to_owned(), proof.into_bytes()));
    } else if headers.iter().any(|(_, value)| *value == proof.as_bytes()) {
        return;
    }
    let headers = Headers::new(headers);
    let guard = guard.expect("a secret guards a door");
    match verify::verify(&guard, &headers, body, Timestamp::UNIX_EPOCH) {
        Ok(verified) => {
            assert!(is_signed, "nobody signed this");
            let delivered = event::read(kind, &kind.default_name(), &verified);
            assert!(!delivered.id.as_str().is_empty());
        }
        Err(rejected) => assert!(!is_signed, "{rejected}"),
    }
});
