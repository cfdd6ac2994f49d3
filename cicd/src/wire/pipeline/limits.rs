//! The service's quotas, and ours: nothing in memory grows without end.

/// Pipelines, per Region.
pub(super) const PIPELINES: usize = 1000;
/// Stages of a pipeline.
pub(super) const STAGES: std::ops::RangeInclusive<usize> = 2..=50;
/// Actions of a stage. The service's own page says 50 and 100; the stricter.
pub(super) const ACTIONS_OF_A_STAGE: usize = 50;
/// Actions of a pipeline.
pub(super) const ACTIONS: usize = 1000;
/// Variables of a pipeline.
pub(super) const VARIABLES: usize = 50;
/// Characters of a variable's value, and of a configuration's.
pub(super) const VALUE: usize = 1000;
/// Characters of a configuration's key.
pub(super) const KEY: usize = 50;
/// Characters of a rule's configuration value.
pub(super) const RULE_VALUE: usize = 10_000;
/// Bytes of an action's output variables together.
pub(super) const OUTPUT_VARIABLES: usize = 122_880;
/// Bytes of an action's resolved configuration together.
pub(super) const RESOLVED_CONFIGURATION: usize = 100 * 1024;
/// Executions of a QUEUED or PARALLEL pipeline that are under way.
pub(super) const LIVE_EXECUTIONS: usize = 50;
/// Actions of a PARALLEL execution that are under way.
pub(super) const LIVE_ACTIONS: usize = 5;
/// Minutes until nobody has answered an approval: seven days.
pub(super) const APPROVAL_MINUTES: u32 = 7 * 24 * 60;
/// Minutes until an action that is no approval is given up, by its category and provider.
pub(super) fn minutes(category: &str, provider: &str) -> u32 {
    match (category, provider) {
        ("Build", "CodeBuild") => 36 * 60,
        ("Test", _) => 8 * 60,
        ("Invoke", "Lambda") => 24 * 60,
        ("Invoke", "StepFunctions") => 7 * 24 * 60,
        ("Deploy", "CloudFormation") => 3 * 24 * 60,
        ("Deploy", "CodeDeploy" | "CodeDeployToECS") => 5 * 24 * 60,
        ("Deploy", "S3") => 90,
        _ => 60,
    }
}
/// Bytes of an S3 source.
pub(super) const SOURCE_BYTES: u64 = 7 * 1024 * 1024 * 1024;
/// Tags of a pipeline.
pub(super) const TAGS: usize = 50;

/// Ended executions that are remembered, per pipeline; the service remembers twelve months.
pub(super) const REMEMBERED: usize = 500;
/// Ended executions whose artifacts are kept for a retry or a rollback, per pipeline.
pub(super) const WITH_ARTIFACTS: usize = 20;
/// Declarations that `GetPipeline` can still tell, per pipeline.
pub(super) const VERSIONS: usize = 100;
/// How often the stages of one execution may be tried again.
pub(super) const ATTEMPTS: u32 = 1000;
