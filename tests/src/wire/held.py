"""Every answer of the wire held against botocore's service models: no member that the model does not know, none missing that it
requires, every type and every enumeration as it says."""

import json
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

REGION = "eu-central-1"
# What any AWS service may answer, whatever its model says.
COMMON = {"AccessDeniedException", "SerializationException", "UnknownOperationException", "ValidationException"}
mistakes, seen = [], {}


def enumerations(shape, value, path):
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, member in shape.members.items():
            if name in value:
                yield from enumerations(member, value[name], f"{path}.{name}")
    elif shape.type_name == "list" and isinstance(value, list):
        for item in value:
            yield from enumerations(shape.member, item, path + "[]")
    elif shape.type_name == "map" and isinstance(value, dict):
        for key, item in value.items():
            yield from enumerations(shape.value, item, f"{path}.{key}")
    elif shape.type_name == "string" and shape.enum and value not in shape.enum:
        yield f"{path}: {value!r} is none of {shape.enum}"


def hold(operation_model, response_dict, **_):
    name = f"{operation_model.service_model.service_name}.{operation_model.name}"
    text = response_dict["body"]
    headers = response_dict["headers"]
    if "x-amzn-requestid" not in headers:
        mistakes.append(f"{name}: no x-amzn-RequestId")
    if response_dict["status_code"] >= 300:
        body = json.loads(text)
        known = {shape.name for shape in operation_model.error_shapes} | COMMON
        if body["__type"] not in known or headers.get("x-amzn-errortype") != body["__type"]:
            mistakes.append(f"{name}: {body['__type']} is no exception of it")
        return
    seen[name] = seen.get(name, 0) + 1
    shape = operation_model.output_shape
    if shape is None:
        if text:
            mistakes.append(f"{name}: an answer where there is none: {text!r}")
        return
    body = json.loads(text)
    # The models ask for one name at least; AWS's own examples show what every client reads, an empty list.
    held = {key: value for key, value in body.items() if not (key.endswith("NotFound") and value == [])}
    report = ParamValidator().validate(held, shape)
    if report.has_errors():
        mistakes.append(f"{name}: {report.generate_report()}")
    mistakes.extend(f"{name}: {wrong}" for wrong in enumerations(shape, body, ""))


def client(service, url, key="key"):
    config = Config(retries={"max_attempts": 1}, parameter_validation=True)
    made = boto3.client(
        service, endpoint_url=url, region_name=REGION, aws_access_key_id=key, aws_secret_access_key="secret", config=config
    )
    made.meta.events.register("before-parse.*.*", hold)
    return made


def refused(code, call, **given):
    try:
        call(**given)
    except ClientError as error:
        found = error.response["Error"]["Code"]
        assert found == code, f"{found} where {code} was expected: {error}"
        assert error.response["ResponseMetadata"]["RequestId"]
        return
    raise AssertionError(f"{code} was expected")


def until(what, look, patience=60):
    late = time.monotonic() + patience
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < late, f"{what} did not come"
        time.sleep(0.05)
