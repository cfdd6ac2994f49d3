/** Our own checks: they find nothing in what we make, and each finds what it is for. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkRights } from '../check/iam.js';
import { checkPipelines } from '../check/pipelines.js';
import { type Buildspec, checkProjects, codebuildActions, undefinedVariables } from '../check/projects.js';
import { type Finding, type Template, ofType } from '../check/template.js';
import { HOUSE, POINTSMAN, fixture, modelOf, stacksOf } from './world.js';

const seven = stacksOf(fixture('seven.yaml'), { cloudformationRole: 'arn:aws:iam::123456789012:role/deploys' });
const own = stacksOf(join(HOUSE, 'pointsman.yaml'));

test('nothing is wrong with what is made', () => {
  for (const made of [seven, own]) {
    assert.deepEqual(checkPipelines(made.pipelines), []);
    assert.deepEqual(checkProjects(made.pipelines), []);
    assert.deepEqual(checkRights(made.pipelines), []);
    assert.deepEqual(checkRights(made.router), []);
  }
});

/** A template with one thing changed. */
function mutated(template: Template, from: string | RegExp, to: string): Template {
  const before = JSON.stringify(template);
  const after = before.replace(from, to);
  assert.notEqual(after, before, `${String(from)} is not in the template`);
  return JSON.parse(after) as Template;
}

const everything = (template: Template): Finding[] => [...checkPipelines(template), ...checkProjects(template), ...checkRights(template)];

const MUTATIONS: readonly [string, string | RegExp, string, RegExp][] = [
  ['a provider that does not exist', '"Provider":"ECS"', '"Provider":"Ecs"', /there is no action Deploy\/Ecs/],
  ['a provider of another category', '"Category":"Build","Owner":"AWS","Provider":"CodeBuild"', '"Category":"Deploy","Owner":"AWS","Provider":"CodeBuild"', /no action Deploy\/CodeBuild/],
  ['a rule that does not exist', '"Provider":"VariableCheck"', '"Provider":"VariablesCheck"', /no rule VariablesCheck/],
  ['an operator that does not exist', '"Operator":"CONTAINS"', '"Operator":"HAS"', /no operator HAS/],
  ['a key that a rule does not have', '"Operator":"CONTAINS","Value"', '"Operator":"CONTAINS","Values"', /VariableCheck has no key Values/],
  ['a key that an action does not have', '"FileName"', '"Filename"', /Deploy\/ECS has no key Filename/],
  ['a key that is missing', '"ClusterName":"shop-dev",', '', /Deploy\/ECS needs ClusterName/],
  ['a source that polls', ',"PollForSourceChanges":"false"', '', /Source\/S3 needs PollForSourceChanges/],
  ['a variable that is not declared', '#{variables.STAGES}', '#{variables.STEPS}', /#\{variables.STEPS\}, which the pipeline does not declare/],
  ['a namespace of no action', '"Namespace":"test"', '"Namespace":"tests"', /#\{test.TESTS\}, and no action before it is called test/],
  ['parallel runs on V1', '"PipelineType":"V2"', '"PipelineType":"V1"', /PARALLEL needs a pipeline of type V2/],
  ['runs that supersede each other', '"ExecutionMode":"PARALLEL"', '"ExecutionMode":"SUPERSEDED"', /need PARALLEL, not SUPERSEDED/],
  ['an artifact that nothing makes', '"OutputArtifacts":[{"Name":"image"}]', '"OutputArtifacts":[{"Name":"images"}]', /nothing before it makes the artifact image/],
  ['too many inputs', '"InputArtifacts":[{"Name":"image"}]', '"InputArtifacts":[{"Name":"image"},{"Name":"source"}]', /2 inputs; Deploy\/ECS takes 1 to 1/],
  ['a deploy beside its gate', /"Name":"deploy","RunOrder":2/, '"Name":"deploy","RunOrder":1', /something runs before its gate is open/],
  ['an environment without a gate', /"Category":"Approval","Owner":"AWS","Provider":"Manual"/, '"Category":"Build","Owner":"AWS","Provider":"CodeBuild"', /there is no gate/],
  ['a compute type of another kind', '"ComputeType":"BUILD_LAMBDA_2GB"', '"ComputeType":"BUILD_GENERAL1_SMALL"', /LINUX_LAMBDA_CONTAINER has no compute type BUILD_GENERAL1_SMALL/],
  ['an image of another kind', 'amazonlinux-x86_64-standard', 'amazonlinux-aarch64-standard', /aarch64-standard:5.0 does not run on LINUX_CONTAINER/],
  ['an image that is not for Lambda', 'amazonlinux-x86_64-lambda-standard:nodejs22', 'amazonlinux-x86_64-standard:5.0', /is not made for Lambda/],
  ['an environment type that does not exist', '"Type":"ARM_CONTAINER"', '"Type":"ARM64_CONTAINER"', /no environment type ARM64_CONTAINER/],
  ['an image that nobody pulls', '"ImagePullCredentialsType":"SERVICE_ROLE"', '"ImagePullCredentialsType":"CODEBUILD"', /is not pulled by CODEBUILD/],
  ['a project that does not exist', '"ProjectName":"pointsman-application-image"', '"ProjectName":"pointsman-image"', /no project pointsman-image/],
  ['variables that are no JSON', '"EnvironmentVariables":"[', '"EnvironmentVariables":"', /EnvironmentVariables is no JSON/],
  ['variables that are too long', '#{variables.ACTOR}', `#{variables.ACTOR}${'x'.repeat(600)}`, /EnvironmentVariables has \d+ characters; 1000 are taken/],
  ['every action of a service', '"kms:Decrypt"', '"kms:*"', /kms:\* is more than a call/],
  ['a call on everything', /"Resource":"arn:[^"]*cloudformation[^"]*"|"Action":"sns:Publish","Effect":"Allow","Resource":(\{"Fn::Join":.*?\]\]\})/, '"Action":"sns:Publish","Effect":"Allow","Resource":"*"', /sns:Publish on everything/],
];

for (const [what, from, to, finding] of MUTATIONS) {
  test(`${what} is found`, () => {
    assert.match(everything(mutated(seven.pipelines, from, to)).join('\n'), finding);
  });
}

/** A buildspec as Pointsman reads it. */
function buildspec(path: string): Buildspec {
  const printed = execFileSync(POINTSMAN, ['check', path, '--format', 'json'], { encoding: 'utf8' });
  return (JSON.parse(printed) as { model: Buildspec }).model;
}

/** The shipped buildspecs that this repository does not use itself, and what a repository’s `variables` say for each. */
const FOR_OTHERS: Readonly<Record<string, readonly string[]>> = {
  'cleanup.yml': [],
  'image-build.yml': ['REPOSITORY_URI', 'CONTAINER_NAME'],
  'python-test.yml': [],
  'quality-gate.yml': ['SONAR_TOKEN'],
};

test('every variable of a shipped buildspec has a value', () => {
  const files = readdirSync(join(HOUSE, 'buildspecs')).filter((name) => name.endsWith('.yml'));
  assert.ok(files.length > 5);
  const actions = codebuildActions(own.pipelines);
  const projects = new Map(ofType(own.pipelines, 'AWS::CodeBuild::Project').map(([, it]) => [(it['Source'] as { BuildSpec: string }).BuildSpec, it['Name'] as string]));
  let checked = 0;
  for (const file of files) {
    const project = projects.get(`buildspecs/${file}`);
    for (const { place, variables } of actions.filter((action) => action.project === project)) {
      assert.deepEqual(undefinedVariables(buildspec(join(HOUSE, 'buildspecs', file)), variables), [], `${file} at ${place}`);
      checked += 1;
    }
  }
  const used = files.filter((file) => !(file in FOR_OTHERS));
  assert.ok(checked >= used.length, 'the rule file of this repository uses its buildspecs');
  const given = actions.find(({ project }) => project === projects.get('buildspecs/lint.yml'))?.variables ?? [];
  for (const [file, said] of Object.entries(FOR_OTHERS)) {
    const path = join(HOUSE, 'buildspecs', file);
    assert.deepEqual(undefinedVariables(buildspec(path), [...given, ...said]), [], file);
    const head = readFileSync(path, 'utf8').split('version:')[0] ?? '';
    for (const name of said) assert.ok(head.includes(name), `${file} says at its head what ${name} is`);
  }
  // Every buildspec that the projects name is here.
  for (const model of modelOf(join(HOUSE, 'pointsman.yaml')).notes) assert.doesNotMatch(model, /is not here/);
});

test('a variable without a value is found, and one with a value is not', () => {
  const spec = (command: string): Buildspec => ({ phases: { build: { commands: [command] } } });
  const found = (command: string): string[] => undefinedVariables(spec(command), ['IMAGE']);
  assert.deepEqual(found('docker push $REGISTRY/${IMAGE}:$POINTSMAN_COMIT'), ['POINTSMAN_COMIT', 'REGISTRY']);
  assert.deepEqual(found('cp $CODEBUILD_SRC_DIR_build/x .'), ['CODEBUILD_SRC_DIR_build']);
  assert.deepEqual(found('A=1; echo $A ${B:-none} $CODEBUILD_SRC_DIR $HOME \\$C \'$D\' $? $1'), []);
  assert.deepEqual(found('for file in *; do echo "$file$FILES"; done'), ['FILES']);
  assert.deepEqual(undefinedVariables({ env: { variables: { C: 'x' } }, ...spec('echo $C') }, []), []);
});
