/** One project for each stage: its own machine, image, timeout and log. */
import { RemovalPolicy } from 'aws-cdk-lib';
import { CfnProject } from 'aws-cdk-lib/aws-codebuild';
import type { Role } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge.js';
import type { Project } from './model.js';

export const LOGS = '/aws/codebuild/';

export function makeProject(scope: Construct, id: string, project: Project, { key, role }: { key: IKey; role: Role }): CfnProject {
  const logs = new LogGroup(scope, `${id}-logs`, {
    logGroupName: LOGS + project.name,
    encryptionKey: key,
    retention: RetentionDays.THREE_MONTHS,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const { machine, buildspec } = project;
  const made = new CfnProject(scope, id, {
    name: project.name,
    serviceRole: role.roleArn,
    source: { type: 'CODEPIPELINE', buildSpec: 'path' in buildspec ? buildspec.path : buildspec.text },
    artifacts: { type: 'CODEPIPELINE' },
    environment: {
      type: machine.type,
      computeType: machine.compute,
      image: machine.image,
      imagePullCredentialsType: machine.image_pull,
      privilegedMode: project.privileged,
    },
    // Lambda ends a build by itself after 15 minutes, and takes no timeout.
    ...(machine.type.includes('LAMBDA') ? {} : { timeoutInMinutes: project.timeout_minutes }),
    encryptionKey: key.keyArn,
    logsConfig: { cloudWatchLogs: { status: 'ENABLED', groupName: logs.logGroupName } },
  });
  if (!machine.image.startsWith('aws/codebuild/')) {
    acknowledge(made, 'AwsSolutions-CB5', 'The rule file names this image for the stage.');
  }
  if (project.privileged) {
    acknowledge(made, 'AwsSolutions-CB3', 'The rule file says `privileged: true` for this stage: it builds containers.');
  }
  return made;
}
