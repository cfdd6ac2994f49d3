/** Both stacks of a rule file, in process and without a bootstrap that was built. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { Template as Raw } from '../check/template.js';
import { build } from '../lib/build.js';
import { type Model, pointsmanBinary, synthModel } from '../lib/model.js';
import { FUNCTIONS, readSettings } from '../lib/settings.js';

export const HOUSE = join(import.meta.dirname, '..', '..', '..');
export const INFRA = join(HOUSE, 'infra');
export const POINTSMAN = pointsmanBinary(HOUSE);

const folder = mkdtempSync(join(tmpdir(), 'pointsman-infra-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** What stands in for the functions' code: the same bytes always. */
export function placeholders(): string {
  const lambdas = join(folder, 'lambda');
  for (const name of FUNCTIONS) {
    mkdirSync(join(lambdas, name), { recursive: true });
    writeFileSync(join(lambdas, name, 'bootstrap'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  }
  return lambdas;
}

/** A secret’s ARN, as a user would give it. */
export const secretArn = (name: string): string => `arn:aws:secretsmanager:eu-central-1:123456789012:secret:${name}-AbCdEf`;

export const CONTEXT = {
  githubWebhookSecret: secretArn('github-webhook'),
  githubToken: secretArn('github'),
  gitlabSigningToken: secretArn('gitlab-signing'),
  gitlabToken: secretArn('gitlab'),
};

/** A rule file of `test/fixtures`, as text. */
export const fixture = (name: string): string => join(INFRA, 'test', 'fixtures', name);

export function modelOf(rules: string): Model {
  return synthModel(POINTSMAN, rules, 'pointsman');
}

/** A rule file that stands only here. */
export function written(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

export interface Made {
  readonly router: Raw;
  readonly pipelines: Raw;
}

export function stacksOf(rules: string, context: Record<string, string> = {}): Made {
  const app = new App({
    outdir: mkdtempSync(join(folder, 'out-')),
    context: { ...CONTEXT, rules, pointsman: POINTSMAN, lambdas: placeholders(), '@aws-cdk/core:defaultCrossStackReferences': 'strong', ...context },
  });
  const { router, pipelines } = build(app, readSettings(app, HOUSE));
  return { router: Template.fromStack(router).toJSON() as Raw, pipelines: Template.fromStack(pipelines).toJSON() as Raw };
}
