/** What a deployment is made of. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkRights, statementsOf } from '../check/iam.js';
import { checkPipelines } from '../check/pipelines.js';
import { checkProjects } from '../check/projects.js';
import { type Fields, fields, list, ofType, text } from '../check/template.js';
import { FUNCTIONS } from '../lib/settings.js';
import { HOUSE, type Made, fixture, modelOf, stacksOf, written } from './world.js';

const seven = stacksOf(fixture('seven.yaml'), { cloudformationRole: 'arn:aws:iam::123456789012:role/deploys' });

test('seven environments and three branches are two pipelines and one artifact bucket', () => {
  const pipelines = ofType(seven.pipelines, 'AWS::CodePipeline::Pipeline').map(([, pipeline]) => pipeline);
  assert.deepEqual(pipelines.map((pipeline) => text(pipeline['Name'])), ['pointsman-infrastructure', 'pointsman-application']);
  const stores = new Set(pipelines.map((pipeline) => text(fields(pipeline['ArtifactStore'])['Location'])));
  assert.equal(stores.size, 1);
  // The source bucket is the other one.
  assert.equal(ofType(seven.pipelines, 'AWS::S3::Bucket').length, 2);
  for (const pipeline of pipelines) {
    assert.equal(pipeline['PipelineType'], 'V2');
    assert.equal(pipeline['ExecutionMode'], 'PARALLEL');
    const required = list(pipeline['Variables']).map(fields).filter((variable) => !('DefaultValue' in variable));
    assert.deepEqual(required.map((variable) => variable['Name']), ['RUN']);
  }
});

test('environments come in their order, each behind its gate, and are built for once', () => {
  const application = fields(ofType(seven.pipelines, 'AWS::CodePipeline::Pipeline')[1]?.[1]);
  const stages = list(application['Stages']).map(fields);
  assert.deepEqual(
    stages.map((stage) => stage['Name']),
    ['source', 'lint', 'test', 'image', 'to-dev', 'to-test', 'to-stage', 'to-perf', 'to-uat', 'to-prod-eu', 'to-prod-us'],
  );
  for (const stage of stages.slice(1)) {
    const [condition] = list(fields(stage['BeforeEntry'])['Conditions']).map(fields);
    assert.equal(condition?.['Result'], 'SKIP', text(stage['Name']));
  }
  for (const stage of stages.slice(4)) {
    const actions = list(stage['Actions']).map(fields);
    assert.deepEqual(actions.map((action) => [action['Name'], action['RunOrder']]), [['gate', 1], ['deploy', 2]]);
    assert.deepEqual(list(actions[1]?.['InputArtifacts']), [{ Name: 'image' }]);
  }
  const builders = stages.flatMap((stage) => list(stage['Actions']).map(fields)).filter((action) => text(fields(action['ActionTypeId'])['Provider']) === 'CodeBuild');
  assert.equal(builders.length, 3);
});

test('a stack is changed by a change set and its execution, one stack after the other', () => {
  const infrastructure = fields(ofType(seven.pipelines, 'AWS::CodePipeline::Pipeline')[0]?.[1]);
  const stage = fields(list(infrastructure['Stages']).map(fields).find((it) => it['Name'] === 'to-prod-eu'));
  const actions = list(stage['Actions']).map(fields).slice(1);
  const shown = actions.map((action) => {
    const configuration = fields(action['Configuration']);
    return [action['RunOrder'], action['Name'], configuration['ActionMode'], configuration['StackName'], configuration['TemplatePath']];
  });
  assert.deepEqual(shown, [
    [2, 'deploy-1-prepare', 'CHANGE_SET_REPLACE', 'network-prod-eu', 'synth::network-prod-eu.template.json'],
    [3, 'deploy-1', 'CHANGE_SET_EXECUTE', 'network-prod-eu', undefined],
    [4, 'deploy-2-prepare', 'CHANGE_SET_REPLACE', 'shop-prod-eu', 'synth::shop.json'],
    [5, 'deploy', 'CHANGE_SET_EXECUTE', 'shop-prod-eu', undefined],
  ]);
  assert.ok(actions.every((action) => fields(action['Configuration'])['ChangeSetName'] === 'pointsman-infrastructure'));
});

test('each stage has its own project, machine, image, timeout and log', () => {
  const projects = new Map(ofType(seven.pipelines, 'AWS::CodeBuild::Project').map(([, project]) => [text(project['Name']), project]));
  assert.deepEqual([...projects.keys()].sort(), [
    'pointsman-application-image',
    'pointsman-application-lint',
    'pointsman-application-test',
    'pointsman-infrastructure-synth',
  ]);
  const image = fields(projects.get('pointsman-application-image'));
  assert.equal(image['TimeoutInMinutes'], 30);
  assert.deepEqual(image['Environment'], {
    Type: 'ARM_CONTAINER',
    ComputeType: 'BUILD_GENERAL1_LARGE',
    Image: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/acme/builder:7',
    ImagePullCredentialsType: 'SERVICE_ROLE',
    PrivilegedMode: true,
  });
  const groups = ofType(seven.pipelines, 'AWS::Logs::LogGroup').map(([, group]) => text(group['LogGroupName']));
  assert.deepEqual(groups.sort(), [...projects.keys()].map((name) => `/aws/codebuild/${name}`).sort());
});

/** Ids of the resources that differ. */
function changed(before: object, after: object): string[] {
  const [old, now] = [before, after] as Record<string, unknown>[];
  const ids = new Set([...Object.keys(old ?? {}), ...Object.keys(now ?? {})]);
  return [...ids].filter((id) => JSON.stringify(old?.[id]) !== JSON.stringify(now?.[id]));
}

test('the pipeline of the infrastructure may deploy the stack that it stands in, before any other', () => {
  const readme = readFileSync(join(HOUSE, 'infra', 'README.md'), 'utf8');
  const rules = readme.split('```yaml\n').map((part) => part.split('```')[0] ?? '').find((part) => part.startsWith('version: 1'));
  assert.ok(rules !== undefined, 'README.md shows such a rule file');
  const context = { cloudformationRole: 'arn:aws:iam::123456789012:role/deploys' };
  const { pipelines } = stacksOf(written('self.yaml', rules), context);
  const made = ofType(pipelines, 'AWS::CodePipeline::Pipeline').map(([, it]) => it);
  assert.deepEqual(made.map((it) => text(it['Name'])), ['pointsman-infrastructure', 'pointsman-application'], 'the application’s stands in the same stack');
  const stages = list(made[0]?.['Stages']).map(fields);
  const first = stages.find((stage) => text(stage['Name']).startsWith('to-'));
  const actions = list(first?.['Actions']).map((it) => fields(fields(it)['Configuration']));
  assert.deepEqual(
    actions.map((it) => [it['ActionMode'], it['StackName'], it['TemplatePath']]),
    [
      [undefined, undefined, undefined],
      ['CHANGE_SET_REPLACE', 'pointsman-pipelines', 'synth::pointsman-pipelines.template.json'],
      ['CHANGE_SET_EXECUTE', 'pointsman-pipelines', undefined],
      ['CHANGE_SET_REPLACE', 'network-test', 'synth::network-test.template.json'],
      ['CHANGE_SET_EXECUTE', 'network-test', undefined],
    ],
  );
  const later = stages.filter((stage) => text(stage['Name']).startsWith('to-')).slice(1);
  assert.ok(!JSON.stringify(later).includes('pointsman-pipelines'), 'once is enough');
  assert.deepEqual([...checkPipelines(pipelines), ...checkProjects(pipelines), ...checkRights(pipelines)], []);
});

test('the pipeline of the application changes no stack and makes no role', () => {
  const actions = statementsOf(seven.pipelines)
    .filter(({ place }) => place.startsWith('application'))
    .flatMap((statement) => statement.actions);
  assert.ok(actions.includes('ecs:UpdateService'), 'its statements are found');
  assert.deepEqual(actions.filter((action) => action.startsWith('cloudformation:')), []);
  assert.deepEqual([...new Set(actions.filter((action) => action.startsWith('iam:')))], ['iam:PassRole']);
});

test('a cleanup is the last stage, behind its gate, and only there when it is asked for', () => {
  const spec = (command: string, more = ''): string => `{inline: "{version: '0.2', phases: {build: {commands: [${command}]}}${more}}"}`;
  const rules = (cleanup: boolean): string => `version: 1
repositories: [{github: a/b}]
pipelines:
  app:
    stages: [{name: build, buildspec: ${spec('make', ', artifacts: {files: [app]}')}}]
    deploy: {ecs: {cluster: "c-{environment}", service: web}}
environments:
  - {name: test}
${cleanup ? `  - {name: cleanup, approval: {by: ["user:dana"]}, cleanup: {buildspec: ${spec('make clean')}, timeout: 10m}}` : ''}
routes:
  - {name: main, branch: main, pipeline: app, to: [test${cleanup ? ', cleanup' : ''}]}
  - {name: rest, any: true, pipeline: none}
`;
  const stagesOf = (made: Made): Fields[] => list(fields(ofType(made.pipelines, 'AWS::CodePipeline::Pipeline')[0]?.[1])['Stages']).map(fields);
  const [without, made] = [false, true].map((cleanup) => stacksOf(written(`cleanup-${String(cleanup)}.yaml`, rules(cleanup)))) as [Made, Made];
  assert.equal(text(stagesOf(without).at(-1)?.['Name']), 'to-test');
  const last = stagesOf(made).at(-1);
  assert.equal(text(last?.['Name']), 'to-cleanup');
  const shown = list(last?.['Actions']).map(fields).map((it) => [it['Name'], text(fields(it['ActionTypeId'])['Provider']), it['RunOrder']]);
  assert.deepEqual(shown, [['gate', 'Manual', 1], ['deploy', 'CodeBuild', 2]]);
  const projects = ofType(made.pipelines, 'AWS::CodeBuild::Project').map(([, it]) => [text(it['Name']), it['TimeoutInMinutes']]);
  assert.deepEqual(projects, [['pointsman-app-build', 60], ['pointsman-app-to-cleanup', 10]]);
  const everything = (template: Made['pipelines']): string[] => [...checkPipelines(template), ...checkProjects(template), ...checkRights(template)];
  assert.deepEqual(everything(made.pipelines), []);
  // Without its gate it could start by itself: that is found.
  const open = JSON.stringify(made.pipelines).replace(/("Category":"Approval".*?"RunOrder":1.*?"Category":"Approval".*?"RunOrder":)1/, '$13');
  assert.ok(everything(JSON.parse(open) as Made['pipelines']).some((it) => it.includes('runs before its gate')));
});

test('another compute size is a change of one resource', () => {
  const rules = readFileSync(join(HOUSE, 'pointsman.yaml'), 'utf8').replaceAll('buildspecs/', '');
  const sizes = (size: string) => stacksOf(written('rules.yaml', rules.replace('compute: small..large', `compute: ${size}`)));
  const before = sizes('small..large');
  for (const size of ['medium..large', 'arm-small', 'lambda-2gb', '2xlarge']) {
    const after = sizes(size);
    assert.deepEqual(changed(before.router.Resources, after.router.Resources), [], size);
    const ids = changed(before.pipelines.Resources, after.pipelines.Resources);
    assert.deepEqual(ids.map((id) => after.pipelines.Resources[id]?.Type), ['AWS::CodeBuild::Project'], size);
  }
});

test('a rule file that AWS cannot take is told with every mistake', () => {
  const rules = `version: 1
repositories: [{github: a/b}]
pipelines: {app: {stages: [{name: source, buildspec: a.yml}, {name: b, buildspec: a.yml, compute: gpu-small}]}}
routes: [{name: rest, any: true, pipeline: none}]
`;
  assert.throws(() => modelOf(written('bad.yaml', rules)), /b: CodeBuild has no image[\s\S]*source: its stage on AWS/);
  assert.throws(() => modelOf(written('worse.yaml', 'version: 2')), /worse.yaml:1/);
});

test('what is missing is told before anything is made', () => {
  assert.throws(() => stacksOf(fixture('seven.yaml')), /cloudformationRole=ARN/);
  const wrong = { lambdas: '/nowhere', githubToken: 'ghp_secret', architecture: 'mips', prefix: 'Ü', keepRuns: 'long', secretKeys: 'alias/mine' };
  assert.throws(() => stacksOf(fixture('seven.yaml'), wrong), (error: Error) => {
    for (const word of ['no bootstrap of webhook', 'githubToken is the ARN', 'architecture is arm64', 'prefix Ü', 'keepRuns is days', 'secretKeys are ARNs']) assert.match(error.message, new RegExp(word));
    assert.doesNotMatch(error.message, /ghp_secret/);
    return true;
  });
});

test('the router is whole', () => {
  const { router } = seven;
  const functions = ofType(router, 'AWS::Lambda::Function').map(([, it]) => it);
  assert.deepEqual(functions.map((it) => text(it['FunctionName'])).sort(), FUNCTIONS.map((name) => `pointsman-${name}`).sort());
  for (const it of functions) {
    assert.equal(it['Runtime'], 'provided.al2023');
    assert.deepEqual(it['Architectures'], ['arm64']);
    const variables = fields(fields(it['Environment'])['Variables']);
    assert.equal(variables['POINTSMAN_ENGINE'], 'codepipeline');
    assert.match(text(variables['POINTSMAN_GITHUB_TOKEN']), /^secretsmanager:arn:/);
  }
  for (const [, queue] of ofType(router, 'AWS::SQS::Queue').filter(([, it]) => text(it['QueueName']).endsWith('.fifo'))) assert.equal(queue['FifoQueue'], true);
  const [mapping] = ofType(router, 'AWS::Lambda::EventSourceMapping');
  assert.deepEqual(mapping?.[1]['FunctionResponseTypes'], ['ReportBatchItemFailures']);
  assert.equal(ofType(router, 'AWS::CloudWatch::Alarm').length, 11);
  assert.equal(ofType(router, 'AWS::KMS::Key').length, 1);
  const intel = stacksOf(fixture('seven.yaml'), { cloudformationRole: 'arn:aws:iam::123456789012:role/deploys', architecture: 'x86_64' });
  assert.ok(ofType(intel.router, 'AWS::Lambda::Function').every(([, it]) => text(list(it['Architectures'])[0]) === 'x86_64'));
});

test('what is over is kept as long as the settings say', () => {
  const context = { cloudformationRole: 'arn:aws:iam::123456789012:role/deploys', keepDeliveries: '30d', keepRuns: '12h' };
  for (const [, it] of ofType(stacksOf(fixture('seven.yaml'), context).router, 'AWS::Lambda::Function')) {
    const variables = fields(fields(it['Environment'])['Variables']);
    assert.deepEqual([variables['POINTSMAN_KEEP_DELIVERIES'], variables['POINTSMAN_KEEP_RUNS']], ['30d', '12h']);
  }
});

test('functions know people’s other names', () => {
  const people = 'dana=github:dana-d,dana=dana@example.org, kim=work:kim';
  const context = { cloudformationRole: 'arn:aws:iam::123456789012:role/deploys', authPeople: people };
  for (const [, it] of ofType(stacksOf(fixture('seven.yaml'), context).router, 'AWS::Lambda::Function')) {
    assert.equal(fields(fields(it['Environment'])['Variables'])['POINTSMAN_AUTH_PEOPLE'], people);
  }
  for (const wrong of ['dana', 'dana=dana', 'dana=github:', '=github:dana', 'dana=github:dana,', 'dana=git hub:x']) {
    assert.throws(() => stacksOf(fixture('seven.yaml'), { ...context, authPeople: wrong }), /authPeople is name=/, wrong);
  }
});

test('the table is the one that the store checks for', () => {
  const schema = readFileSync(join(HOUSE, 'cicd', 'src', 'store', 'dynamodb', 'schema.rs'), 'utf8');
  const constant = (name: string): string => new RegExp(`const ${name}: &str = "([^"]+)"`).exec(schema)?.[1] ?? '';
  const keys = [...schema.matchAll(/keys\("(\w+)", "(\w+)"\)/g)].map(([, hash, range]) => [hash, range]);
  const table = fields(ofType(seven.router, 'AWS::DynamoDB::Table')[0]?.[1]);
  const names = (value: unknown): string[] => (value as { AttributeName: string }[]).map(({ AttributeName }) => AttributeName);
  const index = fields(list(table['GlobalSecondaryIndexes'])[0]);
  assert.deepEqual(keys.slice(0, 2).sort(), [names(index['KeySchema']), names(table['KeySchema'])].sort());
  assert.equal(index['IndexName'], constant('INDEX'));
  assert.deepEqual(index['Projection'], { ProjectionType: 'KEYS_ONLY' });
  assert.equal(fields(table['TimeToLiveSpecification'])['AttributeName'], constant('EXPIRES'));
});

test('everything at rest has the one key, and publishers may use it', () => {
  const key = fields(ofType(seven.router, 'AWS::KMS::Key')[0]?.[1]);
  assert.equal(key['EnableKeyRotation'], true);
  const policy = JSON.stringify(key['KeyPolicy']);
  for (const publisher of ['events', 'codestar-notifications', 'sns', 'cloudwatch']) assert.ok(policy.includes(`"${publisher}.amazonaws.com"`), publisher);
  const encrypted = {
    'AWS::SNS::Topic': 'KmsMasterKeyId',
    'AWS::SQS::Queue': 'KmsMasterKeyId',
    'AWS::Logs::LogGroup': 'KmsKeyId',
    'AWS::S3::Bucket': 'BucketEncryption',
    'AWS::CodeBuild::Project': 'EncryptionKey',
  };
  for (const template of [seven.router, seven.pipelines]) {
    for (const [type, property] of Object.entries(encrypted)) {
      for (const [id, properties] of ofType(template, type)) assert.match(JSON.stringify(properties[property] ?? ''), /Key/, id);
    }
  }
});

test('topics take messages of this account’s services only', () => {
  for (const [id, policy] of ofType(seven.router, 'AWS::SNS::TopicPolicy')) {
    const statements = list(fields(policy['PolicyDocument'])['Statement']).map(fields);
    const allowed = statements.filter((statement) => statement['Effect'] === 'Allow');
    assert.ok(allowed.length > 0, id);
    for (const statement of allowed) {
      assert.notEqual(statement['Principal'], '*', id);
      const bound = JSON.stringify(statement['Condition'] ?? {});
      const byRule = JSON.stringify(statement['Principal']).includes('events.amazonaws.com');
      assert.ok(bound.includes('aws:SourceAccount') || byRule, `${id}: ${JSON.stringify(statement)}`);
    }
  }
});
