//! Who is asking, as far as it can be told.
//!
//! * Without tokens nobody is told apart: the service answers on loopback only, and the name is what the asker says.
//! * With tokens a name is proved, by the token itself or by a cookie that was given for it. The cookie's value is not the
//!   token: it is name and expiry under a key that this process made, so a restart ends every session.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{Timestamp, ToSpan};
use router::run::{Identity, Person};
use router::secret::Secret;
use sha2::Sha256;

/// How long a browser stays logged in: a working day.
const SESSION_HOURS: i64 = 12;

/// Who may ask, and what proves it.
pub struct Access {
    tokens: ArcSwap<Vec<(Person, Secret)>>,
    also: BTreeMap<Person, Vec<Identity>>,
    host_user: Person,
    key: Secret,
}

impl Access {
    /// Access by these tokens; with none, anybody on this machine.
    ///
    /// # Panics
    /// When the operating system gives no random bytes.
    pub fn new(tokens: Vec<(Person, Secret)>) -> Self {
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the operating system gives random bytes");
        Self {
            tokens: ArcSwap::from_pointee(tokens),
            also: BTreeMap::new(),
            host_user: host_user(),
            key: Secret::new(key),
        }
    }

    /// The same, with the other names of people.
    #[must_use]
    pub fn knowing(self, also: BTreeMap<Person, Vec<Identity>>) -> Self {
        Self { also, ..self }
    }

    /// A person's other names: accounts on forges, e-mail addresses.
    pub fn also(&self, person: &Person) -> Vec<Identity> {
        self.also.get(person).cloned().unwrap_or_default()
    }

    /// Access by these tokens from now on; sessions go on.
    pub fn renew(&self, tokens: Vec<(Person, Secret)>) {
        self.tokens.store(Arc::new(tokens));
    }

    /// Whether a name must be proved.
    pub fn needs_proof(&self) -> bool {
        !self.tokens.load().is_empty()
    }

    /// The name of an asker who gives none, where none need be proved: the user's who runs the service.
    pub fn host_user(&self) -> &Person {
        &self.host_user
    }

    /// The person whose token this is. Every token is compared, each in constant time whatever its length.
    pub fn by_token(&self, token: &str) -> Option<Person> {
        let given = self.seal(&[b"token", token.as_bytes()]).finalize().into_bytes();
        let mut found = None;
        for (person, secret) in self.tokens.load().iter() {
            if self.seal(&[b"token", secret.expose()]).verify_slice(&given).is_ok() {
                found = Some(person.clone());
            }
        }
        found
    }

    /// A cookie's value that proves `person` for some hours.
    pub fn session(&self, person: &Person, now: Timestamp) -> String {
        let until = now.checked_add(SESSION_HOURS.hours()).unwrap_or(Timestamp::MAX).as_second().to_string();
        let seal = self.seal_session(person.as_str(), &until).finalize().into_bytes();
        format!("{until}.{}.{}", hex::encode(seal), URL_SAFE_NO_PAD.encode(person.as_str()))
    }

    /// The person whom a cookie's value proves.
    pub fn by_session(&self, value: &str, now: Timestamp) -> Option<Person> {
        let mut parts = value.splitn(3, '.');
        let (until, seal, name) = (parts.next()?, hex::decode(parts.next()?).ok()?, parts.next()?);
        let name = String::from_utf8(URL_SAFE_NO_PAD.decode(name).ok()?).ok()?;
        self.seal_session(&name, until).verify_slice(&seal).ok()?;
        let until = Timestamp::from_second(until.parse().ok()?).ok()?;
        if now < until { Person::new(name).ok() } else { None }
    }

    fn seal_session(&self, name: &str, until: &str) -> Hmac<Sha256> {
        self.seal(&[b"session", until.as_bytes(), name.as_bytes()])
    }

    /// Each part with its length before it, so that no two lists of parts seal alike.
    fn seal(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose()).expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

/// The login name of the user who runs this process, as the system's list of users has it.
fn host_user() -> Person {
    let id = rustix::process::getuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    });
    let name = name.and_then(|name| Person::new(name).ok());
    name.unwrap_or_else(|| Person::new("operator").expect("a plain word is a name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str) -> Person {
        Person::new(name).unwrap()
    }

    fn access() -> Access {
        let tokens = vec![(person("dana"), Secret::new("long-token-a")), (person("kim"), Secret::new("long-token-b"))];
        Access::new(tokens)
    }

    #[test]
    fn a_token_proves_its_person_and_no_other() {
        let access = access();
        assert_eq!(access.by_token("long-token-a"), Some(person("dana")));
        assert_eq!(access.by_token("long-token-b"), Some(person("kim")));
        for wrong in ["", "long-token", "long-token-c", "long-token-ab", "dana"] {
            assert_eq!(access.by_token(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_session_proves_its_person_until_it_expires() {
        let (access, now) = (access(), Timestamp::UNIX_EPOCH);
        let session = access.session(&person("dana é"), now);
        assert_eq!(access.by_session(&session, now), Some(person("dana é")));
        assert_eq!(access.by_session(&session, now + 11.hours()), Some(person("dana é")));
        assert_eq!(access.by_session(&session, now + 12.hours()), None);
    }

    #[test]
    fn a_session_cannot_be_bent_or_carried_to_another_process() {
        let (access_one, now) = (access(), Timestamp::UNIX_EPOCH);
        let session = access_one.session(&person("dana"), now);
        assert_eq!(access().by_session(&session, now), None);
        let (until, rest) = session.split_once('.').unwrap();
        let later = until.parse::<i64>().unwrap() + 60;
        assert_eq!(access_one.by_session(&format!("{later}.{rest}"), now), None);
        let kim = URL_SAFE_NO_PAD.encode("kim");
        let seal = rest.split_once('.').unwrap().0;
        assert_eq!(access_one.by_session(&format!("{until}.{seal}.{kim}"), now), None);
        for wrong in ["", ".", "..", "1.zz.a", "long-token-a"] {
            assert_eq!(access_one.by_session(wrong, now), None, "{wrong}");
        }
    }
}
