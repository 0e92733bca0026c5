"""Definitions of pipelines: expressions become what they name, and what cannot run is refused with its reason."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from workflow.emulator.errors import ApiError
from workflow.emulator.pipelines.caching import earlier_result
from workflow.emulator.pipelines.definition import PlannedStep, read_definition, seconds_of
from workflow.emulator.pipelines.expressions import found, holds, references, resolved
from workflow.emulator.pipelines.steps import pause_before_retry, resource_name

OUTPUTS = [
    {"OutputName": "model", "S3Output": {"S3Uri": "s3://lab/model"}},
    {"OutputName": "report", "S3Output": {"S3Uri": "s3://lab/report"}},
]


class Known:
    """What a running pipeline knows."""

    def parameter(self, name: str) -> Any:
        return {"Epochs": 3, "Rate": 0.5, "Whole": 2.0, "Deep": True, "Place": "s3://lab"}[name]

    def variable(self, name: str) -> Any:
        return f"<{name}>"

    def properties(self, step: str) -> Any:
        return {
            "ProcessingOutputConfig": {"Outputs": OUTPUTS},
            "Environment": {"a.b": "dotted"},
            "FinalMetricDataList": [{"MetricName": "validation:mrr", "Value": 0.25}],
        }

    def property_file(self, step: str, name: str) -> bytes:
        return json.dumps({"found": {"parts": [{"uri": f"{step}/{name}"}]}}).encode()

    def read(self, uri: str) -> bytes:
        return b'{"x": 1}' if uri == "s3://lab/x.json" else b"no json"


def get(address: str) -> dict[str, str]:
    return {"Get": address}


def join(on: str, *values: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": on, "Values": list(values)}}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"a": [get("Parameters.Epochs"), {"b": 1}]}, {"a": [3, {"b": 1}]}),
        (
            join("/", get("Parameters.Place"), get("Execution.PipelineExecutionId"), 7),
            "s3://lab/<PipelineExecutionId>/7",
        ),
        # numbers and truth values as a request's text has them: 2.0 is 2
        (join(",", get("Parameters.Whole"), get("Parameters.Rate"), get("Parameters.Deep")), "2,0.5,true"),
        (get("Steps.Train.ProcessingOutputConfig.Outputs['report'].S3Output.S3Uri"), "s3://lab/report"),
        (get("Steps.Train.ProcessingOutputConfig.Outputs[0].OutputName"), "model"),
        (get("Steps.Train.FinalMetricDataList['validation:mrr'].Value"), 0.25),
        (get("Steps.Train.Environment['a.b']"), "dotted"),
        ({"Std:JsonGet": {"PropertyFile": get("Steps.Do.PropertyFiles.Out"), "Path": "found.parts[0].uri"}}, "Do/Out"),
        ({"Std:JsonGet": {"S3Uri": join("/", "s3:/", "lab", "x.json"), "Path": "$.x"}}, 1),
    ],
)
def test_an_expression_becomes_what_it_names(expression: Any, value: Any) -> None:
    assert resolved(expression, Known()) == value


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (get("Steps.Train.ModelArtifacts.S3ModelArtifacts"), "step 'Train' has no 'ModelArtifacts'"),
        (get("Steps.Train.ProcessingOutputConfig.Outputs['none']"), "has no"),
        (get("Nobody.Knows"), "none of Parameters"),
        ({"Std:JsonGet": {"S3Uri": "s3://lab/y.json", "Path": "x"}}, "no JSON"),
    ],
)
def test_an_expression_that_names_nothing_says_so(expression: Any, words: str) -> None:
    with pytest.raises(ApiError, match=words):
        resolved(expression, Known())


def test_a_path_that_cannot_be_read_is_refused_whole() -> None:
    with pytest.raises(ApiError, match="is no path"):
        found({"a": {"b": 1}}, "a..b", "it")


def compare(kind: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        (compare("Equals", get("Parameters.Epochs"), 3), True),
        (compare("Equals", get("Parameters.Deep"), 1), False),  # a truth value is no number
        (compare("GreaterThanOrEqualTo", get("Parameters.Rate"), 0.5), True),
        (compare("GreaterThan", get("Parameters.Rate"), 0.5), False),
        (compare("LessThan", 1, get("Parameters.Epochs")), True),
        (compare("LessThanOrEqualTo", 4, get("Parameters.Epochs")), False),
        ({"Type": "Not", "Condition": compare("Equals", 1, 2)}, True),
        ({"Type": "Or", "Conditions": [compare("Equals", 1, 2), compare("Equals", 2, 2)]}, True),
        ({"Type": "In", "QueryValue": get("Parameters.Place"), "Values": ["x", "s3://lab"]}, True),
        ({"Type": "In", "QueryValue": get("Parameters.Place"), "Values": ["x"]}, False),
    ],
)
def test_a_condition_holds_or_not(condition: dict[str, Any], outcome: bool) -> None:
    assert holds(condition, Known()) is outcome


def test_unlike_types_are_not_put_in_order() -> None:
    with pytest.raises(ApiError, match="not of one type"):
        holds(compare("LessThan", "1", 2), Known())


def test_all_addresses_of_a_definition_are_found() -> None:
    assert list(references({"a": [get("A.b"), join("", get("C.d"), "x")], "e": 1})) == ["A.b", "C.d"]


def definition(*steps: dict[str, Any], parameters: list[dict[str, Any]] | None = None) -> str:
    return json.dumps({"Version": "2020-12-01", "Parameters": parameters or [], "Steps": list(steps)})


def step(name: str, kind: str = "Model", after: list[str] | None = None, **arguments: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": arguments, **({"DependsOn": after} if after else {})}


def test_steps_wait_for_what_they_name_and_branches_for_their_condition() -> None:
    read = read_definition(
        definition(
            step("A"),
            step(
                "If", "Condition", Conditions=[compare("Equals", get("Steps.A.ModelName"), "m")], IfSteps=[step("Yes")]
            )
            | {"DependsOn": ["B"]},
            step("B", x=join("", get("Steps.A.ModelArn"))),
        )
    )
    told = {one.name: (set(one.after), one.branch) for one in read.steps}
    assert told == {
        "A": (set(), None),
        "If": ({"A", "B"}, None),
        "Yes": ({"If"}, ("If", True)),
        "B": ({"A"}, None),
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ('{"Version": "2019-01-01", "Steps": []}', "its Version must be"),
        (definition(), "has 0 steps"),
        (definition(step("A"), step("A")), "must be unique"),
        (definition(step("a b")), "is no name of a step"),
        (definition({**step("A"), "CacheConfig": {"Enabled": True, "ExpireAfter": "soon"}}), "'soon', which is no dur"),
        (definition(step("A", after=["B"])), "names a step 'B', which there is not"),
        (definition(step("A", x=get("Parameters.P"))), "gets 'Parameters.P', which there is not"),
        (definition(step("A", x=get("Execution.Nothing"))), "gets 'Execution.Nothing'"),
        (definition(step("A", after=["B"]), step("B", x=get("Steps.A.ModelName"))), "wait for each other: A, B"),
        (definition(step("A", after=["A"])), "wait for each other: A"),
        (definition(step("A"), step("B", x=get("Steps.A.PropertyFiles.F"))), "'A' has no such property file"),
        (
            definition(step("A"), parameters=[{"Name": "P", "Type": "Date"}]),
            "parameter 'P' must be of one of the types",
        ),
    ],
)
def test_a_definition_that_cannot_run_is_refused_with_its_reason(text: str, words: str) -> None:
    with pytest.raises(ApiError, match=words) as caught:
        read_definition(text)
    assert caught.value.code == "ValidationException"


def test_a_type_of_step_that_is_not_emulated_is_refused_by_name() -> None:
    with pytest.raises(ApiError, match="step 'A' is of type 'Lambda'") as caught:
        read_definition(definition(step("A", "Lambda")))
    assert caught.value.status == 501


PARAMETERS = [
    {"Name": "N", "Type": "Integer", "DefaultValue": 1},
    {"Name": "Kind", "Type": "String", "EnumValues": ["a", "b"]},
]


def test_parameters_have_their_types_and_defaults() -> None:
    read = read_definition(definition(step("A"), parameters=PARAMETERS))
    assert read.values({"Kind": "a"}) == {"N": 1, "Kind": "a"}
    assert read.values({"Kind": "b", "N": "7"}) == {"N": 7, "Kind": "b"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "'Kind' has no default value"),
        ({"Kind": "c"}, "must be one of"),
        ({"Kind": "a", "N": "x"}, "must be of type Integer"),
        ({"Kind": "a", "M": "1"}, "has no parameters M"),
    ],
)
def test_wrong_parameters_are_refused(given: dict[str, str], words: str) -> None:
    with pytest.raises(ApiError, match=words):
        read_definition(definition(step("A"), parameters=PARAMETERS)).values(given)


def test_jobs_get_names_of_their_own_and_within_their_limits() -> None:
    tuning = PlannedStep("A_very_long_name_of_a_step", "Tuning", {}, frozenset(), None)
    names = {resource_name(tuning, None, "abcdefghijkl") for _ in range(3)}
    assert len(names) == 3
    assert all(len(name) <= 32 and name.startswith("pipelines-abcdefghijk") and "_" not in name for name in names)
    endpoint = PlannedStep("Serve", "Endpoint", {}, frozenset(), None)
    assert resource_name(endpoint, "mine", "abcdefghijkl") == "mine"


def test_a_retry_policy_waits_longer_each_time_and_then_no_more() -> None:
    policy = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 2}
    planned = PlannedStep("T", "Training", {"RetryPolicies": [policy]}, frozenset(), None)
    reason = "CapacityError: none left"
    assert [pause_before_retry(planned, reason, tried) for tried in (1, 2, 3)] == [2.0, 6.0, None]
    assert pause_before_retry(planned, "AlgorithmError: exit code 1", 1) is None


def test_a_duration_is_read_in_its_units() -> None:
    # 1 day and 2 hours; 30 days; 90 seconds
    assert [seconds_of(text) for text in ("P1DT2H", "p30d", "PT1M30S")] == [93_600.0, 2_592_000.0, 90.0]
    assert [seconds_of(text) for text in ("", "P", "1 day", "PT")] == [None] * 4


def test_a_step_takes_the_newest_equal_result_that_is_not_too_old() -> None:
    def run(name: str, age_s: float, **state: Any) -> dict[str, Any]:
        ended = {"StepName": "A", "StepStatus": "Succeeded", "Signature": "s", "EndTime": time.time() - age_s}
        return {"PipelineExecutionArn": name, "Steps": [{**ended, **state}]}

    def found(config: dict[str, Any] | None, *runs: dict[str, Any]) -> str | None:
        document = {**step("A", "Processing"), **({} if config is None else {"CacheConfig": config})}
        (planned,) = read_definition(definition(document)).steps
        known = earlier_result(planned, "s", runs)
        return None if known is None else str(known[0]["PipelineExecutionArn"])

    hour = {"Enabled": True, "ExpireAfter": "PT1H"}
    assert found(hour, run("old", 60), run("new", 30)) == "new"
    assert found(hour, run("too-old", 3700)) is None
    assert found({"Enabled": True}, run("too-old", 3700)) == "too-old"
    for other in ({"StepStatus": "Failed"}, {"Signature": "t"}, {"StepName": "B"}, {"CacheHitResult": {}}):
        assert found(hour, run("other", 30, **other)) is None
    assert found({"Enabled": False}, run("new", 30)) is found(None, run("new", 30)) is None
