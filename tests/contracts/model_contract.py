"""What every model family promises; ``test_model_families`` asks it of each line of the table."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.container import Container, JobError
from training_scripts.graph_ml.graph import EdgeList, EdgeType, GraphData, Labels, Split, Target
from training_scripts.graph_ml.models.families import families, family
from training_scripts.graph_ml.models.family import Family
from training_scripts.graph_ml.models.settings import parse
from training_scripts.graph_ml.predict import Incompatible, load_predictor
from training_scripts.graph_ml.schemas import EndpointRequest, TaskType
from training_scripts.graph_ml.tasks import METRIC_DIRECTION
from training_scripts.graph_ml.tasks.templates import templates
from training_scripts.graph_ml.training.checkpoints import copies
from training_scripts.graph_ml.training.labels.trial import LabelLearner
from training_scripts.graph_ml.training.links.gnn import GnnLearner
from training_scripts.graph_ml.training.links.kge import KgeLearner
from training_scripts.graph_ml.training.links.ranker import ScorerLearner
from training_scripts.graph_ml.training.refresh import transform
from training_scripts.graph_ml.training.run import run

from .toys.pretend_device import PRETEND, PretendDevice

SCRIPTS = Path(__file__).parents[2] / "training_scripts"
#: all that is trained epoch by epoch, and what a report says of it
LEARNERS: tuple[type[Any], ...] = (LabelLearner, GnnLearner, KgeLearner, ScorerLearner)
TRAINED_FOR = re.compile(r"trained for (\d+) of (\d+) epochs, of which number (\d+) is kept")
PEOPLE = 30
KNOWS = EdgeType(source="Person", relation="knows", target="Person")
#: small and quick; a family that has none of them ignores them
QUICK = {"num-epochs": "2", "num-hidden": "16", "num-negs": "16"}
#: values that are nobody's default, of hyperparameters that some families do not use
OTHER = {
    "num-layer": "3",
    "fanout": "2,2",
    "use-self-loop": "false",
    "layer-norm": "false",
    "per-feat-name-embed": "false",
}


def small_graph(task: TaskType, seed: int = 0) -> GraphData:
    """Thirty people in two camps who mostly know their own, with a feature, a weight a tie, and something to learn."""
    rng = np.random.default_rng(seed)
    camp = np.arange(PEOPLE) % 2
    a, b = np.triu_indices(PEOPLE, 1)
    tied = rng.random(len(a)) < np.where(camp[a] == camp[b], 0.4, 0.05)
    ties = EdgeList(a[tied].astype(np.int64), b[tied].astype(np.int64))
    of_nodes = task.startswith("node")
    labels = {
        "node_class": Labels("class", camp.astype(np.int64), ("left", "right")),
        "node_regression": Labels("number", camp.astype(np.float32)),
        "edge_class": Labels("class", (camp[ties.source] == camp[ties.target]).astype(np.int64), ("far", "near")),
        "edge_regression": Labels("number", (camp[ties.source] + camp[ties.target]).astype(np.float32)),
    }
    target = Target(task, "Person" if of_nodes else KNOWS, "" if task == "link_prediction" else "label")
    order = rng.permutation(PEOPLE if of_nodes else len(ties))
    tenth = len(order) // 10
    split = Split(np.sort(order[2 * tenth :]), np.sort(order[:tenth]), np.sort(order[tenth : 2 * tenth]))
    return GraphData(
        node_ids={"Person": [f"p{i}" for i in range(PEOPLE)]},
        num_nodes={"Person": PEOPLE},
        edges={KNOWS: ties},
        edge_ids={KNOWS: [f"k{i}" for i in range(len(ties))]},
        features={"Person": {"noise": rng.normal(size=(PEOPLE, 3)).astype(np.float32)}},
        edge_features={KNOWS: {"weight": rng.random((len(ties), 1)).astype(np.float32)}},
        labels={target: labels[task]} if task in labels else {},
        splits={target: split},
        seed=seed,
    )


def train(graph: GraphData, base: Path, hyperparameters: dict[str, str]) -> Path:
    """One trial in this process; the model folder."""
    graph.write(base / "graph")
    container = Container(base, {"SM_CHANNEL_TRAIN": str(base / "graph"), "OMP_NUM_THREADS": "1"})
    run(container, [part for name, value in hyperparameters.items() for part in (f"--{name}", value)], SCRIPTS)
    return container.model


def transformed(model: Path, graph: GraphData, base: Path) -> Path:
    """The model on a graph; the folder of the refreshed one."""
    graph.write(base / "input")
    (base / "processing").mkdir(parents=True)
    for name, place in (("model", model), ("input", base / "input")):
        (base / "processing" / name).symlink_to(place)
    container = Container(base, {})
    transform(container, SCRIPTS)
    return container.processing("output")


def question(task: TaskType, graph: dict[str, Any] | None = None, who: str = "p3") -> EndpointRequest:
    """One question about a person, or a tie of theirs."""
    data: dict[str, Any] = {"globalParameters": {"topk": 5, "property": "label"}}
    if task == "link_prediction":
        data = {"globalParameters": {"topk": 5, "edgeType": "knows"}, "edges": [{"headNodeId": who}]}
    elif task.startswith("edge"):
        data["edges"] = [{"headNodeId": who, "tailNodeId": "p5"} if graph else {"edgeId": "k3"}]
    else:
        data["nodes"] = [{"nodeId": who}]
    if graph is not None:
        data["graph"] = graph
    mode = "predict_tail" if task == "link_prediction" else None
    return EndpointRequest.model_validate({"version": "v1", "mode": mode, "data": data})


def answers(folder: Path, request: EndpointRequest) -> list[list[dict[str, Any]]]:
    """What a model folder answers."""
    output = load_predictor(folder).answer(request).model_dump(by_alias=True, exclude_none=True)["output"]
    return [item["results"] for item in output.get("nodes", output.get("edges"))]


def digests(folder: Path) -> dict[str, str]:
    """Arrays, weights and ids of a model folder."""
    files = [path for path in folder.rglob("*") if path.suffix in (".npy", ".safetensors", ".parquet")]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class ModelContract:
    """Subclasses say which family, by name; the tasks are those that it declares."""

    name: str

    @pytest.fixture(scope="class")
    @classmethod
    def chosen(cls) -> Family:
        return family(cls.name)

    @pytest.fixture(scope="class")
    @classmethod
    def models(cls, chosen: Family, tmp_path_factory: pytest.TempPathFactory) -> dict[TaskType, Path]:
        """A trained model of each task."""
        return {
            task: train(small_graph(task), tmp_path_factory.mktemp(task), {"model": chosen.name, **QUICK})
            for task in sorted(chosen.tasks)
        }

    def test_it_says_what_it_is(self, chosen: Family) -> None:
        assert chosen.name == self.name
        assert chosen.title
        assert any(character.isdigit() for character in chosen.paper), "a paper has a year"
        assert chosen.tasks

    def test_on_another_device_it_learns_the_same(
        self, models: dict[TaskType, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task = sorted(models)[0]
        monkeypatch.setattr("training_scripts.graph_ml.training.run.device_of", lambda wanted, environ: PRETEND)
        with PretendDevice() as device:
            folder = train(small_graph(task), tmp_path, {"model": self.name, **QUICK})
        assert device.placed > 100, "nothing was computed on the device"
        here, there = ModelFolder(models[task]).description.metrics, ModelFolder(folder).description.metrics
        assert there == pytest.approx(here, rel=1e-3, abs=1e-4, nan_ok=True)

    def test_what_was_saved_answers_twice_alike(self, models: dict[TaskType, Path]) -> None:
        for task, folder in models.items():
            found = answers(folder, question(task))
            assert found[0], task
            assert found == answers(folder, question(task))
            assert ModelFolder(folder).description.model == self.name

    def test_the_same_seed_gives_the_same_bytes_from_the_hyperparameters_that_it_wrote_down(
        self, chosen: Family, models: dict[TaskType, Path], tmp_path: Path
    ) -> None:
        for task, folder in models.items():
            written = ModelFolder(folder).description.hyperparameters
            texts = {
                name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
                for name, value in written.items()
                if value != ""
            }
            assert parse(chosen.settings, texts)[0].as_text() == {
                name: tuple(value) if isinstance(value, list) else value for name, value in written.items()
            }
            again = train(small_graph(task), tmp_path / task, texts)
            assert digests(again) == digests(folder), task

    def test_another_seed_gives_another_model(self, models: dict[TaskType, Path], tmp_path: Path) -> None:
        task = next(iter(models))
        other = train(small_graph(task), tmp_path, {"model": self.name, **QUICK, "seed": "1"})
        assert digests(other) != digests(models[task])

    def test_what_it_says_it_does_not_use_changes_nothing(
        self, chosen: Family, models: dict[TaskType, Path], tmp_path: Path
    ) -> None:
        if chosen.unused:
            task = next(iter(models))
            given = {"model": self.name, **QUICK, **{name: OTHER[name] for name in chosen.unused}}
            assert digests(train(small_graph(task), tmp_path, given)) == digests(models[task])

    def test_on_the_same_graph_a_transform_changes_no_answer_or_is_refused(
        self, models: dict[TaskType, Path], tmp_path: Path
    ) -> None:
        for task, folder in models.items():
            details = ModelFolder(folder).description.details
            if not details["inductive"]:
                with pytest.raises(JobError, match="train it again"):
                    transformed(folder, small_graph(task), tmp_path / task)
                continue
            fresh = transformed(folder, small_graph(task), tmp_path / task)
            for before, after in zip(
                answers(folder, question(task))[0], answers(fresh, question(task))[0], strict=True
            ):
                assert before.get("value") == pytest.approx(after.get("value"), abs=1e-5)
                assert before.get("nodeId") == after.get("nodeId")
                assert before.get("score", 0) == pytest.approx(after.get("score", 0), abs=1e-5)

    def test_a_vertex_that_arrived_later_is_answered_or_refused_in_words(self, models: dict[TaskType, Path]) -> None:
        arrived = {
            "nodes": [{"nodeId": "new", "nodeType": "Person"}, {"nodeId": "p5", "nodeType": "Person"}],
            "edges": [{"edgeType": ["Person", "knows", "Person"], "headNodeId": "new", "tailNodeId": "p5"}],
        }
        for task, folder in models.items():
            request = question(task, arrived, "new")
            details = ModelFolder(folder).description.details
            # a floor that answers in place of vectors goes by links, and so knows who arrived
            by_links = any(link["scorer"].get("weight", 1) is None for link in details.get("links", []))
            if details["inductive"] or by_links:
                assert answers(folder, request)[0], task
            else:
                with pytest.raises(Incompatible, match="only vertices it was trained on"):
                    answers(folder, request)

    def test_what_is_stored_is_what_the_same_graph_sent_along_is_answered_to_a_millionth(
        self, chosen: Family, tmp_path: Path
    ) -> None:
        task: TaskType = "node_class" if "node_class" in chosen.tasks else "link_prediction"
        graph = replace(small_graph(task), features={}, edge_features={})
        folder = train(graph, tmp_path, {"model": self.name, **QUICK})
        details, ties = ModelFolder(folder).description.details, graph.edges[KNOWS]
        if not details["inductive"] or "baseline" in details:
            return
        sent = {
            "nodes": [{"nodeId": name, "nodeType": "Person"} for name in graph.node_ids["Person"]],
            "edges": [
                {"edgeType": [*KNOWS], "headNodeId": f"p{head}", "tailNodeId": f"p{tail}"}
                for head, tail in zip(ties.source.tolist(), ties.target.tolist(), strict=True)
            ],
        }

        def scores(request: EndpointRequest) -> dict[str, float]:
            return {str(one.get("nodeId", one.get("value"))): one["score"] for one in answers(folder, request)[0]}

        for who in ("p3", "p8", "p20"):
            assert scores(question(task, sent, who)) == pytest.approx(scores(question(task, who=who)), abs=1e-6)

    def test_the_best_epoch_is_kept_however_early_and_the_report_says_which(
        self, chosen: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: dict[int, tuple[Any, list[dict[str, torch.Tensor]]]] = {}

        def second_is_best(learner: Any) -> float:
            epochs = seen.setdefault(id(learner), (learner, []))[1]
            epochs.append(copies(learner.weights()))
            falling = 0.9 if len(epochs) == 2 else 0.5 - 0.01 * len(epochs)
            return falling if METRIC_DIRECTION.get(learner.metric, "maximize") == "maximize" else 1 - falling

        for learner in LEARNERS:
            monkeypatch.setattr(learner, "validated", second_is_best)
        task = sorted(chosen.tasks)[0]
        asked = {"model": self.name, **QUICK, "num-epochs": "6", "window-for-early-stop": "2"}
        metrics = ModelFolder(train(small_graph(task), tmp_path, asked)).metrics
        assert seen, "nothing was trained epoch by epoch"
        for learner, epochs in seen.values():
            kept = learner.weights()
            assert all(torch.equal(kept[name], values) for name, values in epochs[1].items())
            assert any(not torch.equal(epochs[1][name], values) for name, values in epochs[-1].items())
        told = [found for note in metrics.notes if (found := TRAINED_FOR.search(note))]
        assert told
        for trained_for, planned, best in ((int(text) for text in found.groups()) for found in told):
            # half of the epochs are granted, and the next is worse than the mean of the two before it
            assert (trained_for, best) == (planned // 2 + 1, 2)

    def test_its_figures_stand_beside_floors(self, models: dict[TaskType, Path]) -> None:
        for folder in models.values():
            metrics = ModelFolder(folder).metrics
            assert metrics.value is not None
            assert set(metrics.floors) == set(metrics.splits)

    def test_a_search_tries_only_what_it_has(self, chosen: Family) -> None:
        for task in chosen.tasks:
            model = templates(task, "acc", 100, "heterogeneous")[chosen.name].model
            tried = {entry.param for entry in (*model.tier1, *model.tier2, *model.tier3, *model.fixed)}
            assert tried <= set(parse(chosen.settings, {})[0].as_text())

    def test_tasks_that_it_does_not_learn_are_refused_with_the_families_that_do(
        self, chosen: Family, tmp_path: Path
    ) -> None:
        every: tuple[TaskType, ...] = (
            "node_class",
            "node_regression",
            "edge_class",
            "edge_regression",
            "link_prediction",
        )
        for task in set(every) - chosen.tasks:
            able = families(task)[0].name
            with pytest.raises(JobError, match=f"does not learn {task}; .*{able}"):
                train(small_graph(task), tmp_path / task, {"model": chosen.name})

    def test_a_value_of_another_type_is_refused_by_name(self, chosen: Family, tmp_path: Path) -> None:
        task = next(iter(sorted(chosen.tasks)))
        with pytest.raises(JobError, match="hyperparameter seed is 'soon'; it must be a int"):
            train(small_graph(task), tmp_path, {"model": chosen.name, "seed": "soon"})

    def test_later_labels_and_links_do_not_change_the_weights(
        self, models: dict[TaskType, Path], tmp_path: Path
    ) -> None:
        for task, folder in models.items():
            graph = small_graph(task)
            (target,) = graph.targets
            if target not in graph.labels:
                continue
            values, test = graph.labels[target].values.copy(), graph.splits[target].test
            values[test] = values[test][::-1] if len(set(values[test].tolist())) > 1 else 1 - values[test]
            changed = replace(graph, labels={target: replace(graph.labels[target], values=values)})
            other = train(changed, tmp_path / task, {"model": self.name, **QUICK})
            assert digests(other)["weights.safetensors"] == digests(folder)["weights.safetensors"], task
