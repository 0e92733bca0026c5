"""Whatever a request says without effect is named in a sentence, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.export.conftest import Exporter
from workflow.errors import WorkflowError
from workflow.export import parse_request
from workflow.export.parameters import KNOWN, WITHOUT_EFFECT
from workflow.export.unread import MEMBERS_OF_BODY


def said(ml: Any = None, **body: Any) -> tuple[str, ...]:
    request: dict[str, Any] = {"outputS3Path": "s3://b/x", **body}
    if ml is not None:
        request["additionalParams"] = {"neptune_ml": ml, **request.get("additionalParams", {})}
    return parse_request(request).ignored


USER = {"node": "User", "property": "age"}
EDGE = {"edge": ["User", "KNOWS", "User"]}


def test_a_request_of_which_all_counts_says_nothing() -> None:
    ml = {
        "version": "v2.0",
        "targets": [
            {**USER, "type": "classification", "split_rate": [0.8, 0.1, 0.1], "separator": ";"},
            {**EDGE, "type": "link_prediction"},
        ],
        "features": [
            {**USER, "property": "a", "type": "numerical", "norm": "standard", "imputation": "mean", "separator": ";"},
            {**USER, "property": "b", "type": "bucket_numerical", "range": [0, 9], "num_buckets": 3, "imputer": "mean"},
            {**USER, "property": "c", "type": "auto", "separator": ";", "imputer": "mean"},
            {"node": "User", "properties": ["d", "e"], "type": "category", "separator": "|"},
            {**EDGE, "property": "at", "type": "datetime", "datetime_parts": ["year"]},
            {**USER, "property": "f", "type": "word2vec", "language": "en_core_web_lg"},
        ],
    }
    assert said(ml, params={"profile": "neptune_ml", "concurrency": 2, "useIamAuth": False, "cloneCluster": ""}) == ()


@pytest.mark.parametrize(
    ("ml", "sentence"),
    [
        ({"target": []}, "neptune_ml: 'target' is not known and was ignored; did you mean 'targets'?"),
        ({"targets": [{**EDGE, "type": "link_prediction", "property": "x"}]}, "'property' had no effect; links are"),
        ({"targets": [{**USER, "type": "regression", "separator": ";"}]}, "'separator' had no effect; only a class"),
        (
            {"targets": [{**USER, "type": "regression", "split": [1, 0, 0]}]},
            "target User: 'split' is not known and was ignored; did you mean 'split_rate'?",
        ),
        (
            {"features": [{**USER, "type": "category", "norm": "standard"}]},
            "category feature User.age: 'norm' had no effect on this type; it has 'separator'",
        ),
        (
            {"features": [{**USER, "type": "text_sbert", "imputer": "mean"}]},
            "had no effect on this type; it has no opt",
        ),
        (
            {"features": [{**USER, "type": "auto", "norm": "standard"}]},
            "'norm' had no effect on this type",
        ),
        ({"features": [{**USER, "type": "none", "separatr": ";"}]}, "did you mean 'separator'?"),
        ({"features": [{**USER, "type": "none", "properties": ["x"]}]}, "'properties' beside 'property' had no effect"),
        ({"features": [{**USER, "type": "none"}, {**USER, "type": "auto"}]}, "User.age is described twice"),
        (
            {"targets": [{**USER, "type": "regression"}, {**USER, "type": "regression", "split_rate": [1, 0, 0]}]},
            "target User.age is named 2 times; the first counts",
        ),
        ({"features": [{**EDGE, "property": "w", "type": "auto", "imputer": "mean"}]}, "on edges 'auto' is what"),
        (
            {"feature_encoding": "none", "features": [{**USER, "type": "text_sbert"}]},
            "text_sbert feature User.age had no effect, for feature_encoding 'none'",
        ),
        (
            {"disableEdgeFeatures": True, "features": [{**EDGE, "property": "w", "type": "category"}]},
            "had no effect, for 'disableEdgeFeatures'",
        ),
        ({"feature_encoding": "automatic"}, "feature_encoding 'automatic' is not known and was ignored"),
        ({"jobs": [{"name": "a"}], "targets": []}, "neptune_ml: 'targets' beside 'jobs' had no effect"),
        ({"jobs": [{"disableEdgeFeatures": True}]}, "job 1: 'disableEdgeFeatures' is not known and was ignored"),
    ],
)
def test_what_a_training_request_says_without_effect_is_named(ml: Any, sentence: str) -> None:
    sentences = said(ml)
    assert len(sentences) == 1
    assert sentence in sentences[0]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            {"outputS3path": "s3://c/y"},
            "'outputS3path' is not known and was ignored; did you mean 'outputS3Path'?",
        ),
        ({"s3Region": "eu-west-1"}, "'s3Region' had no effect: that is for Neptune's exporter on AWS alone"),
        ({"params": {"useIamAuth": True, "cloneCluster": True}}, "params: 'cloneCluster', 'useIamAuth' had no effect"),
        ({"params": {"profile": "neptune_ml", "exportId": "e1"}}, "'exportId' had no effect: the profile neptune_ml"),
        ({"params": {"profile": "neptune_ml", "multiValueSeparator": "|"}}, "'multiValueSeparator' had no effect"),
        ({"additionalParams": {"neptune_mk": {}}}, "additionalParams: 'neptune_mk' is not known and was ignored"),
    ],
)
def test_what_the_rest_of_a_request_says_without_effect_is_named(body: Any, sentence: str) -> None:
    sentences = said(**body)
    assert len(sentences) == 1
    assert sentence in sentences[0]


def test_a_feature_of_a_label_that_is_not_there_is_named_with_the_nearest_one(export: Exporter) -> None:
    nodes = [export.node("1", "User", age=1), export.node("2", "Users;Admin", age=1)]
    knows = {"property": "w", "type": "category"}
    ml = {
        "features": [
            {"node": "Usr", "property": "age", "type": "numerical"},
            {"edge": ["User", "KNOWS", "User"], **knows},
        ]
    }
    out = export(nodes, [], ml=ml)
    assert out.configuration["warnings"] == [
        "Unable to add numerical feature override (Label: Usr, Property: age). The export has no node of that label; "
        "did you mean User?",
        "Unable to add category feature override (Label: [User, KNOWS, User], Property: w). The export has no edge of "
        "that label; there are no edges",
    ]
    assert list(out.outcome.warnings) == out.configuration["warnings"]


# every member of a request, with a value that differs from what it is without
VALUES: dict[str, Any] = {
    "command": "export-pg-from-config", "params": {"limit": 3}, "outputS3Path": "s3://b/y", "jobSize": "huge",
    "jobsize": "huge", "createExportSubdirectory": False, "overwriteExisting": True, "configFileS3Path": "s3://b/c.json",
    "queriesFileS3Path": "s3://b/q.json", "completionFileS3Path": "s3://b/done.json",
    "completionFilePayload": {"a": 1}, "additionalParams": {"neptune_ml": {}},
}  # fmt: skip
VALUES_OF_PARAMS: dict[str, Any] = {
    "endpoint": "h", "endpoints": ["h"], "clusterId": "h", "profile": "neptune_ml", "concurrency": 7, "graph": "other",
    "exportId": "e1", "tag": "t", "scope": "nodes", "nodeLabels": ["A"], "edgeLabels": ["B"], "filter": {"nodes": []},
    "config": {"nodes": []}, "filterConfigFile": "s3://b/c.json", "configFile": "s3://b/c.json",
    "gremlinFilter": "has('a')", "gremlinNodeFilter": "has('a')", "gremlinEdgeFilter": "has('a')", "limit": 5,
    "skip": 3, "format": "csvNoHeaders", "edgeLabelStrategy": "edgeAndVertexLabels", "multiValueSeparator": "|",
    "tokensOnly": "nodes",
}  # fmt: skip
FLAGS_OF_PARAMS = ("includeLastEventId", "excludeTypeDefinitions", "escapeCsvHeaders", "escapeNewline", "mergeFiles")


def outcome(body: dict[str, Any]) -> object:
    """The request as it was read, or that it is refused."""
    try:
        return parse_request({"outputS3Path": "s3://b/x", **body})
    except WorkflowError as error:
        return str(error)


@pytest.mark.parametrize("name", MEMBERS_OF_BODY)
def test_every_member_of_a_request_counts_or_is_named_or_refused(name: str) -> None:
    read, plain = outcome({name: VALUES.get(name, "something")}), outcome({})
    assert read != plain
    if name not in VALUES:
        assert name in str(getattr(read, "ignored", read))


@pytest.mark.parametrize("name", sorted(KNOWN | WITHOUT_EFFECT))
def test_every_parameter_counts_or_is_named_or_refused(name: str) -> None:
    value = VALUES_OF_PARAMS.get(name, True)
    read, plain = outcome({"params": {name: value}}), outcome({"params": {}})
    assert read != plain
    counts = name in VALUES_OF_PARAMS or name in FLAGS_OF_PARAMS
    assert counts == (name in KNOWN)
    if not counts:
        assert name in str(getattr(read, "ignored", read))


@pytest.mark.parametrize(
    "body",
    [
        *({"params": {name: "perhaps"}} for name in FLAGS_OF_PARAMS),
        {"createExportSubdirectory": 2},
        {"overwriteExisting": "on"},
        {"additionalParams": {"neptune_ml": {"disableEdgeFeatures": "off"}}},
        {"jobSize": "enormous"},
        {"additionalParams": {"neptune_ml": {"version": "v3.0"}}},
    ],
)
def test_a_word_that_a_member_does_not_have_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(WorkflowError):
        parse_request({"outputS3Path": "s3://b/x", **body})


def test_a_concurrency_beyond_the_job_size_is_named() -> None:
    assert said(params={"concurrency": 33}, jobSize="medium") == (
        "params: 'concurrency' 33 counts as 32, the most that its 'jobSize' allows",
    )
    assert said(params={"concurrency": 32}, jobSize="Medium") == ()
