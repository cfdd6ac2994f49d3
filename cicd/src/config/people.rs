//! Who may decide, and the tokens that prove them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use router::run::{Identity, Person};

use super::file::Table;
use super::gather::{Gather, Given};
use super::keys::{AUTH_PEOPLE_VARIABLE, AUTH_VARIABLE, IDENTITIES, LISTEN, PERSON};
use super::{Origin, PersonToken};

/// Shorter tokens can be guessed.
const TOKEN_MIN: usize = 20;

/// Reads them: those of the environment, or else those of the file.
pub(super) fn read(tables: &[Table], gather: &mut Gather<'_>) -> Vec<PersonToken> {
    let [name_key, token_key] = PERSON;
    let mut pairs = Vec::new();
    for given in listed(gather) {
        match given.text.split_once('=') {
            Some((name, token)) => {
                let part = |text: &str| Given { text: text.trim().to_owned(), origin: given.origin.clone() };
                pairs.push((part(name), part(token)));
            }
            None => gather.wrong(&given.origin, "a token has no name", "write name=token, or name=file:PATH"),
        }
    }
    if pairs.is_empty() {
        for table in tables {
            match (table.one(name_key), table.one(token_key)) {
                (Some(name), Some(token)) => pairs.push((name.clone(), token.clone())),
                _ => gather.wrong(
                    &table.origin,
                    "a token needs a name",
                    "write {name = \"dana\", token = \"file:PATH\"}",
                ),
            }
        }
    }
    let mut people: Vec<PersonToken> = Vec::new();
    for (name, token) in pairs {
        people.extend(person(&name, &token, &people, gather));
    }
    people
}

/// Reads people's other names: those of the environment, or else those of the file.
pub(super) fn identities(tables: &[Table], gather: &mut Gather<'_>) -> BTreeMap<Person, Vec<Identity>> {
    let [name_key, is_key] = IDENTITIES;
    let mut pairs = Vec::new();
    for given in gather.variable_list(AUTH_PEOPLE_VARIABLE) {
        match given.text.split_once('=') {
            Some((name, identity)) => {
                let part = |text: &str| Given { text: text.trim().to_owned(), origin: given.origin.clone() };
                pairs.push((part(name), part(identity)));
            }
            None => {
                gather.wrong(&given.origin, "another name has no person", "write name=github:login, or name=e-mail")
            }
        }
    }
    if pairs.is_empty() {
        for table in tables {
            match (table.one(name_key), table.values.get(is_key)) {
                (Some(name), Some(all)) => pairs.extend(all.iter().map(|one| (name.clone(), one.clone()))),
                _ => gather.wrong(
                    &table.origin,
                    "a person has a name and other names",
                    "write {name = \"dana\", is = [\"github:dana-d\", \"dana@example.org\"]}",
                ),
            }
        }
    }
    let mut people: BTreeMap<Person, Vec<Identity>> = BTreeMap::new();
    for (name, identity) in pairs {
        match (Person::new(&name.text), Identity::new(&identity.text)) {
            (Ok(person), Ok(new)) => match owner(&people, &new).filter(|owner| **owner != person) {
                None => people.entry(person).or_default().push(new),
                Some(owner) => {
                    let message = format!("the account {} is said to be {owner}'s and {person}'s", identity.text);
                    gather.wrong(&identity.origin, message, "an account is one person's, who has one vote at a gate");
                }
            },
            (Err(invalid), _) => {
                gather.wrong(&name.origin, invalid.to_string(), "write the name that the rule file's people have");
            }
            (_, Err(invalid)) => {
                gather.wrong(
                    &identity.origin,
                    invalid.to_string(),
                    "write github:login, gitlab:login or an e-mail address",
                );
            }
        }
    }
    people
}

/// Whose an account is. An e-mail address may be several people's: commits are made under it, and nobody votes by it.
fn owner<'p>(people: &'p BTreeMap<Person, Vec<Identity>>, identity: &Identity) -> Option<&'p Person> {
    let Identity::Account(forge, login) = identity else { return None };
    let is_it = |other: &Identity| matches!(other, Identity::Account(on, name) if on == forge && name.eq_ignore_ascii_case(login));
    people.iter().find(|(_, all)| all.iter().any(is_it)).map(|(person, _)| person)
}

/// The variable's `name=token` parts. All of them may be kept elsewhere, as one secret: the same text, or JSON with a token for each
/// name.
fn listed(gather: &mut Gather<'_>) -> Vec<Given> {
    let Some(whole) = gather.variable(AUTH_VARIABLE).filter(|whole| !whole.text.contains('=')) else {
        return gather.variable_list(AUTH_VARIABLE);
    };
    let Some(text) = gather.text(&whole) else { return Vec::new() };
    let part = |text: String| Given { text, origin: whole.origin.clone() };
    match serde_json::from_str::<BTreeMap<String, String>>(&text) {
        Ok(tokens) => tokens.into_iter().map(|(name, token)| part(format!("{name}={token}"))).collect(),
        Err(_) => text.split(',').map(str::trim).filter(|it| !it.is_empty()).map(|it| part(it.to_owned())).collect(),
    }
}

/// A person may have several tokens, and a token one person.
fn person(name: &Given, token: &Given, others: &[PersonToken], gather: &mut Gather<'_>) -> Option<PersonToken> {
    let secret = gather.secret(token);
    let person = match Person::new(&name.text) {
        Ok(person) => person,
        Err(invalid) => {
            gather.wrong(&name.origin, invalid.to_string(), "write the name that the rule file's people have");
            return None;
        }
    };
    let secret = secret?;
    if secret.expose().len() < TOKEN_MIN {
        let message = format!("the token of {person} has fewer than {TOKEN_MIN} characters");
        gather.wrong(&token.origin, message, "make one with: openssl rand -hex 32");
        return None;
    }
    if others.iter().any(|other| other.token.expose() == secret.expose()) {
        let message = format!("the token of {person} is also another's");
        gather.wrong(&token.origin, message, "give each person a token of their own");
        return None;
    }
    Some(PersonToken { name: person, token: secret })
}

/// Whoever reaches the service could open gates: beyond this machine, people must prove who they are.
pub(super) fn guard_the_door(listen: SocketAddr, people: &[PersonToken], gather: &mut Gather<'_>) {
    if !listen.ip().is_loopback() && people.is_empty() {
        gather.wrong(
            &Origin::Variable(LISTEN.variable.to_owned()),
            format!("{listen} can be reached from other machines, and anybody could open gates there"),
            format!("configure [auth] tokens = [{{name = \"dana\", token = \"file:PATH\"}}] or {AUTH_VARIABLE}, or listen at 127.0.0.1"),
        );
    }
}
