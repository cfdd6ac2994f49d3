/**
 * What `pointsman synth --format json` prints (`cicd/src/synth/model.rs`). The rule file is read by Pointsman alone; here it is only
 * turned into resources.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface Model {
  readonly version: number;
  readonly rules: string;
  readonly prefix: string;
  readonly pipelines: readonly Pipeline[];
  readonly notes: readonly string[];
}

export interface Pipeline {
  readonly name: string;
  readonly pipeline: string;
  readonly variables: readonly { readonly name: string; readonly default: string | null }[];
  readonly stages: readonly Stage[];
  readonly deploy_project: Project | null;
  readonly environments: readonly Environment[];
}

export interface Condition {
  readonly variable: string;
  readonly contains: string;
}

export interface Stage {
  readonly name: string;
  readonly condition: Condition;
  readonly project: Project;
  readonly build: Build;
}

export interface Project {
  readonly name: string;
  readonly buildspec: { readonly path: string } | { readonly text: string };
  readonly machine: {
    readonly type: string;
    readonly compute: string;
    readonly largest: string;
    readonly image: string;
    readonly image_pull: string;
  };
  readonly privileged: boolean;
  readonly timeout_minutes: number;
}

export interface Build {
  readonly inputs: readonly string[];
  readonly output: string | null;
  readonly namespace: string | null;
  readonly environment_variables: string;
}

export interface Environment {
  readonly name: string;
  readonly stage: string;
  readonly condition: Condition;
  readonly gate: { readonly action: string; readonly says: string; readonly timeout_minutes: number };
  readonly deploy: Deploy;
  /** What its own cleanup is done by, in place of the pipeline’s deploy project. */
  readonly project: Project | null;
}

export interface Ecs {
  readonly input: string;
  readonly cluster: string;
  readonly service: string;
  readonly file: string;
}

export interface Stack {
  readonly stack: string;
  readonly template: string;
  readonly prepare: string;
  readonly execute: string;
}

export interface Codedeploy {
  readonly input: string;
  readonly application: string;
  readonly group: string;
}

export type Deploy =
  | { readonly build: Build }
  | { readonly ecs: Ecs }
  | { readonly cloudformation: { readonly input: string; readonly stacks: readonly Stack[] } }
  | { readonly codedeploy: Codedeploy };

/** The version of the shape above. */
const VERSION = 1;

/** Reads what `pointsman synth` printed into a file. */
export function readModel(path: string): Model {
  return checked(readFileSync(path, 'utf8'), path);
}

/** Asks `pointsman synth`. */
export function synthModel(pointsman: string, rules: string, prefix: string): Model {
  let printed: string;
  try {
    printed = execFileSync(pointsman, ['synth', '--format', 'json', '--rules', rules, '--prefix', prefix], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  } catch (error) {
    // Exit code 1 is a bad rule file, told on standard output.
    const told = (error as { stdout?: string }).stdout;
    throw new Error(told ? `${rules} cannot go to AWS:\n${mistakes(told)}` : `${pointsman} cannot be run: ${String(error)}`);
  }
  return checked(printed, 'pointsman synth');
}

/** The Pointsman that was built here last, or the one on the path. */
export function pointsmanBinary(house: string): string {
  const built = ['dist', 'release', 'debug'].map((profile) => join(house, 'target', profile, 'pointsman'));
  const newest = built.filter((path) => existsSync(path)).sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  return newest[0] ?? 'pointsman';
}

function mistakes(printed: string): string {
  interface Problem {
    readonly file?: string;
    readonly line?: number;
    readonly message: string;
  }
  const { problems } = JSON.parse(printed) as { problems: readonly Problem[] };
  return problems
    .map(({ file, line, message }) => (file === undefined ? message : `${file}:${String(line)}: ${message}`))
    .join('\n');
}

function checked(text: string, from: string): Model {
  const model = JSON.parse(text) as Model;
  if (model.version !== VERSION) {
    throw new Error(`${from} has version ${String(model.version)} of the model, and infra/ reads ${String(VERSION)}; build both from one commit`);
  }
  return model;
}
