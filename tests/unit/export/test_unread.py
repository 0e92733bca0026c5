"""Whatever a request says without effect is named in a sentence, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.export.conftest import Exporter
from workflow.export import parse_request


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
