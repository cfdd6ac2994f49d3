/** The stack that takes webhooks, decides, starts pipelines and tells the forge. */
import { Aws, CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { CfnStage, HttpApi, HttpMethod } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { AttributeType, BillingMode, ProjectionType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction, SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Key } from 'aws-cdk-lib/aws-kms';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription, LambdaSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge.js';
import { makeAlarms } from './alarms.js';
import { HIDDEN, makeFunctions } from './functions.js';
import { makeKey } from './key.js';
import { SOURCE_PREFIX, callbackTopic, pipelineArn, projectArn, sourceBucket } from './names.js';
import { SECRETS, type Secret, type SecretName, type Settings } from './settings.js';

/** A message that failed so often is put aside. */
const TRIES = 5;
/** How long dead letters are kept. */
const KEPT = Duration.days(14);
/** The rule file's key in its bucket. */
const RULES = 'pointsman.yaml';

export interface RouterProps extends StackProps {
  readonly settings: Settings;
}

export class RouterStack extends Stack {
  readonly key: Key;

  constructor(scope: Construct, id: string, { settings, ...props }: RouterProps) {
    super(scope, id, props);
    const { prefix } = settings;
    this.key = makeKey(this, prefix);

    const table = this.table(prefix);
    const rules = this.rules();
    const dead = this.queueOf('DeadDeliveries', `${prefix}-dead.fifo`, { fifo: true, retentionPeriod: KEPT });
    const queue = this.queueOf('Deliveries', `${prefix}-deliveries.fifo`, {
      fifo: true,
      visibilityTimeout: HIDDEN,
      deadLetterQueue: { queue: dead, maxReceiveCount: TRIES },
    });
    const lost = this.queueOf('LostEvents', `${prefix}-lost-events`, { retentionPeriod: KEPT });
    const callbacks = this.topic('Callbacks', callbackTopic(prefix), ['events', 'codepipeline']);
    const notifications = this.topic('Notifications', `${prefix}-notifications`, ['cloudwatch']);
    const api = this.api(prefix);

    const source = sourceBucket(prefix);
    const bucketArn = (bucket: string): string => this.formatArn({ service: 's3', region: '', account: '', resource: bucket });
    const functions = makeFunctions(this, {
      settings,
      key: this.key,
      targets: {
        table: table.tableArn,
        queue: queue.queueArn,
        notificationTopic: notifications.topicArn,
        pipelines: pipelineArn(this, `${prefix}-*`),
        projects: projectArn(this, `${prefix}-*`),
        sourceBucket: bucketArn(source),
        sourceObjects: bucketArn(`${source}/${SOURCE_PREFIX}*`),
        rulesBucket: rules.bucketArn,
        rulesObject: rules.arnForObjects(RULES),
        secrets: Object.values(settings.secrets).map(({ arn }) => arn),
      },
      variables: {
        POINTSMAN_RULES: `s3://${rules.bucketName}/${RULES}`,
        POINTSMAN_STORE: 'dynamodb',
        POINTSMAN_ENGINE: 'codepipeline',
        POINTSMAN_BASE_URL: api.apiEndpoint,
        POINTSMAN_AWS_PREFIX: prefix,
        POINTSMAN_AWS_TABLE: table.tableName,
        POINTSMAN_AWS_QUEUE_URL: queue.queueUrl,
        POINTSMAN_AWS_SOURCE_BUCKET: source,
        POINTSMAN_AWS_NOTIFICATION_TOPIC_ARN: notifications.topicArn,
        ...secretVariables(settings),
        ...settings.variables,
      },
    });

    const integration = new HttpLambdaIntegration('Webhook', functions.webhook);
    api.addRoutes({ path: '/{proxy+}', methods: [HttpMethod.ANY], integration });
    api.addRoutes({ path: '/', methods: [HttpMethod.ANY], integration });
    functions.dispatch.addEventSource(new SqsEventSource(queue, { batchSize: 1, reportBatchItemFailures: true }));
    // The topic's queue takes what SNS cannot hand to Lambda; what the function fails on three times is Lambda's to put aside.
    callbacks.addSubscription(new LambdaSubscription(functions.callback, { deadLetterQueue: lost }));
    // (The CDK's own destination would let it do more with the key than it needs.)
    functions.callback.addToRolePolicy(new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [lost.queueArn] }));
    functions.callback.configureAsyncInvoke({ onFailure: { bind: () => ({ destination: lost.queueArn }) }, retryAttempts: 2 });
    this.events(prefix, callbacks, lost);
    new Rule(this, 'Clock', {
      description: 'What was missed is found, what is late is ended',
      schedule: Schedule.rate(Duration.minutes(1)),
      targets: [new LambdaFunction(functions.sweep, { retryAttempts: 0, maxEventAge: Duration.minutes(1) })],
    });
    makeAlarms(this, { functions, queue, dead: { Dead: dead, Lost: lost }, tell: notifications });
    if (settings.alarmEmail !== undefined) notifications.addSubscription(new EmailSubscription(settings.alarmEmail));

    for (const role of [functions.dispatch]) {
      acknowledge(role, 'AwsSolutions-L1', 'provided.al2023 is the runtime of compiled functions, and the newest of them.');
    }
    new CfnOutput(this, 'Webhooks', { value: `${api.apiEndpoint}/webhooks/`, description: 'Forges send here: .../github, .../gitlab' });
    new CfnOutput(this, 'RulesFile', { value: `s3://${rules.bucketName}/${RULES}`, description: 'Where the rule file is put' });
    new CfnOutput(this, 'NotificationTopic', { value: notifications.topicArn, description: 'Decisions, gates and alarms' });
  }

  /** As `cicd/src/store/dynamodb/schema.rs` checks it. */
  private table(prefix: string): Table {
    const table = new Table(this, 'Table', {
      tableName: prefix,
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      timeToLiveAttribute: 'expires',
      billingMode: BillingMode.PAY_PER_REQUEST,
      encryption: TableEncryption.CUSTOMER_MANAGED,
      encryptionKey: this.key,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      removalPolicy: RemovalPolicy.RETAIN,
    });
    table.addGlobalSecondaryIndex({
      indexName: 'lists',
      partitionKey: { name: 'listed', type: AttributeType.STRING },
      sortKey: { name: 'place', type: AttributeType.STRING },
      projectionType: ProjectionType.KEYS_ONLY,
    });
    return table;
  }

  private rules(): Bucket {
    const bucket = new Bucket(this, 'Rules', {
      versioned: true,
      encryption: BucketEncryption.KMS,
      encryptionKey: this.key,
      bucketKeyEnabled: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    acknowledge(bucket, 'AwsSolutions-S1', 'One small object that four functions read; its versions say what was in force when.');
    return bucket;
  }

  private queueOf(id: string, queueName: string, props: object): Queue {
    const queue = new Queue(this, id, {
      queueName,
      encryption: QueueEncryption.KMS,
      encryptionMasterKey: this.key,
      enforceSSL: true,
      ...props,
    });
    if (id !== 'Deliveries') acknowledge(queue, 'AwsSolutions-SQS3', 'It is a dead-letter queue itself; an alarm tells of its letters.');
    return queue;
  }

  /** A topic that services of this account publish to. */
  private topic(id: string, topicName: string, publishers: readonly string[]): Topic {
    const topic = new Topic(this, id, { topicName, masterKey: this.key, enforceSSL: true, signatureVersion: '2' });
    topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'ServicesOfThisAccount',
        principals: publishers.map((name) => new ServicePrincipal(`${name}.amazonaws.com`)),
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
    );
    return topic;
  }

  private api(prefix: string): HttpApi {
    const api = new HttpApi(this, 'Api', { apiName: prefix, description: 'Webhooks, and the page' });
    const logs = new LogGroup(this, 'ApiLogs', {
      logGroupName: `/aws/apigateway/${prefix}`,
      encryptionKey: this.key,
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const stage = api.defaultStage?.node.defaultChild as CfnStage;
    // Neither query nor headers: what proves a delivery is in there.
    const format = ['requestId', 'requestTime', 'httpMethod', 'path', 'status', 'responseLatency', 'integrationErrorMessage'];
    stage.accessLogSettings = {
      destinationArn: logs.logGroupArn,
      format: JSON.stringify(Object.fromEntries(format.map((name) => [name, `$context.${name}`]))),
    };
    stage.defaultRouteSettings = { throttlingBurstLimit: 200, throttlingRateLimit: 100 };
    acknowledge(api, 'AwsSolutions-APIG4', 'A webhook proves itself by its signature, a person by a token: Pointsman checks both.');
    return api;
  }

  /** What CodePipeline tells of our own pipelines goes to the callback topic; what cannot, to a queue. */
  private events(prefix: string, topic: Topic, lost: Queue): void {
    const rule = new Rule(this, 'PipelineEvents', {
      description: 'Pipelines, stages and actions (gates among them) of ours that change',
      eventPattern: {
        source: ['aws.codepipeline'],
        account: [Aws.ACCOUNT_ID],
        detailType: [
          'CodePipeline Pipeline Execution State Change',
          'CodePipeline Stage Execution State Change',
          'CodePipeline Action Execution State Change',
        ],
        detail: { pipeline: [{ prefix: `${prefix}-` }] },
      },
    });
    rule.addTarget(new SnsTopic(topic, { deadLetterQueue: lost }));
  }
}

/** Functions are told where a secret is, never what it is. */
function secretVariables(settings: Settings): Record<string, string> {
  const given = Object.entries(settings.secrets) as [SecretName, Secret][];
  return Object.fromEntries(given.map(([name, { reference }]) => [SECRETS[name], reference]));
}
