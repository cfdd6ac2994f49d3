/** The three roles of a pipeline: the pipeline's own, that of its builds, that of its deploys. */
import { Aws, Stack } from 'aws-cdk-lib';
import { Effect, ManagedPolicy, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { acknowledgeWildcards } from './acknowledge.js';
import type { Pipeline, Project } from './model.js';
import { SOURCE_PREFIX } from './names.js';
import type { Shared } from './pipelines.js';
import { LOGS } from './projects.js';

export interface Roles {
  readonly pipeline: Role;
  readonly build: Role;
  readonly deploy: Role;
}

/** An image of one's own: account, Region and repository. */
const ECR = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^:@]+)/;

export function makeRoles(scope: Construct, pipeline: Pipeline, shared: Shared): Roles {
  const id = pipeline.name;
  const build = buildRole(scope, `${id}-build-role`, pipeline.stages.map(({ project }) => project), shared, shared.settings.buildPolicies);
  const deploys = deployProjects(pipeline);
  const deploy = deploys.length === 0 ? build : buildRole(scope, `${id}-deploy-role`, deploys, shared, shared.settings.deployPolicies);
  return { pipeline: pipelineRole(scope, `${id}-role`, pipeline, shared), build, deploy };
}

/** What deploys by a buildspec, and what cleans up. */
const deployProjects = (pipeline: Pipeline): Project[] =>
  [pipeline.deploy_project, ...pipeline.environments.map(({ project }) => project)].filter((it) => it !== null);

const allow = (actions: string[], resources: string[], conditions?: Record<string, Record<string, string | string[]>>): PolicyStatement =>
  new PolicyStatement({ effect: Effect.ALLOW, actions, resources, ...(conditions === undefined ? {} : { conditions }) });

function pipelineRole(scope: Construct, id: string, pipeline: Pipeline, shared: Shared): Role {
  const stack = Stack.of(scope);
  const { source, artifacts, key } = shared;
  const projects = [...pipeline.stages.map(({ project }) => project), ...deployProjects(pipeline)];
  const statements = [
    allow(
      ['s3:GetObject', 's3:GetObjectVersion', 's3:GetObjectTagging', 's3:GetObjectVersionTagging'],
      [source.arnForObjects(`${SOURCE_PREFIX}*`)],
    ),
    allow(['s3:GetBucketVersioning', 's3:GetBucketAcl', 's3:GetBucketLocation'], [source.bucketArn]),
    allow(['s3:GetObject', 's3:GetObjectVersion', 's3:PutObject'], [artifacts.arnForObjects('*')]),
    allow(['kms:Decrypt', 'kms:GenerateDataKey'], [key.keyArn]),
    allow(
      ['codebuild:StartBuild', 'codebuild:BatchGetBuilds'],
      projects.map(({ name }) => stack.formatArn({ service: 'codebuild', resource: 'project', resourceName: name })),
    ),
    ...(pipeline.environments.length === 0 ? [] : [allow(['sns:Publish'], [shared.callbackTopicArn])]),
    ...deployStatements(stack, pipeline, shared),
  ];
  const role = new Role(scope, id, {
    assumedBy: new ServicePrincipal('codepipeline.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } } }),
    description: `What the pipeline ${pipeline.pipeline} may do`,
    inlinePolicies: { pipeline: new PolicyDocument({ statements }) },
  });
  acknowledgeWildcards(
    role,
    statements,
    'The wildcards are the objects of our own two buckets, and what ECS, CloudFormation and CodeDeploy bind to no name that is known before.',
  );
  return role;
}

/** As the user guide's page of each action asks. */
function deployStatements(stack: Stack, pipeline: Pipeline, { settings }: Shared): PolicyStatement[] {
  const statements: PolicyStatement[] = [];
  const arn = (service: string, resource: string): string => stack.formatArn({ service, resource });
  for (const { deploy } of pipeline.environments) {
    if ('ecs' in deploy) {
      const { cluster, service } = deploy.ecs;
      statements.push(
        allow(['ecs:DescribeServices', 'ecs:UpdateService'], [arn('ecs', `service/${cluster}/${service}`)]),
        allow(['ecs:DescribeTasks', 'ecs:ListTasks'], ['*'], { ArnEquals: { 'ecs:cluster': arn('ecs', `cluster/${cluster}`) } }),
        // Neither is bound to a resource that exists before the call.
        allow(['ecs:DescribeTaskDefinition', 'ecs:RegisterTaskDefinition', 'ecs:TagResource'], ['*']),
        allow(['iam:PassRole'], [stack.formatArn({ service: 'iam', region: '', resource: 'role', resourceName: '*' })], {
          StringEquals: { 'iam:PassedToService': ['ecs.amazonaws.com', 'ecs-tasks.amazonaws.com'] },
        }),
      );
    } else if ('cloudformation' in deploy) {
      const stacks = deploy.cloudformation.stacks.map((it) => arn('cloudformation', `stack/${it.stack}/*`));
      statements.push(
        allow(
          ['cloudformation:DescribeStacks', 'cloudformation:DescribeChangeSet', 'cloudformation:CreateChangeSet', 'cloudformation:DeleteChangeSet', 'cloudformation:ExecuteChangeSet'],
          stacks,
        ),
        allow(['iam:PassRole'], [settings.cloudformationRole ?? ''], { StringEquals: { 'iam:PassedToService': 'cloudformation.amazonaws.com' } }),
      );
    } else if ('codedeploy' in deploy) {
      const { application, group } = deploy.codedeploy;
      statements.push(
        allow(['codedeploy:CreateDeployment', 'codedeploy:GetDeployment', 'codedeploy:GetDeploymentGroup'], [arn('codedeploy', `deploymentgroup:${application}/${group}`)]),
        allow(['codedeploy:GetApplication', 'codedeploy:GetApplicationRevision', 'codedeploy:RegisterApplicationRevision'], [arn('codedeploy', `application:${application}`)]),
        allow(['codedeploy:GetDeploymentConfig'], [arn('codedeploy', 'deploymentconfig:*')]),
      );
    }
  }
  return statements;
}

function buildRole(scope: Construct, id: string, projects: readonly Project[], shared: Shared, policies: readonly string[]): Role {
  const stack = Stack.of(scope);
  const groups = projects.map(({ name }) => stack.formatArn({ service: 'logs', resource: `log-group:${LOGS}${name}:*` }));
  const own = projects.map(({ machine }) => ECR.exec(machine.image)).filter((found) => found !== null);
  const images = [...new Set(own.map(([, account, region, repository]) => `arn:${Aws.PARTITION}:ecr:${String(region)}:${String(account)}:repository/${String(repository)}`))];
  const statements = [
    allow(['logs:CreateLogStream', 'logs:PutLogEvents'], groups),
    // A build gets its input and leaves its output in the one bucket; the source was copied into it.
    allow(['s3:GetObject', 's3:GetObjectVersion', 's3:PutObject'], [shared.artifacts.arnForObjects('*')]),
    allow(['kms:Decrypt', 'kms:GenerateDataKey'], [shared.key.keyArn]),
    ...(images.length === 0
      ? []
      : [
          allow(['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'], images),
          allow(['ecr:GetAuthorizationToken'], ['*']),
        ]),
  ];
  const role = new Role(scope, id, {
    assumedBy: new ServicePrincipal('codebuild.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } } }),
    description: 'What builds may do',
    inlinePolicies: { builds: new PolicyDocument({ statements }) },
    managedPolicies: policies.map((arn, at) => ManagedPolicy.fromManagedPolicyArn(scope, `${id}-policy-${String(at)}`, arn)),
  });
  acknowledgeWildcards(role, statements, 'The wildcards are the streams of the builds’ own logs, the objects of our own bucket, and the token that ECR binds to no repository.');
  return role;
}
