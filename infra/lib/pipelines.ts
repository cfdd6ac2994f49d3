/** The stack of the pipelines: one for each of the rule file, made of `pointsman synth`. */
import { Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { CfnPipeline } from 'aws-cdk-lib/aws-codepipeline';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge.js';
import type { Condition, Environment, Pipeline, Project, Stage } from './model.js';
import { NO_SOURCE, callbackTopic, sourceBucket, topicArn } from './names.js';
import { deployActions } from './deploys.js';
import { makeProject } from './projects.js';
import { makeRoles } from './roles.js';
import type { Settings } from './settings.js';

/** Sources are kept for runs that wait at a gate, and for those that are started again. */
const SOURCES_KEPT = Duration.days(90);
/** The longest that a gate waits is 60 days, and what it lets through must still be there. */
const ARTIFACTS_KEPT = Duration.days(90);

export interface PipelinesProps extends StackProps {
  readonly settings: Settings;
  readonly key: IKey;
}

/** What all pipelines share. */
export interface Shared {
  readonly settings: Settings;
  readonly key: IKey;
  readonly source: Bucket;
  readonly artifacts: Bucket;
  readonly callbackTopicArn: string;
}

export class PipelinesStack extends Stack {
  constructor(scope: Construct, id: string, { settings, key, ...props }: PipelinesProps) {
    super(scope, id, props);
    const source = this.bucket('Source', key, SOURCES_KEPT, sourceBucket(settings.prefix));
    const artifacts = this.bucket('Artifacts', key, ARTIFACTS_KEPT);
    const callbackTopicArn = topicArn(this, callbackTopic(settings.prefix));
    const shared: Shared = { settings, key, source, artifacts, callbackTopicArn };
    for (const pipeline of settings.model.pipelines) makePipeline(this, pipeline, shared);
  }

  private bucket(id: string, key: IKey, kept: Duration, bucketName?: string): Bucket {
    const bucket = new Bucket(this, id, {
      ...(bucketName === undefined ? {} : { bucketName }),
      // CodePipeline's S3 source takes versioned buckets only.
      versioned: true,
      encryption: BucketEncryption.KMS,
      encryptionKey: key,
      bucketKeyEnabled: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      lifecycleRules: [
        { expiration: kept, noncurrentVersionExpiration: Duration.days(1), abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ],
      removalPolicy: RemovalPolicy.RETAIN,
    });
    acknowledge(bucket, 'AwsSolutions-S1', 'Archives of commits and builds that expire; who read them is a matter of CloudTrail’s data events.');
    return bucket;
  }
}

function makePipeline(scope: Construct, pipeline: Pipeline, shared: Shared): CfnPipeline {
  const id = pipeline.name;
  const roles = makeRoles(scope, pipeline, shared);
  const project = (part: string, of: Project, role: 'build' | 'deploy'): void => {
    makeProject(scope, `${id}-${part}`, of, { key: shared.key, role: roles[role] });
  };
  for (const stage of pipeline.stages) project(stage.name, stage.project, 'build');
  // No stage of that name: `pointsman synth` tells of it.
  if (pipeline.deploy_project !== null) project('deploy', pipeline.deploy_project, 'deploy');
  for (const environment of pipeline.environments) {
    if (environment.project !== null) project(environment.stage, environment.project, 'deploy');
  }
  const made = new CfnPipeline(scope, `${id}-pipeline`, {
    name: pipeline.pipeline,
    pipelineType: 'V2',
    executionMode: 'PARALLEL',
    roleArn: roles.pipeline.roleArn,
    restartExecutionOnUpdate: false,
    artifactStore: {
      type: 'S3',
      location: shared.artifacts.bucketName,
      encryptionKey: { id: shared.key.keyArn, type: 'KMS' },
    },
    variables: pipeline.variables.map(({ name, default: value }) => ({
      name,
      ...(value === null ? {} : { defaultValue: value }),
    })),
    stages: [
      sourceStage(shared),
      ...pipeline.stages.map((stage) => buildStage(stage)),
      ...pipeline.environments.map((environment) => environmentStage(pipeline, environment, shared)),
    ],
  });
  // A role without its rights fails the first execution.
  made.node.addDependency(roles.pipeline);
  return made;
}

function sourceStage({ source }: Shared): CfnPipeline.StageDeclarationProperty {
  return {
    name: 'source',
    actions: [
      {
        name: 'source',
        actionTypeId: { category: 'Source', owner: 'AWS', provider: 'S3', version: '1' },
        configuration: {
          S3Bucket: source.bucketName,
          S3ObjectKey: NO_SOURCE,
          AllowOverrideForS3ObjectKey: 'true',
          PollForSourceChanges: 'false',
        },
        outputArtifacts: [{ name: 'source' }],
        runOrder: 1,
      },
    ],
  };
}

/** A stage is entered when the run asks for it, and skipped otherwise. */
function skipUnless({ variable, contains }: Condition): CfnPipeline.BeforeEntryConditionsProperty {
  return {
    conditions: [
      {
        result: 'SKIP',
        rules: [
          {
            name: 'asked-for',
            ruleTypeId: { category: 'Rule', owner: 'AWS', provider: 'VariableCheck', version: '1' },
            configuration: { Variable: variable, Operator: 'CONTAINS', Value: contains },
          },
        ],
      },
    ],
  };
}

function buildStage({ name, condition, project, build }: Stage): CfnPipeline.StageDeclarationProperty {
  return {
    name,
    beforeEntry: skipUnless(condition),
    actions: [
      {
        name,
        actionTypeId: { category: 'Build', owner: 'AWS', provider: 'CodeBuild', version: '1' },
        configuration: {
          ProjectName: project.name,
          EnvironmentVariables: build.environment_variables,
          ...(build.inputs.length > 1 ? { PrimarySource: build.inputs[0] } : {}),
        },
        inputArtifacts: build.inputs.map((input) => ({ name: input })),
        ...(build.output === null ? {} : { outputArtifacts: [{ name: build.output }] }),
        ...(build.namespace === null ? {} : { namespace: build.namespace }),
        runOrder: 1,
      },
    ],
  };
}

function environmentStage(pipeline: Pipeline, environment: Environment, shared: Shared): CfnPipeline.StageDeclarationProperty {
  const { gate } = environment;
  return {
    name: environment.stage,
    beforeEntry: skipUnless(environment.condition),
    actions: [
      {
        name: gate.action,
        actionTypeId: { category: 'Approval', owner: 'AWS', provider: 'Manual', version: '1' },
        configuration: { NotificationArn: shared.callbackTopicArn, CustomData: gate.says },
        timeoutInMinutes: gate.timeout_minutes,
        runOrder: 1,
      },
      ...deployActions(pipeline, environment, shared),
    ],
  };
}
