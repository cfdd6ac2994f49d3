/**
 * What each function may do: exactly the calls of AWS that its code makes.
 *
 * The calls are found in the Rust sources (`tools/calls.ts`, written to `calls.json`, and a test compares them), so a new call is
 * allowed by running `npm run calls`, and one that is gone is allowed no more. Here stands only which room of the code a function
 * runs, and on what each service's calls are made.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { FunctionName } from './settings.js';

/** Each service's calls by the room that makes them: `{"dynamodb": {"store/dynamodb": ["GetItem"]}}`. */
export type Calls = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

/** The rooms of `cicd/src` that make calls, and the functions that run them. A room is the longest of these that a path begins with. */
export const ROOMS: Readonly<Record<string, readonly FunctionName[]>> = {
  'store/dynamodb': ['webhook', 'dispatch', 'callback', 'sweep'],
  'engine/codepipeline': ['webhook', 'dispatch', 'callback', 'sweep'],
  rules_file: ['webhook', 'dispatch', 'callback', 'sweep'],
  vault: ['webhook', 'dispatch', 'callback', 'sweep'],
  // Only whoever takes a delivery tells the queue; the sweep decides by itself what no message led to.
  queue: ['webhook'],
  // Only whoever takes a message says when it comes again.
  'queue/again': ['dispatch'],
  // Messages over HTTPS are for a service of one's own.
  sns: [],
  notice: ['webhook', 'dispatch', 'callback', 'sweep'],
};

/** Calls that no function makes, and why they are in the code. */
export const NOT_HERE: Readonly<Record<string, string>> = {
  'dynamodb:CreateTable': 'the table is a resource of the stack; by code it is made for a service of one’s own, and in tests',
  'dynamodb:UpdateTimeToLive': 'as dynamodb:CreateTable',
  'sns:ConfirmSubscription': 'confirms the subscription of a service of one’s own; a function is subscribed by the stack',
};

/** The actions that a call needs, where they are not the one of its name. */
const ACTIONS: Readonly<Record<string, readonly string[]>> = {
  'dynamodb:TransactWriteItems': ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem', 'dynamodb:ConditionCheckItem'],
  'dynamodb:TransactGetItems': ['dynamodb:GetItem'],
  // Without the right to list, S3 says 403 of an object that is not there.
  's3:HeadObject': ['s3:GetObject', 's3:GetObjectVersion', 's3:ListBucket'],
  's3:GetObject': ['s3:GetObject', 's3:GetObjectVersion'],
  's3:HeadBucket': ['s3:ListBucket'],
  's3:ListObjectsV2': ['s3:ListBucket'],
  's3:CreateMultipartUpload': ['s3:PutObject'],
  's3:UploadPart': ['s3:PutObject'],
  's3:CompleteMultipartUpload': ['s3:PutObject'],
  's3:ListObjectVersions': ['s3:ListBucketVersions'],
};

/** Actions on a whole bucket; S3's others are on its objects. */
const OF_BUCKETS = new Set(['s3:ListBucket', 's3:ListBucketVersions', 's3:GetBucketVersioning', 's3:GetBucketLocation']);

/** Actions that AWS does not bind to a resource, with its own words for why. */
export const EVERYWHERE: Readonly<Record<string, string>> = {
  'codepipeline:ListPipelines': 'the service authorization reference names no resource for it',
  'codebuild:ListProjects': 'the service authorization reference names no resource for it',
};

/** What calls are made on. */
export interface Targets {
  readonly table: string;
  readonly queue: string;
  readonly notificationTopic: string;
  readonly pipelines: string;
  readonly projects: string;
  readonly sourceBucket: string;
  readonly sourceObjects: string;
  readonly rulesBucket: string;
  readonly rulesObject: string;
  readonly secrets: readonly string[];
}

export function readCalls(): Calls {
  const here = dirname(fileURLToPath(import.meta.url));
  return JSON.parse(readFileSync(join(here, '..', '..', 'calls.json'), 'utf8')) as Calls;
}

/** The actions that a call needs. */
export const actionsOf = (call: string): readonly string[] => ACTIONS[call] ?? [call];

/** The statements of one function. */
export function statements(calls: Calls, name: FunctionName, targets: Targets): PolicyStatement[] {
  const byResources = new Map<string, Set<string>>();
  for (const [service, rooms] of Object.entries(calls)) {
    for (const [room, operations] of Object.entries(rooms)) {
      const functions = ROOMS[room];
      if (functions === undefined) throw new Error(`lib/grants.ts does not know which functions run ${room}, which calls ${service}`);
      if (!functions.includes(name)) continue;
      for (const call of operations.map((operation) => `${service}:${operation}`)) {
        if (call in NOT_HERE) continue;
        for (const action of actionsOf(call)) {
          const resources = JSON.stringify(resourcesOf(action, room, targets));
          byResources.set(resources, (byResources.get(resources) ?? new Set()).add(action));
        }
      }
    }
  }
  return [...byResources]
    .map(([resources, actions]) => [JSON.parse(resources) as string[], [...actions].sort()] as const)
    .filter(([resources]) => resources.length > 0)
    .map(([resources, actions]) => new PolicyStatement({ actions, resources }));
}

function resourcesOf(action: string, room: string, targets: Targets): readonly string[] {
  if (action in EVERYWHERE) return ['*'];
  const service = action.split(':')[0];
  switch (service) {
    case 'dynamodb':
      // Only a query may go to the index.
      return action === 'dynamodb:Query' ? [targets.table, `${targets.table}/index/*`] : [targets.table];
    case 'sqs':
      return [targets.queue];
    case 'sns':
      return [targets.notificationTopic];
    case 'codepipeline':
      return [targets.pipelines];
    case 'codebuild':
      return [targets.projects];
    case 's3': {
      const ofRules = room === 'rules_file';
      if (OF_BUCKETS.has(action)) return [ofRules ? targets.rulesBucket : targets.sourceBucket];
      return [ofRules ? targets.rulesObject : targets.sourceObjects];
    }
    case 'secretsmanager':
    case 'ssm':
      return targets.secrets.filter((arn) => arn.split(':')[2] === service);
    default:
      throw new Error(`lib/grants.ts does not know what ${action} is done on`);
  }
}
