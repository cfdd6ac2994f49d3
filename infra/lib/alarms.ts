/** What a person must hear of. */
import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { Function as Lambda } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';

/** A delivery that waits longer than this has nobody who decides it. */
const OLDEST_SECONDS = 300;
const PERIOD = Duration.minutes(5);

export interface Watched {
  readonly functions: Readonly<Record<string, Lambda>>;
  readonly queue: Queue;
  readonly dead: Readonly<Record<string, Queue>>;
  readonly tell: ITopic;
}

export function makeAlarms(scope: Construct, { functions, queue, dead, tell }: Watched): void {
  const alarm = (id: string, says: string, metric: Metric, above: number): void => {
    const made = new Alarm(scope, id, {
      alarmDescription: says,
      metric,
      threshold: above,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    made.addAlarmAction(new SnsAction(tell));
  };
  for (const [name, letters] of Object.entries(dead)) {
    const metric = letters.metricApproximateNumberOfMessagesVisible({ period: PERIOD, statistic: 'Maximum' });
    alarm(`${name}HasLetters`, 'Messages that could not be handled: read them, mend, move them back', metric, 0);
  }
  alarm(
    'QueueIsOld',
    'Deliveries wait for their decision',
    queue.metricApproximateAgeOfOldestMessage({ period: PERIOD, statistic: 'Maximum' }),
    OLDEST_SECONDS,
  );
  for (const [name, lambda] of Object.entries(functions)) {
    const title = name.charAt(0).toUpperCase() + name.slice(1);
    alarm(`${title}Fails`, `${name} ends in errors; its log says why`, lambda.metricErrors({ period: PERIOD }), 0);
    alarm(`${title}IsThrottled`, `${name} is not given as many instances as it needs`, lambda.metricThrottles({ period: PERIOD }), 0);
  }
}
