//! Intrinsic functions, parameters and conditions.

use std::fmt;

use serde_json::{Map, Value};

use super::Stacks;

/// What cannot be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Where: `Pipelines/Resources/App/Properties/Stages/0`.
    pub path: String,
    /// What, and what to do.
    pub message: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl std::error::Error for Wrong {}

/// Deeper references are taken for a circle.
const DEPTH_MAX: usize = 40;

/// Resolves in one stack, somewhere.
struct At<'a> {
    stacks: &'a Stacks,
    stack: &'a str,
    depth: usize,
}

impl Stacks {
    /// A value with everything resolved; none when it is `AWS::NoValue`.
    pub(super) fn resolved(&self, stack: &str, path: &str, value: &Value) -> Result<Option<Value>, Wrong> {
        At { stacks: self, stack, depth: 0 }.value(path, value)
    }

    /// Whether a resource is there at all, by its condition.
    pub(super) fn is_wanted(&self, stack: &str, resource: &Value) -> Result<bool, Wrong> {
        match resource.get("Condition").and_then(Value::as_str) {
            Some(name) => At { stacks: self, stack, depth: 0 }.condition(name),
            None => Ok(true),
        }
    }
}

impl At<'_> {
    fn deeper(&self, path: &str) -> Result<Self, Wrong> {
        if self.depth >= DEPTH_MAX {
            return Err(wrong(path, "this refers to itself, through others"));
        }
        Ok(At { depth: self.depth + 1, ..*self })
    }

    fn value(&self, path: &str, value: &Value) -> Result<Option<Value>, Wrong> {
        match value {
            Value::Object(map) => {
                let mut entries = map.iter();
                match (entries.next(), entries.next()) {
                    (Some((function, argument)), None) if function == "Ref" || function.starts_with("Fn::") => {
                        self.deeper(path)?.function(&format!("{path}/{function}"), function, argument)
                    }
                    _ => self.map(path, map).map(Some),
                }
            }
            Value::Array(items) => {
                let mut resolved = Vec::new();
                for (at, item) in items.iter().enumerate() {
                    resolved.extend(self.value(&format!("{path}/{at}"), item)?);
                }
                Ok(Some(Value::Array(resolved)))
            }
            plain => Ok(Some(plain.clone())),
        }
    }

    fn map(&self, path: &str, map: &Map<String, Value>) -> Result<Value, Wrong> {
        let mut resolved = Map::new();
        for (key, value) in map {
            if let Some(value) = self.value(&format!("{path}/{key}"), value)? {
                resolved.insert(key.clone(), value);
            }
        }
        Ok(Value::Object(resolved))
    }

    fn function(&self, path: &str, function: &str, argument: &Value) -> Result<Option<Value>, Wrong> {
        let text = |text: String| Ok(Some(Value::String(text)));
        match function {
            "Ref" => self.reference(path, argument.as_str().unwrap_or_default()),
            "Fn::GetAtt" => {
                let (id, attribute) = self.attribute(path, argument)?;
                text(self.get_att(path, &id, &attribute)?)
            }
            "Fn::Sub" => text(self.sub(path, argument)?),
            "Fn::Join" => {
                let (separator, items) = pair(path, argument, "a separator and a list")?;
                text(self.texts(path, items)?.join(separator.as_str().unwrap_or_default()))
            }
            "Fn::Split" => {
                let (separator, whole) = pair(path, argument, "a separator and a text")?;
                let whole = self.text(path, whole)?;
                let parts = whole.split(separator.as_str().unwrap_or_default());
                Ok(Some(Value::Array(parts.map(Value::from).collect())))
            }
            "Fn::Select" => {
                let (at, items) = pair(path, argument, "a place and a list")?;
                let at: usize = self.text(path, at)?.parse().map_err(|_| wrong(path, "the place is no number"))?;
                let items = self.value(path, items)?.unwrap_or_default();
                let found = items.as_array().and_then(|items| items.get(at)).cloned();
                found.map(Some).ok_or_else(|| wrong(path, "the list is shorter than that"))
            }
            "Fn::If" => {
                let [condition, yes, no] = argument.as_array().map_or(&[][..], Vec::as_slice) else {
                    return Err(wrong(path, "Fn::If takes a condition and two values"));
                };
                let holds = self.condition(condition.as_str().unwrap_or_default())?;
                self.value(path, if holds { yes } else { no })
            }
            "Fn::FindInMap" => self.find_in_map(path, argument),
            "Fn::ImportValue" => {
                let name = self.text(path, argument)?;
                text(self.import(path, &name)?)
            }
            "Fn::GetStackOutput" => text(self.stack_output(path, argument)?),
            "Fn::ToJsonString" => {
                let value = self.value(path, argument)?.unwrap_or_default();
                text(value.to_string())
            }
            other => Err(wrong(path, format!("{other} is not resolved here"))),
        }
    }

    fn text(&self, path: &str, value: &Value) -> Result<String, Wrong> {
        match self.value(path, value)? {
            Some(Value::String(text)) => Ok(text),
            Some(Value::Number(number)) => Ok(number.to_string()),
            Some(Value::Bool(flag)) => Ok(flag.to_string()),
            _ => Err(wrong(path, "this must be text")),
        }
    }

    fn texts(&self, path: &str, value: &Value) -> Result<Vec<String>, Wrong> {
        let value = self.value(path, value)?.unwrap_or_default();
        let items = value.as_array().ok_or_else(|| wrong(path, "this must be a list"))?;
        items.iter().map(|item| self.text(path, item)).collect()
    }

    fn template(&self) -> &Value {
        &self.stacks.templates[self.stack]
    }

    fn reference(&self, path: &str, name: &str) -> Result<Option<Value>, Wrong> {
        let Stacks { region, account, .. } = self.stacks;
        let text = match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::Region" => region.clone(),
            "AWS::AccountId" => account.clone(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::StackName" => self.stack.to_owned(),
            "AWS::StackId" => format!("arn:aws:cloudformation:{region}:{account}:stack/{}/local", self.stack),
            "AWS::NotificationARNs" => return Ok(Some(Value::Array(vec![]))),
            _ if self.template().pointer(&format!("/Parameters/{name}")).is_some() => {
                return self.parameter(path, name);
            }
            _ => self.stacks.reference_to(self.stack, name, path)?,
        };
        Ok(Some(Value::String(text)))
    }

    fn parameter(&self, path: &str, name: &str) -> Result<Option<Value>, Wrong> {
        let given = &self.stacks.parameters;
        let given =
            given.get(&format!("{}.{name}", self.stack)).or_else(|| given.get(name)).map(|it| Value::from(it.as_str()));
        let declared = &self.template()["Parameters"][name];
        let value = given.or_else(|| declared.get("Default").cloned());
        let value = value.ok_or_else(|| {
            let stack = self.stack;
            wrong(path, format!("the parameter {name} has no default; give it with --parameter {stack}.{name}=VALUE"))
        })?;
        let is_list = declared.get("Type").and_then(Value::as_str).is_some_and(|kind| kind.contains("List"));
        match value.as_str() {
            Some(text) if is_list => Ok(Some(text.split(',').map(str::trim).map(Value::from).collect())),
            _ => Ok(Some(value)),
        }
    }

    /// The two halves of what `Fn::GetAtt` takes.
    fn attribute(&self, path: &str, argument: &Value) -> Result<(String, String), Wrong> {
        let halves = match argument {
            Value::String(text) => text.split_once('.').map(|(id, rest)| (id.to_owned(), rest.to_owned())),
            Value::Array(items) => match items.as_slice() {
                [id, attribute] => Some((id.as_str().unwrap_or_default().to_owned(), self.text(path, attribute)?)),
                _ => None,
            },
            _ => None,
        };
        halves.ok_or_else(|| wrong(path, "Fn::GetAtt takes a logical id and an attribute"))
    }

    fn get_att(&self, path: &str, id: &str, attribute: &str) -> Result<String, Wrong> {
        self.stacks.attribute_of(self.stack, id, attribute, path)
    }

    /// `${Name}`, `${Name.Attribute}`, `${!kept}`, and the names of the map that may come with it.
    fn sub(&self, path: &str, argument: &Value) -> Result<String, Wrong> {
        let (text, own) = match argument {
            Value::String(text) => (text.as_str(), None),
            Value::Array(items) => (items.first().and_then(Value::as_str).unwrap_or_default(), items.get(1)),
            _ => return Err(wrong(path, "Fn::Sub takes text")),
        };
        let (mut done, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let (name, behind) = after.split_once('}').ok_or_else(|| wrong(path, "a ${ is not closed"))?;
            done.push_str(before);
            rest = behind;
            let name = name.trim();
            if let Some(kept) = name.strip_prefix('!') {
                done.push_str(&format!("${{{kept}}}"));
            } else if let Some(value) = own.and_then(|own| own.get(name)) {
                done.push_str(&self.text(path, value)?);
            } else if let Some((id, attribute)) = name.split_once('.') {
                done.push_str(&self.get_att(path, id, attribute)?);
            } else {
                let value = self.reference(path, name)?.unwrap_or_default();
                done.push_str(&self.text(path, &value)?);
            }
        }
        Ok(done + rest)
    }

    fn find_in_map(&self, path: &str, argument: &Value) -> Result<Option<Value>, Wrong> {
        let keys = argument.as_array().map_or(&[][..], Vec::as_slice);
        let keys: Vec<String> = keys.iter().take(3).map(|key| self.text(path, key)).collect::<Result<_, _>>()?;
        let found = keys.iter().try_fold(&self.template()["Mappings"], |map, key| map.get(key));
        found.cloned().map(Some).ok_or_else(|| wrong(path, format!("there is no mapping {}", keys.join("/"))))
    }

    fn condition(&self, name: &str) -> Result<bool, Wrong> {
        let path = format!("{}/Conditions/{name}", self.stack);
        let condition = self.template().get("Conditions").and_then(|all| all.get(name));
        let condition = condition.ok_or_else(|| wrong(&path, "there is no such condition"))?;
        self.deeper(&path)?.holds(&path, condition)
    }

    fn holds(&self, path: &str, condition: &Value) -> Result<bool, Wrong> {
        let said = |name: &str| condition.get(name);
        let items = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
        if let Some(name) = said("Condition").and_then(Value::as_str) {
            return self.condition(name);
        }
        if let Some(sides) = said("Fn::Equals") {
            let (left, right) = pair(path, sides, "two values")?;
            return Ok(self.value(path, left)? == self.value(path, right)?);
        }
        if let Some(all) = said("Fn::And") {
            return items(all).iter().try_fold(true, |so_far, one| Ok(so_far && self.holds(path, one)?));
        }
        if let Some(any) = said("Fn::Or") {
            return items(any).iter().try_fold(false, |so_far, one| Ok(so_far || self.holds(path, one)?));
        }
        if let Some(one) = said("Fn::Not") {
            return Ok(!self.holds(path, items(one).first().unwrap_or(&Value::Null))?);
        }
        Err(wrong(path, "this is no condition"))
    }

    /// What another template exports under a name.
    fn import(&self, path: &str, name: &str) -> Result<String, Wrong> {
        let at = self.deeper(path)?;
        for (stack, template) in &self.stacks.templates {
            let other = At { stack, ..at };
            for output in template.get("Outputs").and_then(Value::as_object).into_iter().flat_map(Map::values) {
                let Some(exported) = output.pointer("/Export/Name") else { continue };
                if other.text(path, exported)? == name {
                    return other.text(path, &output["Value"]);
                }
            }
        }
        Err(wrong(path, format!("no template here exports {name}; name the other stack's template too")))
    }

    /// An output of another stack, by the stack's and the output's name.
    fn stack_output(&self, path: &str, argument: &Value) -> Result<String, Wrong> {
        let said = |key: &str| argument.get(key).ok_or_else(|| wrong(path, format!("{key} is missing")));
        let (stack, output) = (self.text(path, said("StackName")?)?, self.text(path, said("OutputName")?)?);
        let template = self.stacks.templates.get_key_value(stack.as_str());
        let value =
            template.and_then(|(name, template)| Some((name, template.get("Outputs")?.get(&output)?.get("Value")?)));
        let (name, value) = value.ok_or_else(|| {
            wrong(path, format!("there is no output {output} of {stack} here; name its template too"))
        })?;
        At { stack: name, ..self.deeper(path)? }.text(path, value)
    }
}

fn pair<'v>(path: &str, value: &'v Value, wanted: &str) -> Result<(&'v Value, &'v Value), Wrong> {
    match value.as_array().map(Vec::as_slice) {
        Some([one, two]) => Ok((one, two)),
        _ => Err(wrong(path, format!("this takes {wanted}"))),
    }
}

fn wrong(path: &str, message: impl Into<String>) -> Wrong {
    Wrong { path: path.to_owned(), message: message.into() }
}
