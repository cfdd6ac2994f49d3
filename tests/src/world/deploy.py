"""Deploys a CDK assembly to ministack: `deploy.py ENDPOINT ASSEMBLY VARIABLES`, VARIABLES being JSON for every function.

* Assets go into the bucket that `cdk bootstrap` would have made, as `cdk deploy` puts them there.
* What ministack's CloudFormation has no type for is left out, and named in the answer: pipelines are the wire's.

Prints `{"stacks": {name: {"status", "outputs", "resources": {logical id: physical id}, "left_out": [logical id]}}}`.
"""

import io
import json
import os
import sys
import zipfile

import botocore.session
from botocore.config import Config

ACCOUNT = "123456789012"
REGION = "eu-central-1"
# All that ministack's CloudFormation refuses of what the stacks have.
UNKNOWN = {"AWS::CodePipeline::Pipeline"}

endpoint, assembly, variables = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])


def client(service):
    session = botocore.session.Session()
    session.set_credentials("key", "secret")
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0})
    return session.create_client(service, REGION, endpoint_url=endpoint, config=config)


def filled(text):
    return text.replace("${AWS::AccountId}", ACCOUNT).replace("${AWS::Region}", REGION)


def packed(folder):
    """The folder as a zip file with the modes of its files: Lambda starts what may be executed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as into:
        for root, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                path = os.path.join(root, name)
                entry = zipfile.ZipInfo(os.path.relpath(path, folder))
                entry.external_attr = (os.stat(path).st_mode & 0xFFFF) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                with open(path, "rb") as file:
                    into.writestr(entry, file.read())
    return packed.getvalue()


def upload(s3, manifest):
    for asset in manifest["files"].values():
        source = os.path.join(assembly, asset["source"]["path"])
        if asset["source"]["packaging"] == "zip":
            body = packed(source)
        else:
            with open(source, "rb") as file:
                body = file.read()
        for destination in asset["destinations"].values():
            bucket, key = filled(destination["bucketName"]), destination["objectKey"]
            try:
                s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
            except (s3.exceptions.BucketAlreadyOwnedByYou, s3.exceptions.BucketAlreadyExists):
                pass
            s3.put_object(Bucket=bucket, Key=key, Body=body)


def deploy(cloudformation, name, template):
    resources = template["Resources"]
    left_out = sorted(key for key, resource in resources.items() if resource["Type"] in UNKNOWN)
    for key in left_out:
        del resources[key]
    for resource in resources.values():
        if resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"].setdefault("Environment", {}).setdefault("Variables", {}).update(variables)
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    made = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    called = {resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "") for resource in made}
    # ministack's CloudFormation passes over the expiry of a table; its DynamoDB does not.
    for key, resource in resources.items():
        if expiry := resource["Type"] == "AWS::DynamoDB::Table" and resource["Properties"].get("TimeToLiveSpecification"):
            dynamodb.update_time_to_live(TableName=called[key], TimeToLiveSpecification=expiry)
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return {
        "status": stack["StackStatus"],
        "outputs": {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])},
        "resources": called,
        "left_out": left_out,
    }


def read(name):
    with open(os.path.join(assembly, name), encoding="utf-8") as file:
        return json.load(file)


def order(artifacts):
    """The stacks' names, what others need first."""
    stacks = {key: it for key, it in artifacts.items() if it["type"] == "aws:cloudformation:stack"}
    done = []
    while len(done) < len(stacks):
        done += [key for key, it in stacks.items() if key not in done and set(it.get("dependencies", [])) & set(stacks) <= set(done)]
    return done


s3, cloudformation, dynamodb = client("s3"), client("cloudformation"), client("dynamodb")
artifacts = read("manifest.json")["artifacts"]
for artifact in artifacts.values():
    if artifact["type"] == "cdk:asset-manifest":
        upload(s3, read(artifact["properties"]["file"]))
stacks = {name: deploy(cloudformation, name, read(artifacts[name]["properties"]["templateFile"])) for name in order(artifacts)}
json.dump({"stacks": stacks}, sys.stdout)
