/**
 * Names that one stack makes and the other one uses. They are made of the prefix, the account and the Region, so neither stack waits
 * for the other one's outputs, but for the key.
 */
import { type Stack, Aws } from 'aws-cdk-lib';

/** The bucket with the commits' files; S3's names are unique in the whole world. */
export const sourceBucket = (prefix: string): string => `${prefix}-source-${Aws.ACCOUNT_ID}-${Aws.REGION}`;

/** The topic of what CodePipeline tells. */
export const callbackTopic = (prefix: string): string => `${prefix}-callback`;

/** Below this key are the commits' files. */
export const SOURCE_PREFIX = 'src/';

/** What the source action reads when nobody says what: nothing is there, so such an execution fails. */
export const NO_SOURCE = `${SOURCE_PREFIX}none.zip`;

export const topicArn = (stack: Stack, name: string): string => stack.formatArn({ service: 'sns', resource: name });
export const pipelineArn = (stack: Stack, name: string): string => stack.formatArn({ service: 'codepipeline', resource: name });
export const projectArn = (stack: Stack, name: string): string => stack.formatArn({ service: 'codebuild', resource: 'project', resourceName: name });
