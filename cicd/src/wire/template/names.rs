//! What `Ref` and `Fn::GetAtt` give for resources: names as declared, else made up in AWS's form.

use serde_json::Value;

use super::Stacks;
use super::resolve::Wrong;

/// The property that holds a resource's own name, by its type.
const NAMES: [(&str, &str); 14] = [
    ("AWS::CodePipeline::Pipeline", "Name"),
    ("AWS::CodeBuild::Project", "Name"),
    ("AWS::S3::Bucket", "BucketName"),
    ("AWS::IAM::Role", "RoleName"),
    ("AWS::SNS::Topic", "TopicName"),
    ("AWS::SQS::Queue", "QueueName"),
    ("AWS::Lambda::Function", "FunctionName"),
    ("AWS::DynamoDB::Table", "TableName"),
    ("AWS::DynamoDB::GlobalTable", "TableName"),
    ("AWS::ECS::Cluster", "ClusterName"),
    ("AWS::ECS::Service", "ServiceName"),
    ("AWS::ECR::Repository", "RepositoryName"),
    ("AWS::Logs::LogGroup", "LogGroupName"),
    ("AWS::SSM::Parameter", "Name"),
];

impl Stacks {
    fn resource_of<'a>(&'a self, stack: &str, id: &str, path: &str) -> Result<&'a Value, Wrong> {
        let resource = self.templates[stack].get("Resources").and_then(|all| all.get(id));
        resource.ok_or_else(|| Wrong {
            path: path.to_owned(),
            message: format!("there is neither parameter nor resource {id}"),
        })
    }

    /// A resource's own name.
    pub(super) fn name_of(&self, stack: &str, id: &str, resource: &Value) -> Result<String, Wrong> {
        if let Some(known) = self.known.get(&format!("{stack}.{id}")) {
            return Ok(known.rsplit(':').next().unwrap_or(known).to_owned());
        }
        let kind = kind_of(resource);
        let property = NAMES.iter().find(|(of, _)| *of == kind).map(|(_, property)| *property);
        let path = format!("{stack}/Resources/{id}/Properties");
        let declared = property.and_then(|property| resource.get("Properties")?.get(property));
        let declared = declared.map(|value| self.resolved(stack, &path, value)).transpose()?.flatten();
        match declared {
            Some(Value::String(name)) => Ok(name),
            _ if kind == "AWS::S3::Bucket" => Ok(format!("{stack}-{id}").to_ascii_lowercase()),
            _ => Ok(format!("{stack}-{id}")),
        }
    }

    /// What `Ref` gives for a resource.
    pub(super) fn reference_to(&self, stack: &str, id: &str, path: &str) -> Result<String, Wrong> {
        if let Some(known) = self.known.get(&format!("{stack}.{id}")) {
            return Ok(known.clone());
        }
        let resource = self.resource_of(stack, id, path)?;
        let name = self.name_of(stack, id, resource)?;
        let Self { region, account, .. } = self;
        Ok(match kind_of(resource) {
            "AWS::SNS::Topic" => format!("arn:aws:sns:{region}:{account}:{name}"),
            "AWS::SQS::Queue" => format!("https://sqs.{region}.amazonaws.com/{account}/{name}"),
            "AWS::SecretsManager::Secret" => format!("arn:aws:secretsmanager:{region}:{account}:secret:{name}"),
            _ => name,
        })
    }

    /// What `Fn::GetAtt` gives for a resource.
    pub(super) fn attribute_of(&self, stack: &str, id: &str, attribute: &str, path: &str) -> Result<String, Wrong> {
        if let Some(known) = self.known.get(&format!("{stack}.{id}.{attribute}")) {
            return Ok(known.clone());
        }
        let resource = self.resource_of(stack, id, path)?;
        let (kind, name) = (kind_of(resource), self.name_of(stack, id, resource)?);
        let Self { region, account, .. } = self;
        let arn = |service: &str, what: String| format!("arn:aws:{service}:{region}:{account}:{what}");
        match (kind, attribute) {
            ("AWS::S3::Bucket", "Arn") => Ok(format!("arn:aws:s3:::{name}")),
            ("AWS::S3::Bucket", "RegionalDomainName") => Ok(format!("{name}.s3.{region}.amazonaws.com")),
            ("AWS::IAM::Role", "Arn") => Ok(format!("arn:aws:iam::{account}:role/{name}")),
            ("AWS::CodeBuild::Project", "Arn") => Ok(arn("codebuild", format!("project/{name}"))),
            ("AWS::KMS::Key", "Arn") => Ok(arn("kms", format!("key/{name}"))),
            ("AWS::Lambda::Function", "Arn") => Ok(arn("lambda", format!("function:{name}"))),
            ("AWS::SQS::Queue", "Arn") => Ok(arn("sqs", name)),
            ("AWS::SNS::Topic", "TopicArn") => Ok(arn("sns", name)),
            ("AWS::ECS::Cluster", "Arn") => Ok(arn("ecs", format!("cluster/{name}"))),
            ("AWS::ECR::Repository", "Arn") => Ok(arn("ecr", format!("repository/{name}"))),
            ("AWS::Logs::LogGroup", "Arn") => Ok(arn("logs", format!("log-group:{name}:*"))),
            ("AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable", "Arn") => {
                Ok(arn("dynamodb", format!("table/{name}")))
            }
            ("AWS::CodePipeline::Pipeline", "Version") => Ok("1".to_owned()),
            (_, "Name" | "TopicName" | "QueueName" | "FunctionName" | "RepositoryName") => Ok(name),
            _ => Err(Wrong {
                path: path.to_owned(),
                message: format!(
                    "what {kind} gives as {attribute} is known only once it is deployed; \
                     say it with --known {stack}.{id}.{attribute}=VALUE"
                ),
            }),
        }
    }
}

fn kind_of(resource: &Value) -> &str {
    resource.get("Type").and_then(Value::as_str).unwrap_or_default()
}
