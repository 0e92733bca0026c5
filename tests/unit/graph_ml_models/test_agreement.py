"""What vertices without a label teach those that have one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_graphs import labelled_graph, train

from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.graph import Labels
from training_scripts.graph_ml.models.families import family_of
from training_scripts.graph_ml.models.family import GraphFamily
from training_scripts.graph_ml.models.network.network import Network
from training_scripts.graph_ml.models.settings import GraphSettings, parse
from training_scripts.graph_ml.pairs import NodeSpace
from training_scripts.graph_ml.sampling import full_block
from training_scripts.graph_ml.training.labels import trial
from training_scripts.graph_ml.training.labels.agreement import disagreement

CLASS = Labels("class", np.zeros(1), ("a", "b"))


def test_passes_are_held_against_their_mean_made_clearer() -> None:
    passes = [torch.tensor([[0.8, 0.2]]).log(), torch.tensor([[0.6, 0.4]]).log()]
    # mean .7, .3; squared .49, .09, so .8448, .1552; 2 * .0448² = .00402 and 2 * .2448² = .11988; mean .06195
    assert float(disagreement(CLASS, passes)) == pytest.approx(0.06195, abs=1e-5)


def test_several_classes_of_an_item_are_held_against_theirs_one_by_one() -> None:
    labels = replace(CLASS, kind="classes")
    passes = [torch.logit(torch.tensor([[0.8]])), torch.logit(torch.tensor([[0.6]]))]
    assert float(disagreement(labels, passes)) == pytest.approx(0.06195 / 2, abs=1e-5)


def test_what_is_agreed_on_costs_nothing_only_where_it_is_clear() -> None:
    sure, unsure = torch.tensor([[50.0, 0.0]]), torch.tensor([[1.0, 0.0]])
    assert float(disagreement(CLASS, [sure, sure])) == pytest.approx(0, abs=1e-6)
    assert float(disagreement(CLASS, [unsure, unsure])) > 0.01


@pytest.mark.parametrize("concat", ["true", "false"])
def test_the_loss_is_that_of_two_passes_and_their_disagreement_on_all_vertices(concat: str) -> None:
    data = labelled_graph("node_class")
    (target,) = data.labels
    space = NodeSpace(dict(data.num_nodes))
    messages = trial.messages_of(data, space)
    problem = trial.LabelProblem.from_graph(data, target, space)
    family, batch = family_of(GraphFamily, "graphsage"), problem.split.train

    def made(consistency: str) -> tuple[GraphSettings, trial.LabelModel]:
        given = {"num-hidden": "8", "dropout": "0", "consistency": consistency, "concat-node-embed": concat}
        settings, _ = parse(family.settings, given)
        assert isinstance(settings, GraphSettings)
        features = {kind: dict(values) for kind, values in data.features.items()}
        network = Network.fresh(space, features, list(messages.relations), family, settings, "torch", None, True)
        torch.manual_seed(0)
        head = trial.HeadModule(1, problem.extra, batch, 3, settings)
        return settings, trial.LabelModel(network, head, problem, 0.0, 1.0)

    def loss(consistency: str) -> tuple[float, torch.Tensor | None, trial.LabelModel]:
        settings, model = made(consistency)
        drawn = np.random.default_rng(3)
        found, _, learned = trial.batch_loss(model, messages, full_block(messages), batch, None, settings, drawn)
        found.backward()  # type: ignore[no-untyped-call]
        return float(found.detach()), learned, model

    without, _, model = loss("0")
    both, learned, _ = loss("0.5")
    if concat == "true":  # some of the vectors are taken for those of vertices that nobody knows, by chance
        # what vertices without a label say reaches the vectors learned of them
        assert learned is not None
        assert learned.grad is not None
        assert learned.grad[np.setdiff1d(np.arange(len(problem.ends)), batch)].abs().sum() > 0
        return
    out = torch.from_numpy(model.finished_head().raw(model.seen(messages, np.arange(len(problem.ends)))))
    assert both == pytest.approx(without + 0.5 * float(disagreement(problem.labels, [out, out])), abs=1e-5)


def test_a_report_says_where_agreement_is_asked_for_and_cannot_be(tmp_path: Path) -> None:
    asked = ("--model", "rgcn", "--num-epochs", "2", "--consistency", "1")
    heard = ModelFolder(train(labelled_graph("node_class"), tmp_path / "a", *asked)).metrics.notes
    unheard = ModelFolder(train(labelled_graph("edge_class"), tmp_path / "b", *asked)).metrics
    assert not any("'consistency'" in note for note in heard)
    assert any("consistency" in said for said in [*unheard.notes, *unheard.warnings])
