"""Labels of earlier edges as part of the past: they tell, later ones do not, and an edge is not told its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dated_graphs import live, rated, trained
from sklearn.metrics import roc_auc_score
from small_graphs import RATED, SCRIPTS

from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.container import Container, JobError
from training_scripts.graph_ml.graph import GraphData, History, Labels, Target
from training_scripts.graph_ml.predict import load_predictor
from training_scripts.graph_ml.predict.past import labels_of
from training_scripts.graph_ml.schemas import EndpointRequest, EndpointResponse, ToldLabelsEntry
from training_scripts.graph_ml.training.as_of import load_with_moments
from training_scripts.graph_ml.training.refresh import transform

CLASSES = ("bad", "good")
#: two windows, four more and the last stars, then the labels: how many, the last one, all
WIDTH = 7 + 1 + 2 * len(CLASSES)


def judged(after: float = 0.0) -> GraphData:
    """Ratings of 30 people, most of them good or bad by who rates; the labels of earlier ones are told."""
    graph = rated("edge_regression")
    (old,) = graph.targets
    (history,) = graph.histories.values()
    ends = graph.edges[RATED]
    rng = np.random.default_rng(3)
    bad = rng.random(30) < 0.5
    flipped = rng.random(len(ends)) < 0.1
    target = Target("edge_class", RATED, "verdict")
    told = ToldLabelsEntry(edge_type=RATED, property="verdict", kind="class", classes=list(CLASSES), after=after)
    return replace(
        graph,
        labels={target: Labels("class", np.where(bad[ends.source] ^ flipped, 0, 1).astype(np.int64), CLASSES)},
        splits={target: graph.splits[old]},
        cuts={target: graph.cuts[old]},
        histories={target: History(history.entry.model_copy(update={"labels": told}))},
    )


def another_verdict(graph: GraphData, moment: float) -> GraphData:
    """The same before a moment; from it on every verdict is another one."""
    ((target, labels),) = graph.labels.items()
    later = graph.times[RATED] >= moment
    values = np.where(later, 1 - labels.values, labels.values)
    return replace(graph, labels={target: replace(labels, values=values)})


def brought(graph: GraphData) -> dict[str, Any]:
    """All ratings with ids and verdicts, as a request brings them."""
    (labels,) = graph.labels.values()
    of = {
        (f"u{s}", f"m{t}", float(when)): (edge, CLASSES[value])
        for s, t, when, edge, value in zip(
            graph.edges[RATED].source, graph.edges[RATED].target, graph.times[RATED], graph.edge_ids[RATED],
            labels.values, strict=True,
        )
    }  # fmt: skip
    document = live(graph)
    for edge in document["edges"]:
        edge_id, verdict = of[edge["headNodeId"], edge["tailNodeId"], edge["properties"]["at"][0]]
        edge["edgeId"], edge["properties"]["verdict"] = edge_id, [verdict]
    return document


def asked(predictor: Any, edges: list[dict[str, str]], **more: Any) -> list[float]:
    """How probable it is that each is bad."""
    body = {
        "version": "v1",
        "data": {"globalParameters": {"topk": 2, **more.pop("parameters", {})}, "edges": edges, **more},
    }
    answer: EndpointResponse = predictor.answer(EndpointRequest.model_validate(body))
    assert answer.output.edges is not None
    return [next(float(r.score or 0) for r in item.results if r.value == "bad") for item in answer.output.edges]


def test_labels_of_earlier_edges_tell_what_comes_and_later_ones_do_not() -> None:
    graph = judged()
    (target,) = graph.targets
    found = graph.history_of(target)
    assert found.shape[1] == 2 * WIDTH
    test = graph.splits[target].test
    bad = np.asarray(graph.labels[target].values)[test] == 0
    share = found[test, WIDTH - 2]  # of the earlier ratings of who rates, how many were bad
    assert roc_auc_score(bad, share) > 0.85
    # an edge is told nothing of its own label, of one that came with it, or of a later one
    for row in (int(test[0]), int(test[-1])):
        moment = float(graph.times[RATED][row])
        other = another_verdict(graph, moment).history_of(target)
        assert np.array_equal(other[: row + 1], found[: row + 1])
        assert not np.array_equal(other, found) or row == test[-1]


def test_labels_are_told_when_they_are_known() -> None:
    late, at_once = judged(after=0.25), judged()
    (target,) = late.targets
    when = late.times[RATED]
    row = int(np.argmax(when > 0.9))
    found = late.history_of(target)[row]
    source = late.edges[RATED].source
    known = (source == source[row]) & (when < when[row] - 0.25)
    assert found[7] == pytest.approx(np.log1p(np.count_nonzero(known)), abs=1e-6)
    assert found[7] < at_once.history_of(target)[row][7]
    # a verdict of which nobody can know yet changes nothing
    other = another_verdict(late, float(when[row] - 0.25))
    assert np.array_equal(other.history_of(target)[row], found)


def test_verdicts_after_the_split_change_no_weight_and_no_earlier_figure(tmp_path: Path) -> None:
    graph = judged()
    (target,) = graph.targets
    one, two = (
        ModelFolder(trained(each, tmp_path / str(place), "--model", "mlp", "--lr", "0.02"))
        for place, each in enumerate((graph, another_verdict(graph, graph.cuts[target][1])))
    )
    for part in ("head", "network"):
        assert all(np.array_equal(value, two.tensors(part)[name]) for name, value in one.tensors(part).items())
    assert one.metrics.splits["valid"] == two.metrics.splits["valid"]
    assert one.metrics.floors["valid"] == two.metrics.floors["valid"]


def test_a_request_tells_labels_as_training_did_and_no_edge_its_own(tmp_path: Path) -> None:
    graph = judged()
    predictor = load_with_moments(trained(graph, tmp_path, "--model", "mlp", "--lr", "0.02"))
    pairs = [{"headNodeId": f"u{i}", "tailNodeId": f"m{j}"} for i in range(4) for j in range(20)]
    ends = graph.edges[RATED]
    known = {(f"u{s}", f"m{t}") for s, t in zip(ends.source, ends.target, strict=True)}
    fresh = [pair for pair in pairs if (pair["headNodeId"], pair["tailNodeId"]) not in known]
    document = brought(graph)
    now = asked(predictor, fresh, graph=document)
    assert now == pytest.approx(asked(predictor, fresh), abs=1e-5)
    then = {"asOf": 0.5}
    assert asked(predictor, fresh, parameters=then) != pytest.approx(asked(predictor, fresh), abs=1e-3)
    # an edge that came since: its own verdict, and those after it, are nothing that it is asked with
    edge = {"edgeId": "later", "edgeType": [*RATED], **fresh[0]}
    answers = []
    for own, after in (("bad", "bad"), ("good", "bad"), ("good", "good")):
        since = [{**edge, "properties": {"stars": [3.0], "at": [1.5], "verdict": [own]}}]
        since += [
            {**edge, "edgeId": f"z{i}", "properties": {"stars": [1.0], "at": [1.5 + i], "verdict": [after]}}
            for i in range(5)
        ]
        document = brought(graph)
        document["edges"] = since + document["edges"]
        answers.append(asked(predictor, [{"edgeId": "later", **fresh[0]}], graph=document))
    assert answers[0] == answers[1] == answers[2]
    # the next one does know them
    one, two = (
        asked(
            predictor,
            [{"edgeId": "next", **fresh[0]}],
            graph={
                **brought(graph),
                "edges": [
                    {**edge, "properties": {"stars": [3.0], "at": [1.5], "verdict": [own]}},
                    {**edge, "edgeId": "next", "properties": {"stars": [3.0], "at": [1.6]}},
                    *brought(graph)["edges"],
                ],
            },
        )
        for own in ("bad", "good")
    )
    assert one != two


def test_a_transform_needs_the_labels_that_the_model_looks_at(tmp_path: Path) -> None:
    graph = judged()
    folder = trained(graph, tmp_path, "--model", "mlp", "--lr", "0.02")
    base = tmp_path / "later"
    (base / "processing").mkdir(parents=True)
    (base / "processing" / "model").symlink_to(folder)
    graph.write(base / "processing" / "input")
    transform(Container(base, {}), SCRIPTS)
    again = ModelFolder(base / "processing" / "output")
    assert np.array_equal(again.array("past/0"), ModelFolder(folder).array("past/0"))
    edges = [{"headNodeId": "u1", "tailNodeId": "m1"}]
    then = {"asOf": 0.5}
    one, two = (asked(load_with_moments(each), edges, parameters=then) for each in (folder, again.folder))
    assert one == two
    replace(graph, labels={}, splits={}, cuts={}, histories={}).write(base / "processing" / "input")
    with pytest.raises(JobError, match=r"'verdict' of earlier edges .* has no such labels"):
        transform(Container(base, {}), SCRIPTS)


@pytest.mark.parametrize(
    ("kind", "separator", "said", "expected"),
    [
        ("class", None, ["good"], [0, 1]),
        ("class", None, "unheard of", [0, 0]),
        ("class", None, None, [np.nan, np.nan]),
        ("classes", ";", "good;bad", [1, 1]),
        ("classes", ";", ["good", "other"], [0, 1]),
        ("number", None, [2.5], [2.5]),
        ("number", None, "much", [np.nan]),
    ],
)
def test_labels_in_a_request_are_those_of_processing(
    kind: Any, separator: str | None, said: Any, expected: list[float]
) -> None:
    classes = [] if kind == "number" else ["bad", "good"]
    told = ToldLabelsEntry(edge_type=RATED, property="p", kind=kind, classes=classes, separator=separator)
    assert np.array_equal(labels_of([{"p": said}], told), np.array([expected], dtype=np.float32), equal_nan=True)


def test_a_model_is_loaded_without_a_moment_too(tmp_path: Path) -> None:
    folder = trained(judged(), tmp_path, "--model", "mlp", "--lr", "0.02")
    assert len(asked(load_predictor(folder), [{"headNodeId": "u1", "tailNodeId": "m1"}])) == 1
