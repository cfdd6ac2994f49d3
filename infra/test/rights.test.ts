/** Every call that the code makes is allowed to the functions that make it, and nothing more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statementsOf } from '../check/iam.js';
import { actionsOf, NOT_HERE, readCalls, ROOMS } from '../lib/grants.js';
import { FUNCTIONS } from '../lib/settings.js';
import { findCalls, inRust } from '../tools/calls.js';
import { CONTEXT, HOUSE, fixture, secretArn, stacksOf } from './world.js';

const { router } = stacksOf(fixture('seven.yaml'), { cloudformationRole: 'arn:aws:iam::123456789012:role/deploys' });
const calls = findCalls(HOUSE);

test('calls.json is what the code calls', () => {
  assert.deepEqual(readCalls(), calls, 'run `npm run calls` in infra/');
});

test('the scan finds what is called', () => {
  assert.equal(inRust('ListObjectsV2'), 'list_objects_v2');
  assert.equal(inRust('DescribeTimeToLive'), 'describe_time_to_live');
  const store = calls['dynamodb']?.['store/dynamodb'] ?? [];
  for (const operation of ['GetItem', 'Query', 'TransactWriteItems']) assert.ok(store.includes(operation), operation);
});

/** What a role needs besides the calls of the code. */
const BESIDES = ['kms:Decrypt', 'kms:GenerateDataKey', 'logs:CreateLogStream', 'logs:PutLogEvents'];
/** What the event source of `dispatch` and the dead-letter queues need, added by the CDK. */
const BY_SOURCE: Readonly<Record<string, readonly string[]>> = {
  callback: ['sqs:SendMessage'],
  dispatch: ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl', 'sqs:ReceiveMessage'],
};

for (const name of FUNCTIONS) {
  test(`${name} may do what it does`, () => {
    const title = name.charAt(0).toUpperCase() + name.slice(1);
    const granted = statementsOf(router)
      .filter(({ place }) => place.startsWith(`${title}Role`))
      .flatMap(({ actions }) => actions);
    const called = Object.entries(calls)
      .flatMap(([service, rooms]) => Object.entries(rooms).map(([room, operations]) => ({ service, room, operations })))
      .filter(({ room, service }) => ROOMS[room]?.includes(name) && service !== 'ssm')
      .flatMap(({ service, operations }) => operations.map((operation) => `${service}:${operation}`))
      .filter((call) => !(call in NOT_HERE))
      .flatMap(actionsOf);
    const expected = new Set([...called, ...BESIDES, ...(BY_SOURCE[name] ?? [])]);
    assert.deepEqual([...new Set(granted)].sort(), [...expected].sort());
  });
}

test('each secret may be read where it is, and with its key', () => {
  const token = 'arn:aws:ssm:eu-central-1:123456789012:parameter/pointsman/github-token';
  const key = 'arn:aws:kms:eu-central-1:123456789012:key/0d5c2f4e-0000-4000-8000-000000000000';
  const context = { githubToken: token, githubWebhookSecret: `${secretArn('hooks')}:webhookSecret`, secretKeys: key };
  const made = stacksOf(fixture('seven.yaml'), { cloudformationRole: 'arn:aws:iam::123456789012:role/deploys', ...context });
  for (const name of FUNCTIONS) {
    const title = name.charAt(0).toUpperCase() + name.slice(1);
    const own = statementsOf(made.router).filter(({ place }) => place.startsWith(`${title}Role`));
    const on = (action: string): string => JSON.stringify(own.filter(({ actions }) => actions.includes(action)).map(({ resources }) => resources));
    assert.equal(on('ssm:GetParameter'), JSON.stringify([[token]]), name);
    assert.equal(on('secretsmanager:GetSecretValue'), JSON.stringify([[secretArn('hooks'), CONTEXT.gitlabSigningToken, CONTEXT.gitlabToken]]), name);
    assert.ok(on('kms:Decrypt').includes(key), name);
  }
  const [, webhook] = Object.entries(made.router.Resources).find(([, it]) => it.Type === 'AWS::Lambda::Function') ?? [];
  const variables = JSON.stringify(webhook);
  assert.ok(variables.includes(`"ssm:${token}"`) && variables.includes(`"secretsmanager:${secretArn('hooks')}:webhookSecret"`));
});

test('what is said not to be called here is in the code', () => {
  const all = Object.entries(calls).flatMap(([service, rooms]) => Object.values(rooms).flatMap((operations) => operations.map((it) => `${service}:${it}`)));
  for (const call of Object.keys(NOT_HERE).filter((it) => it.startsWith('dynamodb'))) assert.ok(all.includes(call), call);
});
