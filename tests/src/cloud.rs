//! The whole product in its form on AWS: what a person pushes goes through everything that is deployed, and ends as statuses.
//!
//! What is real, and what stands in:
//! * Both stacks are synthesized from a rule file by `pointsman synth` and the CDK, and deployed by ministack's `CloudFormation`.
//! * ministack is API Gateway, Lambda, SQS with its event source mapping, SNS, `DynamoDB`, S3 and Secrets Manager. It starts the
//!   functions by their bootstrap; ours is one line of shell that starts the binary `doors` of this build and keeps what it logs.
//! * The wire is `CodePipeline` and `CodeBuild`. It runs what the template of the pipelines declares; the functions find it by
//!   `AWS_ENDPOINT_URL_CODEPIPELINE` and `AWS_ENDPOINT_URL_CODEBUILD`.
//! * The wire puts its state changes on the bus, as `CodePipeline` does; the rule that is deployed picks them, and ministack's
//!   `EventBridge` hands them to the topic. By itself it would refuse them, as AWS would from anybody else: see `emulated.py`.
//! * Between the functions and DynamoDB and S3 lies the world's weather, which is fine until a story makes it bad.
//! * The schedule's rule fires once a minute, as deployed. A story that cannot wait so long invokes the function `sweep` itself.
//! * The forges are the world's. The clock is the machine's: functions know no other.
//!
//! Stories share a bed while they run at the same time; each has a repository of its own.

mod bad_input;
mod bed;
mod forged;
mod gates;
mod pushes;
mod trouble;
mod under_way;
