//! The forges: those of the file, and the one of each kind that the environment configures.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use router::id::{ForgeKind, ForgeName};
use router::secret::Secret;
use url::Url;

use super::file::Table;
use super::gather::{Gather, Given};
use super::keys::{ForgeKey, KIND, NAME};
use super::plain::web_address;
use super::{ForgeSettings, Origin};

/// A forge as it was given.
struct Draft {
    origin: Origin,
    name: ForgeName,
    kind: ForgeKind,
    values: BTreeMap<ForgeKey, Vec<Given>>,
}

/// Reads them, in the file's order, and then those that only the environment knows.
pub(super) fn read(tables: &[Table], gather: &mut Gather<'_>) -> Vec<ForgeSettings> {
    let mut drafts: Vec<Draft> = Vec::new();
    for table in tables {
        let Some(draft) = draft(table, gather) else { continue };
        if drafts.iter().any(|other| other.name == draft.name) {
            gather.wrong(&draft.origin, format!("a second forge is called {}", draft.name), "give it another name");
            continue;
        }
        drafts.push(draft);
    }
    for kind in ForgeKind::ALL {
        from_environment(kind, &mut drafts, gather);
    }
    drafts.iter().filter_map(|draft| check(draft, gather)).collect()
}

fn draft(table: &Table, gather: &mut Gather<'_>) -> Option<Draft> {
    let Some(kind) = table.one(KIND) else {
        gather.wrong(&table.origin, "a forge needs a kind", "write kind = \"github\", \"gitlab\" or \"local\"");
        return None;
    };
    let kind = match kind.text.parse::<ForgeKind>() {
        Ok(kind) => kind,
        Err(invalid) => {
            gather.wrong(&kind.origin, invalid.to_string(), "write github, gitlab or local");
            return None;
        }
    };
    let name = match table.one(NAME).map(|given| (given, ForgeName::new(&given.text))) {
        None => kind.default_name(),
        Some((_, Ok(name))) => name,
        Some((given, Err(invalid))) => {
            gather.wrong(&given.origin, invalid.to_string(), "write a plain name");
            return None;
        }
    };
    let mut values = BTreeMap::new();
    for key in ForgeKey::ALL {
        let Some(given) = table.values.get(key.file()) else { continue };
        if key.variable(kind).is_none() {
            let has: Vec<_> = ForgeKey::of(kind).map(ForgeKey::file).collect();
            let origin = given.first().map_or(&table.origin, |given| &given.origin);
            gather.wrong(origin, format!("a {kind} forge has no {}", key.file()), format!("it has {}", has.join(", ")));
        }
        values.insert(key, given.clone());
    }
    Some(Draft { origin: table.origin.clone(), name, kind, values })
}

/// What the environment says about the forge that is called like its kind goes before what the file says.
fn from_environment(kind: ForgeKind, drafts: &mut Vec<Draft>, gather: &Gather<'_>) {
    let mut values = BTreeMap::new();
    for key in ForgeKey::of(kind) {
        let variable = key.variable(kind).expect("it was asked which keys have one");
        let given = if key.is_list() {
            gather.variable_list(variable)
        } else {
            gather.variable(variable).into_iter().collect()
        };
        if !given.is_empty() {
            values.insert(key, given);
        }
    }
    let Some(origin) = values.values().flatten().next().map(|given| given.origin.clone()) else { return };
    let name = kind.default_name();
    match drafts.iter_mut().find(|draft| draft.name == name && draft.kind == kind) {
        Some(draft) => draft.values.extend(values),
        None => drafts.push(Draft { origin, name, kind, values }),
    }
}

fn check(draft: &Draft, gather: &mut Gather<'_>) -> Option<ForgeSettings> {
    let given = |key| draft.values.get(&key).map_or(&[][..], Vec::as_slice);
    let secrets =
        |key, gather: &mut Gather<'_>| given(key).iter().filter_map(|given| gather.secret(given)).collect::<Vec<_>>();
    let webhook_secrets = secrets(ForgeKey::WebhookSecrets, gather);
    let webhook_tokens = secrets(ForgeKey::WebhookTokens, gather);
    let token = secrets(ForgeKey::Token, gather).pop();
    let signing_keys = given(ForgeKey::SigningKeys).iter().filter_map(|given| signing_key(given, gather)).collect();
    let proofs = [ForgeKey::WebhookSecrets, ForgeKey::SigningKeys, ForgeKey::WebhookTokens];
    if proofs.into_iter().all(|key| given(key).is_empty()) {
        let ways: Vec<_> = proofs
            .into_iter()
            .filter_map(|key| Some(format!("{} ({})", key.file(), key.variable(draft.kind)?)))
            .collect();
        gather.wrong(
            &draft.origin,
            format!("the forge {} has no secret that proves its webhooks", draft.name),
            format!("configure {}", ways.join(" or ")),
        );
    }
    Some(ForgeSettings {
        name: draft.name.clone(),
        kind: draft.kind,
        api_url: api_url(draft.kind, given(ForgeKey::ApiUrl).first(), gather)?,
        webhook_secrets,
        signing_keys,
        webhook_tokens,
        token,
    })
}

fn signing_key(given: &Given, gather: &mut Gather<'_>) -> Option<Secret> {
    let secret = gather.secret(given)?;
    let key = secret.expose_str().and_then(|text| text.strip_prefix("whsec_"));
    if key.is_some_and(|key| BASE64_STANDARD.decode(key).is_ok_and(|key| !key.is_empty())) {
        return Some(secret);
    }
    gather.wrong(&given.origin, "this is not a signing token", "write it as GitLab shows it: whsec_ and base64");
    None
}

/// None when it is wrong, no address when the kind has none.
fn api_url(kind: ForgeKind, given: Option<&Given>, gather: &mut Gather<'_>) -> Option<Option<Url>> {
    let usual = match kind {
        ForgeKind::Github => "https://api.github.com",
        ForgeKind::Gitlab => "https://gitlab.com",
        ForgeKind::Local => return Some(None),
    };
    let Some(given) = given else {
        return Some(Some(Url::parse(usual).expect("the usual addresses are addresses")));
    };
    let text = gather.text(given)?;
    web_address(&Given { text, origin: given.origin.clone() }, gather).map(Some)
}
