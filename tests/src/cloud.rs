//! The whole product in its form on AWS: what a person pushes goes through everything that is deployed, and ends as statuses.
//!
//! What is real, and what stands in:
//! * Both stacks are synthesized from a rule file by `pointsman synth` and the CDK, and deployed by ministack's `CloudFormation`.
//! * ministack is API Gateway, Lambda, SQS with its event source mapping, SNS, `DynamoDB`, S3 and Secrets Manager. It starts the
//!   functions by their bootstrap; ours is one line of shell that starts the binary `doors` of this build and keeps what it logs.
//! * The wire is `CodePipeline` and `CodeBuild`. It runs what the template of the pipelines declares; the functions find it by
//!   `AWS_ENDPOINT_URL_CODEPIPELINE` and `AWS_ENDPOINT_URL_CODEBUILD`.
//! * `EventBridge` alone is passed by: nobody but AWS may put events of `aws.codepipeline` on a bus, so the wire tells the callback
//!   topic itself what the rule would have handed on.
//! * The schedule's rule fires once a minute, as deployed. A story that cannot wait so long invokes the function `sweep` itself.
//! * The forges are the world's. The clock is the machine's: functions know no other.
//!
//! Stories share a bed while they run at the same time; each has a repository of its own.

mod bed;
mod gates;
mod pushes;
mod trouble;
