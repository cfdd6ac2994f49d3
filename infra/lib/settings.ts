/** What is said when the stacks are synthesized: `npx cdk deploy -c name=value`. */
import { existsSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import type { App } from 'aws-cdk-lib';
import { type Model, pointsmanBinary, readModel, synthModel } from './model.js';

/** The Lambda functions, named as the doors of the crate `lambda`. */
export const FUNCTIONS = ['webhook', 'dispatch', 'callback', 'sweep'] as const;
export type FunctionName = (typeof FUNCTIONS)[number];

/** Secrets that Pointsman reads, by the variable that names each. */
export const SECRETS = {
  githubWebhookSecret: 'POINTSMAN_GITHUB_WEBHOOK_SECRET',
  githubToken: 'POINTSMAN_GITHUB_TOKEN',
  gitlabSigningToken: 'POINTSMAN_GITLAB_SIGNING_TOKEN',
  gitlabWebhookToken: 'POINTSMAN_GITLAB_WEBHOOK_TOKEN',
  gitlabToken: 'POINTSMAN_GITLAB_TOKEN',
  authTokens: 'POINTSMAN_AUTH_TOKENS',
} as const;
export type SecretName = keyof typeof SECRETS;

/** A secret that the functions fetch. */
export interface Secret {
  /** As their settings name it: `secretsmanager:ARN`, `secretsmanager:ARN:key`, `ssm:ARN`. */
  readonly reference: string;
  /** What they must be allowed to read. */
  readonly arn: string;
}

/** How long what is over is kept in the table, by the variable that says so. */
export const KEPT = {
  keepDeliveries: 'POINTSMAN_KEEP_DELIVERIES',
  keepRuns: 'POINTSMAN_KEEP_RUNS',
} as const;

/** Addresses of forges other than their public ones. */
export const ADDRESSES = {
  githubApiUrl: 'POINTSMAN_GITHUB_API_URL',
  gitlabUrl: 'POINTSMAN_GITLAB_URL',
} as const;

/** Who people are on forges and in commits: `dana=github:dana-d,dana=dana@example.org`. */
export const AUTH_PEOPLE = 'POINTSMAN_AUTH_PEOPLE';
/** One other name of a person: an account on a forge, or an e-mail address. The functions read it more strictly. */
const OTHER_NAME = /^\s*[^=\s][^=]*=\s*([^:@\s]+:\S+|[^:\s]+@[^:\s]+)\s*$/;

export interface Settings {
  readonly model: Model;
  readonly prefix: string;
  readonly architecture: 'arm64' | 'x86_64';
  /** The folder with `<function>/bootstrap`. */
  readonly lambdas: string;
  readonly secrets: Partial<Record<SecretName, Secret>>;
  /** ARNs of the keys that secrets are encrypted with, where they are not AWS's own. */
  readonly secretKeys: readonly string[];
  /** Variables for the functions as they are. */
  readonly variables: Readonly<Record<string, string>>;
  /** Who is told of alarms, an address of mail. */
  readonly alarmEmail: string | undefined;
  /** Managed policies that deploys need; what a buildspec does is not known here. */
  readonly deployPolicies: readonly string[];
  /** Managed policies that other builds need. */
  readonly buildPolicies: readonly string[];
  /** The role that CloudFormation takes for the stacks of `deploy: {cloudformation: ...}`. */
  readonly cloudformationRole: string | undefined;
}

/** A secret by its ARN, one key of a JSON secret by the key behind it; or a parameter by its ARN. */
function secretOf(text: string): Secret | undefined {
  const secret = /^(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[^:\s]+)(:[^:\s]+)?$/.exec(text);
  if (secret?.[1] !== undefined) return { reference: `secretsmanager:${text}`, arn: secret[1] };
  const isParameter = /^arn:aws[a-z-]*:ssm:[a-z0-9-]+:\d{12}:parameter\/[\w./-]+$/.test(text);
  return isParameter ? { reference: `ssm:${text}`, arn: text } : undefined;
}

/** Reads the settings from the app's context; every mistake at once. */
export function readSettings(app: App, house: string): Settings {
  const wrong: string[] = [];
  const text = (name: string): string | undefined => {
    const value: unknown = app.node.tryGetContext(name);
    if (value === undefined || value === '') return undefined;
    if (typeof value === 'string') return value;
    wrong.push(`${name} is text`);
    return undefined;
  };
  const path = (name: string, usual: string): string => {
    const given = text(name) ?? usual;
    return isAbsolute(given) ? given : resolve(given);
  };
  const list = (name: string): string[] => (text(name) ?? '').split(',').filter((item) => item !== '');

  const prefix = text('prefix') ?? 'pointsman';
  if (!/^[a-z0-9][a-z0-9-]{0,19}$/.test(prefix)) {
    wrong.push(`prefix ${prefix}: lower-case letters, digits and -, at most 20, for it goes into the names of buckets`);
  }
  const architecture = text('architecture') ?? 'arm64';
  if (architecture !== 'arm64' && architecture !== 'x86_64') wrong.push('architecture is arm64 or x86_64');

  const secrets: Partial<Record<SecretName, Secret>> = {};
  for (const name of Object.keys(SECRETS) as SecretName[]) {
    const given = text(name);
    if (given === undefined) continue;
    const secret = secretOf(given);
    if (secret === undefined) wrong.push(`${name} is the ARN of a secret or of a parameter, not the secret itself`);
    else secrets[name] = secret;
  }
  const secretKeys = list('secretKeys');
  if (secretKeys.some((arn) => !/^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/\S+$/.test(arn))) {
    wrong.push('secretKeys are ARNs of keys, comma-separated: arn:aws:kms:REGION:ACCOUNT:key/ID; an alias is none');
  }
  const variables: Record<string, string> = {};
  for (const [name, variable] of Object.entries(ADDRESSES)) {
    const url = text(name);
    if (url !== undefined && !URL.canParse(url)) wrong.push(`${name} is an address: https://...`);
    if (url !== undefined) variables[variable] = url;
  }

  for (const [name, variable] of Object.entries(KEPT)) {
    const kept = text(name);
    if (kept !== undefined && !/^[1-9]\d*[dh]$/.test(kept)) wrong.push(`${name} is days or hours: 90d, 12h`);
    if (kept !== undefined) variables[variable] = kept;
  }

  const people = text('authPeople');
  if (people?.split(',').some((name) => !OTHER_NAME.test(name)) === true) {
    wrong.push('authPeople is name=forge:login or name=e-mail, comma-separated: dana=github:dana-d,dana=dana@example.org');
  }
  if (people !== undefined) variables[AUTH_PEOPLE] = people;

  const lambdas = path('lambdas', join(house, 'target', architecture === 'arm64' ? 'lambda-arm64' : 'lambda'));
  const missing = FUNCTIONS.filter((name) => !existsSync(join(lambdas, name, 'bootstrap')));
  if (missing.length > 0) {
    wrong.push(`${lambdas} has no bootstrap of ${missing.join(', ')}; build them with: make lambda`);
  }
  const cloudformationRole = text('cloudformationRole');
  let model: Model | undefined;
  try {
    const printed = text('model');
    const rules = path('rules', join(house, 'pointsman.yaml'));
    model = printed === undefined ? synthModel(text('pointsman') ?? pointsmanBinary(house), rules, prefix) : readModel(printed);
    if (model.prefix !== prefix) wrong.push(`the model was made with the prefix ${model.prefix}, not ${prefix}`);
    const byStacks = model.pipelines.some((it) => it.environments.some(({ deploy }) => 'cloudformation' in deploy));
    if (byStacks && cloudformationRole === undefined) {
      wrong.push('the rule file deploys by CloudFormation: say with which role, -c cloudformationRole=ARN');
    }
  } catch (error) {
    wrong.push((error as Error).message);
  }
  if (wrong.length > 0 || model === undefined) throw new Error(wrong.join('\n'));
  return {
    model,
    prefix,
    architecture: architecture as 'arm64' | 'x86_64',
    lambdas,
    secrets,
    secretKeys,
    variables,
    alarmEmail: text('alarmEmail'),
    deployPolicies: list('deployPolicies'),
    buildPolicies: list('buildPolicies'),
    cloudformationRole,
  };
}
