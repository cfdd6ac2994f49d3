/** The four functions: what they run, what they know, what they may do. */
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Architecture, Code, Function as Lambda, LoggingFormat, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { join } from 'node:path';
import { acknowledgeWildcards } from './acknowledge.js';
import { type Targets, readCalls, statements } from './grants.js';
import { FUNCTIONS, type FunctionName, type Settings } from './settings.js';

/** Seconds until a function is ended, and its memory in MiB. Memory buys CPU: the TLS of a cold start is what takes time. */
const SIZES: Readonly<Record<FunctionName, { readonly seconds: number; readonly memory: number }>> = {
  // A forge waits ten seconds for its answer.
  webhook: { seconds: 15, memory: 256 },
  // Packs a commit's archive and puts it into the source bucket.
  dispatch: { seconds: 600, memory: 512 },
  callback: { seconds: 60, memory: 256 },
  sweep: { seconds: 300, memory: 256 },
};

/**
 * How long the queue hides a message that `dispatch` works on: six times the function's time, as Lambda asks. One that failed is hidden
 * for less, by the function itself.
 */
export const HIDDEN = Duration.seconds(SIZES.dispatch.seconds * 6);

export interface FunctionProps {
  readonly settings: Settings;
  readonly key: IKey;
  readonly targets: Targets;
  readonly variables: Readonly<Record<string, string>>;
}

export function makeFunctions(scope: Construct, props: FunctionProps): Record<FunctionName, Lambda> {
  const made = FUNCTIONS.map((name) => [name, makeFunction(scope, name, props)] as const);
  return Object.fromEntries(made) as Record<FunctionName, Lambda>;
}

function makeFunction(scope: Construct, name: FunctionName, { settings, key, targets, variables }: FunctionProps): Lambda {
  const id = name.charAt(0).toUpperCase() + name.slice(1);
  const functionName = `${settings.prefix}-${name}`;
  const logGroup = new LogGroup(scope, `${id}Logs`, {
    logGroupName: `/aws/lambda/${functionName}`,
    encryptionKey: key,
    retention: RetentionDays.THREE_MONTHS,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const own = [
    ...statements(readCalls(), name, targets),
    new PolicyStatement({ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [key.keyArn] }),
    ...(settings.secretKeys.length > 0 ? [new PolicyStatement({ actions: ['kms:Decrypt'], resources: [...settings.secretKeys] })] : []),
    new PolicyStatement({ actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: [logGroup.logGroupArn] }),
  ];
  const role = new Role(scope, `${id}Role`, {
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    description: `What ${functionName} may do`,
    inlinePolicies: { calls: new PolicyDocument({ statements: own }) },
  });
  acknowledgeWildcards(
    role,
    own,
    'The wildcards are the prefix of our own pipelines and projects, the objects below src/ of our own bucket, the indexes of our own table and the streams of the function’s own log group.',
  );
  return new Lambda(scope, id, {
    functionName,
    description: `Pointsman: ${name}`,
    runtime: Runtime.PROVIDED_AL2023,
    architecture: settings.architecture === 'arm64' ? Architecture.ARM_64 : Architecture.X86_64,
    // One binary is behind all four; the handler says which door it opens.
    handler: name,
    code: Code.fromAsset(join(settings.lambdas, name)),
    timeout: Duration.seconds(SIZES[name].seconds),
    memorySize: SIZES[name].memory,
    role,
    logGroup,
    loggingFormat: LoggingFormat.JSON,
    tracing: Tracing.DISABLED,
    environment: { ...variables },
    environmentEncryption: key,
  });
}
