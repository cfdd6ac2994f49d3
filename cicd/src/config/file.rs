//! `pointsman.toml` as values with their lines. What they mean is not looked at here.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use router::problem::nearest;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Origin;
use super::gather::{Gather, Given};
use super::keys::{
    AUTH, AUTH_PEOPLE, AUTH_TOKENS, AWS, AwsKey, CONFIG_FLAG, CONFIG_VARIABLE, FORGES, ForgeKey, IDENTITIES, KIND,
    NAME, PERSON, PLAIN,
};

/// The file that is read when no other is named; it may be missing.
const DEFAULT: &str = "pointsman.toml";

/// What the file says.
#[derive(Default)]
pub(super) struct File {
    pub(super) plain: BTreeMap<&'static str, Given>,
    pub(super) aws: Option<Table>,
    pub(super) forges: Vec<Table>,
    /// The tokens of `[auth]`.
    pub(super) tokens: Vec<Table>,
    /// The other names of people in `[auth]`.
    pub(super) people: Vec<Table>,
}

/// One table of a list: texts by their key, one or several of each.
pub(super) struct Table {
    pub(super) origin: Origin,
    pub(super) values: BTreeMap<&'static str, Vec<Given>>,
}

impl Table {
    /// The one text under a key.
    pub(super) fn one(&self, key: &str) -> Option<&Given> {
        self.values.get(key)?.first()
    }
}

/// Reads the file that was named, or the default one if it is there.
pub(super) fn read(flag: Option<&str>, gather: &mut Gather<'_>) -> File {
    let by_flag = flag.map(|path| Given { text: path.to_owned(), origin: Origin::Flag(CONFIG_FLAG) });
    let named = by_flag.or_else(|| gather.variable(CONFIG_VARIABLE));
    let must_be_there = named.is_some();
    let Given { text: path, origin } = named.unwrap_or_else(|| {
        let origin = Origin::File { path: DEFAULT.to_owned(), line: None };
        Given { text: DEFAULT.to_owned(), origin }
    });
    match std::fs::read_to_string(&path) {
        Ok(text) => Reading { path: &path, text: &text, gather }.document(),
        Err(error) if error.kind() == ErrorKind::NotFound && !must_be_there => File::default(),
        Err(error) => {
            gather.wrong(
                &origin,
                format!("{path} cannot be read: {error}"),
                "name a TOML file that this user may read",
            );
            File::default()
        }
    }
}

struct Reading<'r, 'v> {
    path: &'r str,
    text: &'r str,
    gather: &'r mut Gather<'v>,
}

impl Reading<'_, '_> {
    fn document(mut self) -> File {
        let mut file = File::default();
        let (document, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let origin = self.origin(error.span().map_or(0, |span| span.start));
            self.gather.wrong(
                &origin,
                format!("this is not TOML: {}", error.message()),
                "see toml.io for how it is written",
            );
        }
        // What was guessed after a mistake in the syntax would only be reported as more mistakes.
        if !errors.is_empty() {
            return file;
        }
        let known: Vec<_> = PLAIN.iter().map(|key| key.file).chain([AWS, FORGES, AUTH]).collect();
        for (key, value) in self.known(document.get_ref(), &known) {
            match key {
                FORGES => {
                    let keys: Vec<_> = [NAME, KIND].into_iter().chain(ForgeKey::ALL.map(ForgeKey::file)).collect();
                    file.forges = self.tables(value, &keys);
                }
                AWS => file.aws = self.table("[aws]", value, &AwsKey::ALL.map(AwsKey::file)),
                AUTH => self.auth(value, &mut file),
                key => file.plain.extend(self.text(key, value).map(|given| (key, given))),
            }
        }
        file
    }

    fn auth(&mut self, value: &Spanned<DeValue<'_>>, file: &mut File) {
        let Some(table) = value.get_ref().as_table() else {
            return self.unfit(AUTH, value, "a table: [auth]");
        };
        for (key, value) in self.known(table, &[AUTH_TOKENS, AUTH_PEOPLE]) {
            match key {
                AUTH_PEOPLE => file.people = self.tables(value, &IDENTITIES),
                _ => file.tokens = self.tables(value, &PERSON),
            }
        }
    }

    /// The entries whose keys are known; the others are mistakes.
    fn known<'d, 'i>(
        &mut self,
        table: &'d DeTable<'i>,
        known: &[&'static str],
    ) -> Vec<(&'static str, &'d Spanned<DeValue<'i>>)> {
        let mut entries = Vec::new();
        for (key, value) in table {
            if let Some(name) = known.iter().find(|name| **name == key.get_ref().as_ref()) {
                entries.push((*name, value));
                continue;
            }
            let help = nearest(key.get_ref(), known.iter().copied())
                .map_or_else(|| format!("known are {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
            let shown: String = key.get_ref().chars().take(80).collect();
            let origin = self.origin(key.span().start);
            self.gather.wrong(&origin, format!("there is no setting `{shown}` here"), help);
        }
        entries
    }

    fn tables(&mut self, value: &Spanned<DeValue<'_>>, keys: &[&'static str]) -> Vec<Table> {
        let Some(items) = value.get_ref().as_array() else {
            self.unfit("this", value, "a list of tables");
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items.iter() {
            tables.extend(self.table("an entry", item, keys));
        }
        tables
    }

    fn table(&mut self, what: &str, value: &Spanned<DeValue<'_>>, keys: &[&'static str]) -> Option<Table> {
        let Some(table) = value.get_ref().as_table() else {
            self.unfit(what, value, "a table");
            return None;
        };
        let entries = self.known(table, keys);
        let values = entries.into_iter().map(|(key, value)| (key, self.texts(key, value))).collect();
        Some(Table { origin: self.origin(value.span().start), values })
    }

    /// One text or, where several may be given, a list of them.
    fn texts(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Vec<Given> {
        let lists = ForgeKey::ALL.into_iter().filter(|key| key.is_list()).map(ForgeKey::file);
        let lists = lists.chain(AwsKey::ALL.into_iter().filter(|key| key.is_list()).map(AwsKey::file));
        let may_be_list = lists.into_iter().chain([IDENTITIES[1]]).any(|list| list == key);
        match value.get_ref().as_array() {
            Some(items) if may_be_list => items.iter().filter_map(|item| self.text(key, item)).collect(),
            _ => self.text(key, value).into_iter().collect(),
        }
    }

    fn text(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Given> {
        let text = match value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(number) => Some(number.to_string()),
            _ => None,
        };
        if text.is_none() {
            self.unfit(key, value, "text in quotes");
        }
        Some(Given { text: text?, origin: self.origin(value.span().start) })
    }

    fn unfit(&mut self, what: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let origin = self.origin(value.span().start);
        let found = value.get_ref().type_str();
        self.gather.wrong(&origin, format!("{what} is of type {found}"), format!("write {wanted}"));
    }

    fn origin(&self, offset: usize) -> Origin {
        let line = self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
        Origin::File { path: self.path.to_owned(), line: Some(line) }
    }
}
