"""ministack's server, taught two things that it does otherwise than AWS.

* Nobody but AWS may put events of `aws.*` on a bus. The wire is CodePipeline here, so it may: the rule that is deployed picks
  its events, and EventBridge hands them to the rule's target.
* SNS invokes a function as an event: what fails is invoked twice more, and then goes where the function's failures go.

Run it isolated (`python -I`): beside it lies a file that has ministack's own name.
"""

import json

from ministack import app
from ministack.services import eventbridge, lambda_svc, sns

put_events = eventbridge._put_events


def put_events_of_aws(data):
    return put_events(data, allow_aws_source=True)


def invoke(function_arn, envelope, topic, subscription, *_):
    function, config, name = lambda_svc._get_func_record_for_ref(function_arn)
    if not function:
        raise LookupError(f"the function {name} of the topic {topic} is not there")
    record = {"EventVersion": "1.0", "EventSubscriptionArn": subscription, "EventSource": "aws:sns", "Sns": json.loads(envelope)}
    lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, config), {"Records": [record]})


eventbridge._put_events = put_events_of_aws
sns._deliver_to_lambda = invoke
app.main()
