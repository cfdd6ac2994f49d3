//! `#{namespace.key}` in a configuration. Replaced once: what comes out of a variable is never looked at again.

use std::collections::BTreeMap;

use crate::wire::shape::check::of_a_variable;

/// What variables are known, by namespace and key.
pub(super) type Known = BTreeMap<String, BTreeMap<String, String>>;

/// Puts the variables into a text.
///
/// # Errors
/// The reference that nothing is known of, `#{ns.key}`.
pub(super) fn resolve(text: &str, known: &Known) -> Result<String, String> {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("#{") {
        resolved.push_str(&rest[..at]);
        rest = &rest[at..];
        match reference(rest) {
            Some((namespace, key, length)) => {
                let value = known.get(namespace).and_then(|keys| keys.get(key));
                resolved.push_str(value.ok_or_else(|| rest[..length].to_owned())?);
                rest = &rest[length..];
            }
            None => {
                resolved.push_str("#{");
                rest = &rest[2..];
            }
        }
    }
    resolved.push_str(rest);
    Ok(resolved)
}

/// The namespace, the key and the whole length of a reference at the text's beginning.
fn reference(text: &str) -> Option<(&str, &str, usize)> {
    let end = text.find('}')?;
    let (namespace, key) = text[2..end].split_once('.')?;
    let good = |part: &str| !part.is_empty() && part.chars().all(|c| of_a_variable(c) || c == '.');
    (good(namespace) && good(key)).then_some((namespace, key, end + 1))
}

/// Puts the variables into a whole configuration.
///
/// # Errors
/// Every reference that nothing is known of.
pub(super) fn resolve_all(
    configuration: &BTreeMap<String, String>,
    known: &Known,
) -> Result<BTreeMap<String, String>, Vec<String>> {
    let mut unknown = vec![];
    let mut resolved = BTreeMap::new();
    for (key, value) in configuration {
        match resolve(value, known) {
            Ok(value) => drop(resolved.insert(key.clone(), value)),
            Err(reference) => unknown.push(reference),
        }
    }
    if unknown.is_empty() { Ok(resolved) } else { Err(unknown) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let of = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Known::from([
            ("variables".to_owned(), of(&[("REF", "#{codepipeline.PipelineExecutionId}"), ("A-1", "x")])),
            ("codepipeline".to_owned(), of(&[("PipelineExecutionId", "id")])),
        ])
    }

    #[test]
    fn a_variable_is_put_in_once_and_what_it_holds_is_left_alone() {
        let cases = [
            ("#{variables.REF}", "#{codepipeline.PipelineExecutionId}"),
            ("<#{codepipeline.PipelineExecutionId}#{variables.A-1}>", "<idx>"),
            ("#{no reference} #{x #{variables.A-1}", "#{no reference} #{x x"),
            ("#{variables.A-1", "#{variables.A-1"),
            ("ü#{é.ö}#{.a}#{a.}", "ü#{é.ö}#{.a}#{a.}"),
            ("##{variables.A-1}", "#x"),
        ];
        for (text, resolved) in cases {
            assert_eq!(resolve(text, &known()).as_deref(), Ok(resolved), "{text}");
        }
    }

    #[test]
    fn what_is_unknown_is_named() {
        assert_eq!(resolve("a#{variables.GONE}b", &known()), Err("#{variables.GONE}".to_owned()));
        let configuration = BTreeMap::from([("a".to_owned(), "#{x.y}".to_owned()), ("b".to_owned(), "c".to_owned())]);
        assert_eq!(resolve_all(&configuration, &known()), Err(vec!["#{x.y}".to_owned()]));
    }
}
