//! `serve --wire`: what the protocol door is opened with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use cicd::clock::SystemClock;
use cicd::config::{ProcessVars, Settings, Vars};
use cicd::outbound;
use cicd::wire::Locality;
use cicd::wire::codebuild::Vaults;
use cicd::wire::deploys::DeployConfig;
use cicd::wire::door::Credentials;
use cicd::wire::events::outlet::{EventBridge, SnsTopic, Target};
use cicd::wire::front::{Front, FrontConfig};
use cicd::wire::template::Stacks;
use router::secret::Secret;

use crate::terminal::say;

/// Flags of the wire, see docs/wire.md.
// Named apart: `serve` has a group of that name already.
#[derive(clap::Args)]
#[group(id = "wire-settings")]
pub(crate) struct Args {
    /// Answer the `CodePipeline` and `CodeBuild` protocol of AWS, too: AWS CLI and SDKs may point here.
    #[arg(long, env = "POINTSMAN_WIRE", value_parser = clap::builder::FalseyValueParser::new())]
    wire: bool,
    /// Make the pipelines and projects of synthesized CloudFormation templates.
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "wire")]
    pipelines: Vec<PathBuf>,
    /// A parameter of a template: `Prefix=x`, or `Stack.Prefix=x`.
    #[arg(long, value_name = "NAME=VALUE", requires = "wire")]
    parameter: Vec<String>,
    /// What a deployed resource is called: `Stack.LogicalId=name`, or `Stack.LogicalId.Attribute=value`.
    #[arg(long, value_name = "RESOURCE=VALUE", requires = "wire")]
    known: Vec<String>,
    /// Send state changes to this SNS topic or EventBridge bus, by its ARN.
    #[arg(long, value_name = "ARN", requires = "wire")]
    events_to: Vec<String>,
    /// The access key ids that are let in; every one, when none is named.
    #[arg(long, value_name = "ID", env = "POINTSMAN_WIRE_ACCESS_KEYS", value_delimiter = ',', hide_env_values = true)]
    wire_access_key: Vec<String>,
    /// The account that ARNs name.
    #[arg(long, value_name = "NUMBER", env = "POINTSMAN_WIRE_ACCOUNT", default_value = "000000000000")]
    wire_account: String,
}

/// Opens the wire, when it is asked for.
pub(super) async fn open(args: &Args, settings: &Settings, base_url: &str) -> anyhow::Result<Option<Arc<Front>>> {
    if !args.wire {
        return Ok(None);
    }
    if args.wire_account.len() != 12 || !args.wire_account.bytes().all(|byte| byte.is_ascii_digit()) {
        bail!("an account has twelve digits, and {:?} has not; change --wire-account", args.wire_account);
    }
    let said = |name: &str| ProcessVars.get(name).filter(|value| !value.is_empty());
    let region = said("AWS_REGION").or_else(|| said("AWS_DEFAULT_REGION")).unwrap_or_else(|| "us-east-1".to_owned());
    let aws = aws_config::defaults(BehaviorVersion::latest()).region(Region::new(region.clone()));
    let aws = aws.http_client(outbound::for_aws()).load().await;
    let data = settings.data.join("wire");
    let endpoint = |service: &str| said(&format!("AWS_ENDPOINT_URL_{service}")).or_else(|| said("AWS_ENDPOINT_URL"));
    let deploys = DeployConfig {
        ecs: endpoint("ECS"),
        cloudformation: endpoint("CLOUDFORMATION"),
        codedeploy: endpoint("CODEDEPLOY"),
        region: region.clone(),
        access_key: said("AWS_ACCESS_KEY_ID").unwrap_or_else(|| "wire".to_owned()),
        ..DeployConfig::recording(data.join("deploys.jsonl"))
    };
    // Emulators have no host for each bucket.
    let s3 = aws_sdk_s3::config::Builder::from(&aws).force_path_style(true).build();
    let config = FrontConfig {
        locality: Locality { region: region.clone(), account: args.wire_account.clone() },
        credentials: Credentials {
            access_keys: args.wire_access_key.iter().map(|id| Secret::new(id.as_str())).collect(),
            unsigned: false,
            loopback_only: args.wire_access_key.is_empty(),
        },
        base_url: Some(base_url.to_owned()),
        slots: settings.slots.get(),
        s3: Some(aws_sdk_s3::Client::from_conf(s3)),
        vaults: Vaults {
            parameters: endpoint("SSM").map(|_| aws_sdk_ssm::Client::new(&aws)),
            secrets: endpoint("SECRETS_MANAGER").map(|_| aws_sdk_secretsmanager::Client::new(&aws)),
        },
        sns: Some(aws_sdk_sns::Client::new(&aws)),
        targets: args.events_to.iter().map(|arn| target(arn, &aws)).collect::<anyhow::Result<_>>()?,
        deploys: Some(deploys),
        ..FrontConfig::new(data)
    };
    let stacks = stacks(args, &region)?;
    let front = Front::open(config, Arc::new(SystemClock)).context("the wire cannot be opened")?;
    load(&front, &stacks)?;
    Ok(Some(front))
}

fn load(front: &Front, stacks: &Stacks) -> anyhow::Result<()> {
    let declared = stacks.declared().map_err(|mistakes| {
        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        anyhow!("the templates cannot be used\n{}", lines.join("\n"))
    })?;
    front.load(&declared).context("a template declares what the wire does not take")?;
    if !stacks.templates.is_empty() {
        say(format!(
            "{} pipelines and {} projects out of templates",
            declared.pipelines.len(),
            declared.projects.len()
        ));
    }
    Ok(())
}

fn stacks(args: &Args, region: &str) -> anyhow::Result<Stacks> {
    let mut stacks = Stacks::new(region, &args.wire_account);
    for file in &args.pipelines {
        let text = std::fs::read_to_string(file).with_context(|| format!("the template {}", file.display()))?;
        stacks.add(&file.to_string_lossy(), &text).with_context(|| format!("the template {}", file.display()))?;
    }
    stacks.parameters = pairs(&args.parameter, "--parameter")?;
    stacks.known = pairs(&args.known, "--known")?;
    Ok(stacks)
}

fn pairs(given: &[String], flag: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let pair = |text: &String| {
        let (name, value) =
            text.split_once('=').with_context(|| format!("{flag} is NAME=VALUE, and {text:?} is not"))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    given.iter().map(pair).collect()
}

fn target(arn: &str, aws: &SdkConfig) -> anyhow::Result<Arc<dyn Target>> {
    match arn.split(':').nth(2) {
        Some("sns") => Ok(Arc::new(SnsTopic { client: aws_sdk_sns::Client::new(aws), arn: arn.to_owned() })),
        Some("events") => Ok(Arc::new(EventBridge {
            client: aws_sdk_eventbridge::Client::new(aws),
            bus: Some(arn.to_owned()),
            source: None,
        })),
        _ => bail!("--events-to takes the ARN of an SNS topic or of an EventBridge bus, and {arn:?} is neither"),
    }
}
