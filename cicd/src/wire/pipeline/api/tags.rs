//! Tags of a pipeline.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::page::Page;
use crate::wire::Wire;
use crate::wire::error::AwsError;
use crate::wire::pipeline::limits;
use crate::wire::shape::asked;
use crate::wire::shape::told;

/// Checks tags that were given.
pub(super) fn accept(tags: Vec<asked::Tag>) -> Result<BTreeMap<String, String>, AwsError> {
    let invalid = |message: String| AwsError::refused("InvalidTagsException", message);
    let mut accepted = BTreeMap::new();
    for tag in tags {
        let key = tag.key;
        if key.is_empty() || key.chars().count() > 128 || tag.value.chars().count() > 256 {
            return Err(invalid("A tag's key has 1 to 128 characters and its value up to 256".to_owned()));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid(format!("The tag {key} begins with aws:, which is reserved")));
        }
        if accepted.insert(key.clone(), tag.value).is_some() {
            return Err(invalid(format!("The tag {key} stands twice")));
        }
    }
    too_many(&accepted)?;
    Ok(accepted)
}

fn too_many(tags: &BTreeMap<String, String>) -> Result<(), AwsError> {
    if tags.len() > limits::TAGS {
        return Err(AwsError::refused("TooManyTagsException", format!("A pipeline may have {} tags", limits::TAGS)));
    }
    Ok(())
}

/// Tags as they are told.
pub(super) fn told(tags: &BTreeMap<String, String>) -> Vec<told::Tag> {
    tags.iter().map(|(key, value)| told::Tag { key: key.clone(), value: value.clone() }).collect()
}

/// A pipeline's name out of its ARN.
fn named<'a>(wire: &Wire, arn: &'a str) -> Result<&'a str, AwsError> {
    let known = wire.locality.pipeline_arn("");
    arn.strip_prefix(&known).filter(|name| !name.is_empty()).ok_or_else(|| {
        AwsError::refused("InvalidArnException", format!("The ARN is not one of a pipeline here ({known}...)"))
    })
}

fn gone(error: AwsError) -> AwsError {
    AwsError::refused("ResourceNotFoundException", error.message)
}

/// Adds tags, or changes them.
pub(super) fn tag(wire: &Arc<Wire>, asked: asked::TagResource) -> Result<(), AwsError> {
    let added = accept(asked.tags)?;
    let name = named(wire, &asked.resource_arn)?;
    wire.turn(|book, turn| {
        let pipeline = book.pipeline_mut(&turn.locality.account, name).map_err(gone)?;
        let mut tags = pipeline.tags.clone();
        tags.extend(added);
        too_many(&tags)?;
        pipeline.tags = tags;
        Ok(())
    })
}

/// Removes tags.
pub(super) fn untag(wire: &Arc<Wire>, asked: asked::UntagResource) -> Result<(), AwsError> {
    let name = named(wire, &asked.resource_arn)?;
    wire.turn(|book, turn| {
        let pipeline = book.pipeline_mut(&turn.locality.account, name).map_err(gone)?;
        pipeline.tags.retain(|key, _| !asked.tag_keys.contains(key));
        Ok(())
    })
}

/// A pipeline's tags.
pub(super) fn list(wire: &Arc<Wire>, asked: asked::ListTagsForResource) -> Result<told::ListTags, AwsError> {
    let page = Page::asked(&asked.resource_arn, asked.max_results, 100, asked.next_token.as_deref())?;
    let name = named(wire, &asked.resource_arn)?;
    let all = wire.look(|book| book.pipeline(&wire.locality.account, name).map(|pipeline| told(&pipeline.tags)));
    let (tags, next_token) = page.cut(all.map_err(gone)?);
    Ok(told::ListTags { tags, next_token })
}
