/** What deploys to an environment, behind its gate. */
import type { CfnPipeline } from 'aws-cdk-lib/aws-codepipeline';
import type { Environment, Pipeline } from './model.js';
import type { Shared } from './pipelines.js';

type Action = CfnPipeline.ActionDeclarationProperty;
/** The gate is first. */
const FIRST = 2;
const CAPABILITIES = 'CAPABILITY_IAM,CAPABILITY_NAMED_IAM,CAPABILITY_AUTO_EXPAND';

export function deployActions(pipeline: Pipeline, { deploy, project }: Environment, { settings }: Shared): Action[] {
  if ('build' in deploy) {
    const { build } = deploy;
    return [
      action('deploy', 'Build', 'CodeBuild', FIRST, build.inputs, {
        ProjectName: (project ?? pipeline.deploy_project)?.name ?? '',
        EnvironmentVariables: build.environment_variables,
        ...(build.inputs.length > 1 ? { PrimarySource: build.inputs[0] ?? '' } : {}),
      }),
    ];
  }
  if ('ecs' in deploy) {
    const { input, cluster, service, file } = deploy.ecs;
    return [action('deploy', 'Deploy', 'ECS', FIRST, [input], { ClusterName: cluster, ServiceName: service, FileName: file })];
  }
  if ('codedeploy' in deploy) {
    const { input, application, group } = deploy.codedeploy;
    return [action('deploy', 'Deploy', 'CodeDeploy', FIRST, [input], { ApplicationName: application, DeploymentGroupName: group })];
  }
  const { input, stacks } = deploy.cloudformation;
  return stacks.flatMap(({ stack, template, prepare, execute }, at) => {
    const changes = { StackName: stack, ChangeSetName: `${settings.prefix}-${pipeline.name}` };
    const order = FIRST + 2 * at;
    return [
      action(prepare, 'Deploy', 'CloudFormation', order, [input], {
        ActionMode: 'CHANGE_SET_REPLACE',
        ...changes,
        TemplatePath: template,
        RoleArn: settings.cloudformationRole ?? '',
        Capabilities: CAPABILITIES,
      }),
      action(execute, 'Deploy', 'CloudFormation', order + 1, [], { ActionMode: 'CHANGE_SET_EXECUTE', ...changes }),
    ];
  });
}

function action(
  name: string,
  category: string,
  provider: string,
  runOrder: number,
  inputs: readonly string[],
  configuration: Readonly<Record<string, string>>,
): Action {
  return {
    name,
    actionTypeId: { category, owner: 'AWS', provider, version: '1' },
    configuration,
    ...(inputs.length === 0 ? {} : { inputArtifacts: inputs.map((input) => ({ name: input })) }),
    runOrder,
  };
}
