/**
 * What cfn-lint does not see in a project of CodeBuild: compute, image and environment type that do not go together, and variables
 * that a shipped buildspec uses and nobody sets.
 *
 * Facts: CodeBuild's pages on compute types, on images, and on environment variables.
 */
import { type Fields, type Finding, type Template, fields, list, ofType, text } from './template.js';

const GENERAL = ['BUILD_GENERAL1_SMALL', 'BUILD_GENERAL1_MEDIUM', 'BUILD_GENERAL1_LARGE', 'BUILD_GENERAL1_XLARGE', 'BUILD_GENERAL1_2XLARGE'];
const LAMBDA = ['BUILD_LAMBDA_1GB', 'BUILD_LAMBDA_2GB', 'BUILD_LAMBDA_4GB', 'BUILD_LAMBDA_8GB', 'BUILD_LAMBDA_10GB'];

/** Compute types by environment type. */
const COMPUTE: Readonly<Record<string, readonly string[]>> = {
  LINUX_CONTAINER: GENERAL,
  ARM_CONTAINER: GENERAL,
  LINUX_GPU_CONTAINER: ['BUILD_GENERAL1_SMALL', 'BUILD_GENERAL1_LARGE'],
  LINUX_LAMBDA_CONTAINER: LAMBDA,
  ARM_LAMBDA_CONTAINER: LAMBDA,
};

export function checkProjects(template: Template): Finding[] {
  const projects = ofType(template, 'AWS::CodeBuild::Project').flatMap(([id, project]) => checkProject(id, project));
  return [...projects, ...checkActionsProjects(template)];
}

function checkProject(id: string, project: Fields): Finding[] {
  const found: Finding[] = [];
  const environment = fields(project['Environment']);
  const type = text(environment['Type']);
  const compute = text(environment['ComputeType']);
  const image = text(environment['Image']);
  const lambda = type.includes('LAMBDA');
  const sizes = COMPUTE[type];
  if (sizes === undefined) found.push(`${id}: there is no environment type ${type}`);
  else if (!sizes.includes(compute)) found.push(`${id}: ${type} has no compute type ${compute}`);
  const own = image.startsWith('aws/codebuild/');
  if (own) {
    const arm = image.includes('aarch64');
    if (arm !== type.startsWith('ARM')) found.push(`${id}: ${image} does not run on ${type}`);
    if (image.includes('-lambda-') !== lambda) found.push(`${id}: ${image} is ${lambda ? 'not ' : ''}made for Lambda, and ${type} is ${lambda ? '' : 'not '}Lambda`);
  }
  const pull = text(environment['ImagePullCredentialsType']);
  if (pull !== (own ? 'CODEBUILD' : 'SERVICE_ROLE')) found.push(`${id}: ${image} is not pulled by ${pull}`);
  if (lambda && environment['PrivilegedMode'] === true) found.push(`${id}: Lambda starts no containers`);
  if (lambda && 'TimeoutInMinutes' in project) found.push(`${id}: Lambda takes no timeout`);
  const minutes = Number(project['TimeoutInMinutes'] ?? 5);
  if (minutes < 5 || minutes > 2160) found.push(`${id}: a timeout is 5 to 2160 minutes`);
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{1,149}$/.test(text(project['Name']))) found.push(`${id}: ${text(project['Name'])} is no project’s name`);
  for (const side of ['Source', 'Artifacts']) {
    if (text(fields(project[side])['Type']) !== 'CODEPIPELINE') found.push(`${id}: ${side} are not the pipeline’s`);
  }
  return found;
}

/** Every CodeBuild action has its project in the template. */
function checkActionsProjects(template: Template): Finding[] {
  const names = new Set(ofType(template, 'AWS::CodeBuild::Project').map(([, project]) => text(project['Name'])));
  return codebuildActions(template)
    .filter(({ project }) => !names.has(project))
    .map(({ place, project }) => `${place}: there is no project ${project}`);
}

interface BuildAction {
  readonly place: string;
  readonly project: string;
  /** What a build is told by the action: its variables, and where its further inputs are. */
  readonly variables: readonly string[];
}

/** The names of an action’s `EnvironmentVariables`; what is no JSON has none, and is told elsewhere. */
function namesIn(written: string): string[] {
  try {
    return (JSON.parse(written) as readonly { name: string }[]).map(({ name }) => name);
  } catch {
    return [];
  }
}

export function codebuildActions(template: Template): BuildAction[] {
  return ofType(template, 'AWS::CodePipeline::Pipeline').flatMap(([id, pipeline]) =>
    list(pipeline['Stages'])
      .map(fields)
      .flatMap((stage) => list(stage['Actions']).map((action) => [stage, fields(action)] as const))
      .filter(([, action]) => text(fields(action['ActionTypeId'])['Provider']) === 'CodeBuild')
      .map(([stage, action]) => {
        const configuration = fields(action['Configuration']);
        const inputs = list(action['InputArtifacts']).map((input) => text(fields(input)['Name']));
        return {
          place: `${id}/${text(stage['Name'])}/${text(action['Name'])}`,
          project: text(configuration['ProjectName']),
          variables: [...namesIn(text(configuration['EnvironmentVariables'])), ...inputs.slice(1).map((input) => `CODEBUILD_SRC_DIR_${input}`)],
        };
      }),
  );
}

/** What CodeBuild sets itself, and what a shell has. */
const GIVEN = /^(CODEBUILD_(?!SRC_DIR_)[A-Z0-9_]+|AWS_(DEFAULT_REGION|REGION|ACCOUNT_ID|PARTITION|EXECUTION_ENV|CONTAINER_CREDENTIALS_RELATIVE_URI)|HOME|PATH|PWD|USER|HOSTNAME|SHELL|TERM|TMPDIR|LANG|IFS|RANDOM|OLDPWD|PPID|UID|OPTARG|OPTIND|REPLY|SECONDS|LINENO)$/;

/** A buildspec as `pointsman check --format json` tells it. */
export interface Buildspec {
  readonly env?: { readonly variables?: Readonly<Record<string, string>> };
  readonly phases: Readonly<Record<string, { readonly commands?: readonly string[]; readonly finally?: readonly string[] }>>;
}

/** Each `$NAME` of a buildspec's commands that nobody gives a value: not the buildspec, an action, CodeBuild, or a command before. */
export function undefinedVariables(spec: Buildspec, given: readonly string[]): string[] {
  const commands = Object.values(spec.phases).flatMap((phase) => [...(phase.commands ?? []), ...(phase.finally ?? [])]);
  const script = commands.join('\n').replace(/'[^']*'/g, (quoted) => (quoted.includes('\n') ? quoted : "''"));
  const known = new Set([...given, ...Object.keys(spec.env?.variables ?? {})]);
  for (const [, name] of script.matchAll(/(?:^|[\s;&|(`{])(?:export\s+|local\s+|readonly\s+)?([A-Za-z_][A-Za-z0-9_]*)=/gm)) known.add(name ?? '');
  for (const [, name] of script.matchAll(/\bfor\s+([A-Za-z_][A-Za-z0-9_]*)\s+in\b/g)) known.add(name ?? '');
  for (const [, names] of script.matchAll(/\bread\s+(?:-r\s+)?((?:[A-Za-z_][A-Za-z0-9_]*\s*)+)/g)) for (const name of (names ?? '').trim().split(/\s+/)) known.add(name);
  const used = [...script.matchAll(/(?<![\\$])\$(?:\{([A-Za-z_][A-Za-z0-9_]*)([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*))/g)];
  // `${NAME:-else}` says itself what is when nobody set it.
  const bare = used.filter(([, , rest]) => !/^:?[-+=?]/.test(rest ?? '')).map(([, braced, , plain]) => braced ?? plain ?? '');
  return [...new Set(bare)].filter((name) => !known.has(name) && !GIVEN.test(name)).sort();
}
