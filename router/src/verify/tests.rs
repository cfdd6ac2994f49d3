use super::*;
use proptest::prelude::*;

/// The vector that GitHub's documentation gives.
const DOCUMENTED: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
const AT: i64 = 1_614_265_330;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn answer(guard: &Guard, headers: &[(&str, &str)], body: &[u8]) -> Result<(), Rejected> {
    verify(guard, &Headers::new(headers.iter().copied()), body, at(AT)).map(|_| ())
}

fn github(secret: &str) -> Guard {
    Guard::github([Secret::new(secret)]).unwrap()
}

#[test]
fn githubs_documented_vector_is_genuine() {
    let guard = github("It's a Secret to Everybody");
    assert_eq!(answer(&guard, &[("X-Hub-Signature-256", DOCUMENTED)], b"Hello, World!"), Ok(()));
    assert_eq!(answer(&guard, &[("X-Hub-Signature-256", DOCUMENTED)], b"Hello, World?"), Err(Rejected::Wrong));
    assert_eq!(sign::github(&Secret::new("It's a Secret to Everybody"), b"Hello, World!"), DOCUMENTED);
}

#[test]
fn a_signature_in_any_other_form_is_refused() {
    let guard = github("It's a Secret to Everybody");
    let digits = DOCUMENTED.strip_prefix("sha256=").unwrap();
    for bad in [
        String::new(),
        digits.to_owned(),
        format!("sha1={digits}"),
        format!("sha256= {digits}"),
        format!(" {DOCUMENTED}"),
        format!("{DOCUMENTED} "),
        format!("sha256={}", digits.to_uppercase()),
        format!("SHA256={digits}"),
        format!("sha256={}", &digits[..62]),
        format!("sha256={}", &digits[..32]),
        format!("{DOCUMENTED}00"),
        format!("sha256={DOCUMENTED}"),
        "sha256=".to_owned(),
        format!("sha256={}", "z".repeat(64)),
    ] {
        let refused = answer(&guard, &[("X-Hub-Signature-256", &bad)], b"Hello, World!");
        assert_eq!(refused, Err(Rejected::Malformed), "{bad:?}");
    }
}

#[test]
fn a_missing_doubled_or_legacy_signature_is_refused() {
    let guard = github("It's a Secret to Everybody");
    assert_eq!(answer(&guard, &[], b"Hello, World!"), Err(Rejected::Missing));
    let twice = [("X-Hub-Signature-256", DOCUMENTED), ("x-hub-signature-256", DOCUMENTED)];
    assert_eq!(answer(&guard, &twice, b"Hello, World!"), Err(Rejected::Doubled));
    // HMAC-SHA1 of the same, as GitHub still sends it beside the other.
    let legacy = [("X-Hub-Signature", "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59")];
    assert_eq!(answer(&guard, &legacy, b"Hello, World!"), Err(Rejected::Missing));
}

#[test]
fn every_secret_of_a_rotation_is_tried() {
    let guard = Guard::github(["old", "It's a Secret to Everybody", "new"].map(Secret::new)).unwrap();
    assert_eq!(answer(&guard, &[("X-Hub-Signature-256", DOCUMENTED)], b"Hello, World!"), Ok(()));
    let others = Guard::github(["old", "new"].map(Secret::new)).unwrap();
    assert_eq!(answer(&others, &[("X-Hub-Signature-256", DOCUMENTED)], b"Hello, World!"), Err(Rejected::Wrong));
}

/// RFC 4231, section 4: short, ordinary and longer-than-a-block keys.
#[test]
fn the_tags_of_rfc_4231_are_ours() {
    let cases: [(Vec<u8>, Vec<u8>, &str); 5] = [
        (vec![0x0b; 20], b"Hi There".into(), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            b"Jefe".into(),
            b"what do ya want for nothing?".into(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (vec![0xaa; 20], vec![0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        ((1..=25).collect(), vec![0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        (
            vec![0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First".into(),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ];
    for (key, data, tag) in cases {
        let header = format!("sha256={tag}");
        assert_eq!(sign::local(&Secret::new(key.clone()), &data), header);
        let guard = Guard::local([Secret::new(key)]).unwrap();
        assert_eq!(answer(&guard, &[("X-Pointsman-Signature-256", &header)], &data), Ok(()), "{tag}");
        // The local door does not take GitHub's header.
        assert_eq!(answer(&guard, &[("X-Hub-Signature-256", &header)], &data), Err(Rejected::Missing));
    }
}

const TOKEN: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const PUBLISHED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn gitlab() -> Guard {
    Guard::gitlab_signed([Secret::new(TOKEN)]).unwrap()
}

fn signed<'a>(id: &'a str, second: &'a str, signature: &'a str) -> [(&'a str, &'a str); 3] {
    [("Webhook-Id", id), ("Webhook-Timestamp", second), ("Webhook-Signature", signature)]
}

#[test]
fn the_published_vector_of_standard_webhooks_is_genuine() {
    assert_eq!(answer(&gitlab(), &signed(ID, "1614265330", PUBLISHED), BODY), Ok(()));
    let key = signing_key(&Secret::new(TOKEN)).unwrap();
    assert_eq!(sign::gitlab(&key, ID, at(AT), BODY), PUBLISHED);
}

#[test]
fn one_good_signature_in_the_list_is_enough() {
    let other = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";
    let list = format!("{other} v2,AAAA  {PUBLISHED} v1a,AAAA");
    assert_eq!(answer(&gitlab(), &signed(ID, "1614265330", &list), BODY), Ok(()));
    assert_eq!(answer(&gitlab(), &signed(ID, "1614265330", other), BODY), Err(Rejected::Wrong));
}

#[test]
fn a_list_without_a_version_one_is_malformed() {
    let base64 = PUBLISHED.strip_prefix("v1,").unwrap();
    for bad in [
        String::new(),
        "v1,".to_owned(),
        "v1,dawfeoifkpqwoekfpqoekf".to_owned(),
        base64.to_owned(),
        format!("v2,{base64}"),
        format!("v1a,{base64}"),
        format!("V1,{base64}"),
        format!("v1={base64}"),
        format!("v1,{}", &base64[..24]),
        format!("v1,{}", base64.trim_end_matches('=')),
    ] {
        let refused = answer(&gitlab(), &signed(ID, "1614265330", &bad), BODY);
        assert_eq!(refused, Err(Rejected::Malformed), "{bad:?}");
    }
}

#[test]
fn a_signature_holds_for_five_minutes_either_way() {
    let headers = Headers::new(signed(ID, "1614265330", PUBLISHED));
    let asked_at = |second| verify(&gitlab(), &headers, BODY, at(second)).map(|_| ());
    for near in [AT - 300, AT, AT + 300] {
        assert_eq!(asked_at(near), Ok(()), "{near}");
    }
    for far in [AT - 301, AT + 301, 0, AT * 2] {
        assert_eq!(asked_at(far), Err(Rejected::Stale), "{far}");
    }
}

#[test]
fn only_what_is_genuine_can_be_stale() {
    let headers = Headers::new(signed(ID, "1614265330", PUBLISHED));
    assert_eq!(verify(&gitlab(), &headers, b"{}", at(AT + 9999)).err(), Some(Rejected::Wrong));
}

#[test]
fn a_time_that_is_no_number_of_seconds_is_malformed() {
    for bad in ["", "soon", "-1", "+1614265330", "1614265330.0", "0x10", "99999999999999999999", " 1614265330"] {
        assert_eq!(answer(&gitlab(), &signed(ID, bad, PUBLISHED), BODY), Err(Rejected::Malformed), "{bad:?}");
    }
}

#[test]
fn an_id_cannot_swallow_the_head_of_the_body() {
    let key = signing_key(&Secret::new(TOKEN)).unwrap();
    let long = sign::gitlab(&key, "a", at(AT), b"x.1614265330.{}");
    assert_eq!(answer(&gitlab(), &signed("a", "1614265330", &long), b"x.1614265330.{}"), Ok(()));
    let shifted = signed("a.1614265330.x", "1614265330", &long);
    assert_eq!(answer(&gitlab(), &shifted, b"{}"), Err(Rejected::Malformed));
}

#[test]
fn each_part_of_gitlabs_proof_must_be_there_once() {
    let whole = signed(ID, "1614265330", PUBLISHED);
    for left_out in 0..3 {
        let mut headers = whole.to_vec();
        let taken = headers.remove(left_out);
        assert_eq!(answer(&gitlab(), &headers, BODY), Err(Rejected::Missing), "{taken:?}");
        headers.extend([taken, taken]);
        assert_eq!(answer(&gitlab(), &headers, BODY), Err(Rejected::Doubled), "{taken:?}");
    }
}

#[test]
fn a_plain_token_never_stands_in_for_a_signature() {
    assert_eq!(answer(&gitlab(), &[("X-Gitlab-Token", TOKEN)], BODY), Err(Rejected::Missing));
}

#[test]
fn a_plain_token_must_be_the_whole_token() {
    let guard = Guard::gitlab_token(["first", "second"].map(Secret::new)).unwrap();
    for token in ["first", "second"] {
        assert_eq!(answer(&guard, &[("X-Gitlab-Token", token)], b"{}"), Ok(()));
    }
    for token in ["", "firs", "first ", "FIRST", "firstsecond"] {
        assert_eq!(answer(&guard, &[("X-Gitlab-Token", token)], b"{}"), Err(Rejected::Wrong), "{token:?}");
    }
    assert_eq!(answer(&guard, &[], b"{}"), Err(Rejected::Missing));
    let twice = [("X-Gitlab-Token", "first"), ("X-Gitlab-Token", "first")];
    assert_eq!(answer(&guard, &twice, b"{}"), Err(Rejected::Doubled));
}

#[test]
fn a_refusal_says_nothing_of_what_would_have_been_right() {
    for refused in [Rejected::Missing, Rejected::Malformed, Rejected::Doubled, Rejected::Wrong, Rejected::Stale] {
        assert!(!refused.to_string().contains(char::is_numeric), "{refused}");
        assert!(refused.as_str().bytes().all(|b| b.is_ascii_lowercase()));
    }
}

proptest! {
    #[test]
    fn what_is_signed_is_genuine_and_any_flipped_bit_is_not(
        secret in proptest::collection::vec(any::<u8>(), 1..100),
        mut body in proptest::collection::vec(any::<u8>(), 1..500),
        place in any::<prop::sample::Index>(),
        bit in 0..8u32,
    ) {
        let secret = Secret::new(secret);
        let guard = Guard::github([secret.clone()]).unwrap();
        let mut signature = sign::github(&secret, &body).into_bytes();
        let headers = |signature: &[u8]| Headers::new([("X-Hub-Signature-256", signature.to_vec())]);
        prop_assert!(verify(&guard, &headers(&signature), &body, at(AT)).is_ok());

        let at_byte = place.index(body.len());
        body[at_byte] ^= 1 << bit;
        prop_assert!(verify(&guard, &headers(&signature), &body, at(AT)).is_err());
        body[at_byte] ^= 1 << bit;

        let at_byte = place.index(signature.len());
        signature[at_byte] ^= 1 << bit;
        prop_assert!(verify(&guard, &headers(&signature), &body, at(AT)).is_err());
    }

    #[test]
    fn any_cut_of_the_body_or_the_signature_is_refused(
        body in proptest::collection::vec(any::<u8>(), 1..500),
        place in any::<prop::sample::Index>(),
    ) {
        let secret = Secret::new("secret");
        let guard = Guard::local([secret.clone()]).unwrap();
        let signature = sign::local(&secret, &body);
        let asked = |signature: &str, body: &[u8]| answer(&guard, &[("X-Pointsman-Signature-256", signature)], body);
        prop_assert!(asked(&signature, &body[..place.index(body.len())]).is_err());
        prop_assert!(asked(&signature[..place.index(signature.len())], &body).is_err());
    }

    #[test]
    fn any_flipped_bit_of_gitlabs_parts_is_refused(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        part in 0..3usize,
        place in any::<prop::sample::Index>(),
        bit in 0..8u32,
    ) {
        let key = signing_key(&Secret::new(TOKEN)).unwrap();
        let signature = sign::gitlab(&key, ID, at(AT), &body);
        let mut parts = [ID.as_bytes().to_vec(), AT.to_string().into_bytes(), signature.into_bytes()];
        let flipped = place.index(parts[part].len());
        parts[part][flipped] ^= 1 << bit;
        let headers = Headers::new([WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE].into_iter().zip(parts));
        prop_assert!(verify(&gitlab(), &headers, &body, at(AT)).is_err());
    }

    #[test]
    fn nothing_that_comes_makes_it_panic(
        headers in proptest::collection::vec(
            (prop::sample::select(vec![GITHUB_SIGNATURE, LOCAL_SIGNATURE, GITLAB_TOKEN, WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE]),
             proptest::collection::vec(any::<u8>(), 0..100)), 0..8),
        body in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let headers = Headers::new(headers);
        for guard in [github("a"), gitlab(), Guard::gitlab_token([Secret::new("a")]).unwrap()] {
            prop_assert!(verify(&guard, &headers, &body, at(AT)).is_err() || headers.text(GITLAB_TOKEN) == Some("a"));
        }
    }
}
