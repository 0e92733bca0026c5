"""Boosted trees kept as arrays answer as LightGBM itself does."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from training_scripts.graph_ml.container import JobError
from training_scripts.graph_ml.pipelines.candidates import restored, trained
from training_scripts.graph_ml.schemas.catalog.pipelines import read_candidate

lightgbm = pytest.importorskip("lightgbm")
SOME = {"numberOfTrees": 8, "minLeafSize": 5}


def rows(classes: int) -> tuple[Any, Any]:
    chance = np.random.default_rng(3)
    features = chance.normal(size=(300, 4))
    sums = features[:, 0] * features[:, 1] + features[:, 2]
    return features, sums if not classes else np.digitize(sums, np.quantile(sums, np.linspace(0, 1, classes + 1)[1:-1]))


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_kept_trees_answer_as_the_library_does(classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    models: list[Any] = []
    train = lightgbm.train

    def watched(*arguments: Any, **more: Any) -> Any:
        models.append(train(*arguments, **more))
        return models[-1]

    monkeypatch.setattr(lightgbm, "train", watched)
    features, targets = rows(classes)
    kind: Any = "nodeClassification" if classes else "nodeRegression"
    options = read_candidate(kind, "LightGBM", SOME).options
    found = trained("LightGBM", options, features, targets, classes, np.random.default_rng(0))
    again = restored("LightGBM", found.predictor.arrays()).predictor
    expected = models[0].predict(features)
    if classes == 0:
        assert again.outputs(features)[:, 0] == pytest.approx(expected)
    elif classes == 2:
        assert again.probabilities(features)[:, 1] == pytest.approx(expected)
    else:
        assert again.probabilities(features) == pytest.approx(expected)
    assert again.linear is None


def test_the_same_seed_gives_the_same_trees() -> None:
    features, targets = rows(2)
    options = read_candidate("linkPrediction", "LightGBM", SOME).options
    one, other = (
        trained("LightGBM", options, features, targets, 2, np.random.default_rng(0)).predictor.arrays()
        for _ in range(2)
    )
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_without_the_package_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    features, targets = rows(2)
    options = read_candidate("linkPrediction", "LightGBM", {}).options
    with pytest.raises(JobError, match=r"install despina\[lightgbm\]"):
        trained("LightGBM", options, features, targets, 2, np.random.default_rng(0))
