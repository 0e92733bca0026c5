"""The process that works on projected graphs: requests in, answers in folders."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.unit.graph_ml_algorithms.eight_people import PAIRS, POSTS
from tests.unit.graph_ml_pipelines.folders import graph_in, pipeline, predicting, step, training
from training_scripts.graph_ml.schemas.catalog.algorithms import ALGORITHMS
from training_scripts.graph_ml.schemas.catalog.models import PipelineModel
from training_scripts.graph_ml.schemas.catalog.options import read_options
from training_scripts.graph_ml.schemas.catalog.pipelines import (
    CANDIDATES,
    CLASS_METRICS,
    LINK_METRICS,
    NODE_FEATURES,
    REGRESSION_METRICS,
    TOPOLOGICAL_FEATURES,
)
from training_scripts.graph_ml.schemas.catalog.requests import AnalysisAnswer, AnalysisRequest

ROOT = Path(__file__).resolve().parents[3]


def answers(*requests: AnalysisRequest) -> list[dict[str, object]]:
    """What the process says of each request."""
    lines = "".join(request.model_dump_json() + "\n" for request in requests)
    command = [sys.executable, str(ROOT / "training_scripts" / "analyse.py")]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_one_process_runs_an_algorithm_trains_and_predicts(tmp_path: Path) -> None:
    graph_in(tmp_path / "g", 8, {"KNOWS": PAIRS}, {"posts": np.array(POSTS, dtype=float)})
    common = {"graph": str(tmp_path / "g"), "progress": str(tmp_path / "progress.json")}
    degrees = AnalysisRequest(
        work="algorithm",
        output=str(tmp_path / "degree"),
        algorithm="degree",
        options=read_options(ALGORITHMS["degree"].mode_options("stream"), {}),
        **common,
    )
    definition = pipeline(
        [("HADAMARD", ["embedding"])],
        [step("fastRP", "embedding", embeddingDimension=8, randomSeed=1)],
        testFraction=0.25,
        trainFraction=0.6,
    )
    train = AnalysisRequest(work="train", output=str(tmp_path / "m"), pipeline=definition, options=training(), **common)
    predict = AnalysisRequest(
        work="predict", output=str(tmp_path / "p"), model=str(tmp_path / "m"), options=predicting(topN=5), **common
    )
    broken = degrees.model_copy(update={"algorithm": "triangleCount", "options": {}})
    refused = predict.model_copy(update={"options": predicting(topN=1, sourceNodeLabel="Robot")})
    said = answers(degrees, train, predict, broken, refused)
    assert [one["defect"] for one in said] == [False, False, False, True, False]
    assert "Robot" in str(said[4]["failure"])
    answer = AnalysisAnswer.load(tmp_path / "degree" / "answer.json")
    assert np.load(tmp_path / "degree" / answer.columns["score"]).tolist() == [1, 6, 3, 5, 3, 2, 2, 2]
    assert PipelineModel.load(tmp_path / "m" / "model.json").method == "LogisticRegression"
    predicted = AnalysisAnswer.load(tmp_path / "p" / "answer.json")
    assert predicted.summary["samplingStats"] == {"strategy": "exhaustive", "linksConsidered": 16}
    assert json.loads((tmp_path / "progress.json").read_text())["phase"]


def test_the_readme_names_every_part_of_a_pipeline() -> None:
    text = (ROOT / "training_scripts" / "README.md").read_text()
    parts = [*NODE_FEATURES, *TOPOLOGICAL_FEATURES, *LINK_METRICS, *CLASS_METRICS, *REGRESSION_METRICS]
    parts += [method for table in CANDIDATES.values() for method in table]
    assert [part for part in parts if f"`{part}`" not in text] == []
