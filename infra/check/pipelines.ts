/**
 * What cfn-lint does not see in a pipeline: it deploys, and then it fails or does the wrong thing.
 *
 * Facts: CodePipeline's action and rule structure references, and its limits.
 */
import { type Fields, type Finding, type Json, type Template, fields, list, ofType, text } from './template.js';

interface Kind {
  /** The keys that the action's configuration takes. */
  readonly keys: readonly string[];
  readonly needs: readonly string[];
  readonly inputs: readonly [number, number];
  readonly outputs: readonly [number, number];
}

const none: readonly [number, number] = [0, 0];
/** The providers that these pipelines use, by category. */
const KINDS: Readonly<Record<string, Kind>> = {
  'Source/S3': {
    keys: ['S3Bucket', 'S3ObjectKey', 'AllowOverrideForS3ObjectKey', 'PollForSourceChanges'],
    needs: ['S3Bucket', 'S3ObjectKey', 'AllowOverrideForS3ObjectKey', 'PollForSourceChanges'],
    inputs: none,
    outputs: [1, 1],
  },
  'Build/CodeBuild': {
    keys: ['ProjectName', 'PrimarySource', 'BatchEnabled', 'BuildspecOverride', 'CombineArtifacts', 'EnvironmentVariables'],
    needs: ['ProjectName'],
    inputs: [1, 5],
    outputs: [0, 5],
  },
  'Approval/Manual': {
    keys: ['NotificationArn', 'CustomData', 'ExternalEntityLink', 'IsSummaryRequired'],
    needs: [],
    inputs: none,
    outputs: none,
  },
  'Deploy/ECS': {
    keys: ['ClusterName', 'ServiceName', 'FileName', 'DeploymentTimeout'],
    needs: ['ClusterName', 'ServiceName'],
    inputs: [1, 1],
    outputs: none,
  },
  'Deploy/CloudFormation': {
    keys: ['ActionMode', 'StackName', 'ChangeSetName', 'TemplatePath', 'TemplateConfiguration', 'RoleArn', 'Capabilities', 'ParameterOverrides', 'OutputFileName'],
    needs: ['ActionMode', 'StackName'],
    inputs: [0, 10],
    outputs: [0, 1],
  },
  'Deploy/CodeDeploy': {
    keys: ['ApplicationName', 'DeploymentGroupName'],
    needs: ['ApplicationName', 'DeploymentGroupName'],
    inputs: [1, 1],
    outputs: none,
  },
};

/** The keys of the one rule that these pipelines use. */
const VARIABLE_CHECK = ['Variable', 'Operator', 'Value'];
const OPERATORS = ['EQ', 'NE', 'CONTAINS', 'MATCHES'];
const ENVIRONMENT_MAX = 1000;
const VALUE_MAX = 1000;
const STAGES_MAX = 50;

/** Everything that is wrong with the pipelines of a template. */
export function checkPipelines(template: Template): Finding[] {
  return ofType(template, 'AWS::CodePipeline::Pipeline').flatMap(([id, pipeline]) => checkPipeline(id, pipeline));
}

interface Seen {
  readonly variables: ReadonlySet<string>;
  /** Namespaces of actions that run before. */
  readonly namespaces: Set<string>;
  /** Artifacts that were made before. */
  readonly artifacts: Set<string>;
}

function checkPipeline(id: string, pipeline: Fields): Finding[] {
  const found: Finding[] = [];
  const v2 = text(pipeline['PipelineType']) === 'V2';
  const mode = text(pipeline['ExecutionMode']);
  if (!v2 && ['PARALLEL', 'QUEUED'].includes(mode)) found.push(`${id}: ${mode} needs a pipeline of type V2`);
  if (!v2 && list(pipeline['Variables']).length > 0) found.push(`${id}: variables need a pipeline of type V2`);
  if (mode !== 'PARALLEL') found.push(`${id}: runs of several branches need PARALLEL, not ${mode === '' ? 'SUPERSEDED' : mode}`);
  const stages = list(pipeline['Stages']).map(fields);
  if (stages.length < 2 || stages.length > STAGES_MAX) found.push(`${id}: ${String(stages.length)} stages`);
  const variables = new Set(list(pipeline['Variables']).map((variable) => text(fields(variable)['Name'])));
  const seen: Seen = { variables, namespaces: new Set(['variables', 'codepipeline']), artifacts: new Set() };
  for (const [at, stage] of stages.entries()) found.push(...checkStage(`${id}/${text(stage['Name'])}`, stage, at, seen));
  return found;
}

function checkStage(place: string, stage: Fields, at: number, seen: Seen): Finding[] {
  const found: Finding[] = [];
  const rules = list(fields(stage['BeforeEntry'])['Conditions']).flatMap((condition) => list(fields(condition)['Rules']));
  for (const rule of rules.map(fields)) {
    const where = `${place}/${text(rule['Name'])}`;
    const configuration = fields(rule['Configuration']);
    const provider = text(fields(rule['RuleTypeId'])['Provider']);
    if (provider !== 'VariableCheck') found.push(`${where}: there is no rule ${provider} that may skip a stage`);
    for (const key of Object.keys(configuration)) {
      if (!VARIABLE_CHECK.includes(key)) found.push(`${where}: VariableCheck has no key ${key}`);
    }
    if (!OPERATORS.includes(text(configuration['Operator']))) found.push(`${where}: there is no operator ${text(configuration['Operator'])}`);
    found.push(...checkReferences(where, configuration, seen, at === 0));
  }
  if (at === 0 && rules.length > 0) found.push(`${place}: the source has no condition`);
  const actions = list(stage['Actions']).map(fields);
  const order = (action: Fields): number => Number(action['RunOrder'] ?? 1);
  for (const action of [...actions].sort((a, b) => order(a) - order(b))) {
    found.push(...checkAction(`${place}/${text(action['Name'])}`, action, at, seen));
  }
  const gate = actions.find((action) => kindOf(action) === 'Approval/Manual');
  const deploys = actions.filter((action) => action !== gate);
  if (gate !== undefined && deploys.some((action) => order(action) <= order(gate))) {
    found.push(`${place}: something runs before its gate is open`);
  }
  // A gate is what keeps an environment; whatever a stage deploys to stands behind one.
  if (text(stage['Name']).startsWith('to-') && gate === undefined) found.push(`${place}: there is no gate`);
  return found;
}

function kindOf(action: Fields): string {
  const type = fields(action['ActionTypeId']);
  return `${text(type['Category'])}/${text(type['Provider'])}`;
}

function checkAction(place: string, action: Fields, at: number, seen: Seen): Finding[] {
  const type = fields(action['ActionTypeId']);
  const name = kindOf(action);
  const kind = KINDS[name];
  if (kind === undefined || text(type['Owner']) !== 'AWS' || text(type['Version']) !== '1') {
    return [`${place}: there is no action ${name} of ${text(type['Owner'])}, version ${text(type['Version'])}`];
  }
  const found: Finding[] = [];
  const configuration = fields(action['Configuration']);
  for (const key of Object.keys(configuration)) {
    if (!kind.keys.includes(key)) found.push(`${place}: ${name} has no key ${key}`);
  }
  for (const key of kind.needs) {
    if (!(key in configuration)) found.push(`${place}: ${name} needs ${key}`);
  }
  if ((text(type['Category']) === 'Source') !== (at === 0)) found.push(`${place}: sources stand in the first stage, and nothing else`);
  const artifacts = (key: string): string[] => list(action[key]).map((artifact) => text(fields(artifact)['Name']));
  const [inputs, outputs] = [artifacts('InputArtifacts'), artifacts('OutputArtifacts')];
  for (const [what, names, [least, most]] of [['inputs', inputs, kind.inputs], ['outputs', outputs, kind.outputs]] as const) {
    if (names.length < least || names.length > most) found.push(`${place}: ${String(names.length)} ${what}; ${name} takes ${String(least)} to ${String(most)}`);
  }
  for (const input of inputs) {
    if (!seen.artifacts.has(input)) found.push(`${place}: nothing before it makes the artifact ${input}`);
  }
  if (inputs.length > 1 && name === 'Build/CodeBuild' && !inputs.includes(text(configuration['PrimarySource']))) {
    found.push(`${place}: with several inputs PrimarySource names one of them`);
  }
  found.push(...checkReferences(place, configuration, seen, at === 0));
  found.push(...checkEnvironment(place, configuration['EnvironmentVariables']));
  for (const output of outputs) {
    if (seen.artifacts.has(output)) found.push(`${place}: the artifact ${output} is made twice`);
    seen.artifacts.add(output);
  }
  if ('Namespace' in action) seen.namespaces.add(text(action['Namespace']));
  return found;
}

/** Each `#{namespace.key}` is declared, and by an action that runs before. */
function checkReferences(place: string, configuration: Fields, seen: Seen, inSource: boolean): Finding[] {
  const found: Finding[] = [];
  for (const [key, value] of Object.entries(configuration)) {
    const written = text(value);
    if (key !== 'EnvironmentVariables' && written.length > VALUE_MAX) found.push(`${place}: ${key} has more than ${String(VALUE_MAX)} characters`);
    for (const [reference, namespace, name] of written.matchAll(/#\{([^.}]*)\.([^}]*)\}/g)) {
      if (inSource) found.push(`${place}: a source takes no variables, and ${key} names ${reference}`);
      if (!seen.namespaces.has(namespace ?? '')) found.push(`${place}: ${key} names ${reference}, and no action before it is called ${String(namespace)}`);
      if (namespace === 'variables' && !seen.variables.has(name ?? '')) found.push(`${place}: ${key} names ${reference}, which the pipeline does not declare`);
    }
  }
  return found;
}

function checkEnvironment(place: string, value: Json | undefined): Finding[] {
  if (value === undefined) return [];
  const written = text(value);
  const found: Finding[] = [];
  if (written.length > ENVIRONMENT_MAX) found.push(`${place}: EnvironmentVariables has ${String(written.length)} characters; ${String(ENVIRONMENT_MAX)} are taken`);
  try {
    const entries = JSON.parse(written) as readonly Fields[];
    for (const entry of entries) {
      const wrong = Object.keys(entry).filter((key) => !['name', 'value', 'type'].includes(key));
      if (wrong.length > 0 || typeof entry['name'] !== 'string' || typeof entry['value'] !== 'string') {
        found.push(`${place}: an entry of EnvironmentVariables is {name, value, type}: ${JSON.stringify(entry)}`);
      }
    }
  } catch {
    found.push(`${place}: EnvironmentVariables is no JSON`);
  }
  return found;
}
