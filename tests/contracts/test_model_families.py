"""Every line of the table of families keeps the contract, and so does one from outside the tree."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.model_contract import ModelContract, small_graph, train
from training_scripts.graph_ml import models
from training_scripts.graph_ml.container import JobError
from training_scripts.graph_ml.models.families import UnknownFamily, decoder, families, family, family_of, title
from training_scripts.graph_ml.models.family import GraphFamily, KnowledgeFamily
from training_scripts.graph_ml.schemas import DEFAULT_FAMILY, FAMILIES
from training_scripts.graph_ml.tasks.templates import templates
from workflow.neptune.requests import MODEL_NAMES

ROOT = Path(__file__).parents[2]

# one class a line of the table, so that a family that was added is asked without being named here
for _name in FAMILIES:
    _class = "Test" + _name.title().replace("-", "")
    globals()[_class] = type(_class, (ModelContract,), {"name": _name})


class TestAFamilyFromOutside(ModelContract):
    """One file, and one line in the table."""

    name = "sum-network"

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def line(cls) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(FAMILIES, cls.name, "tests.contracts.toys.sum_network")
            yield

    def test_searches_try_it(self) -> None:
        choice = templates("link_prediction", "mrr", 100, "heterogeneous")["auto"].model.tier1[0]
        assert choice.options is not None
        assert self.name in choice.options


def test_every_module_of_a_family_is_in_the_table() -> None:
    root = Path(models.__file__).parent
    declaring = {
        "." + ".".join(path.relative_to(root).with_suffix("").parts)
        for path in root.rglob("*.py")
        if "\nFAMILY = " in path.read_text(encoding="utf-8")
    }
    assert declaring == set(FAMILIES.values())


def test_the_names_of_requests_are_those_of_the_table() -> None:
    assert set(MODEL_NAMES) == {*FAMILIES, "custom", "auto"}
    assert DEFAULT_FAMILY in FAMILIES
    assert [one.name for one in families()] == list(FAMILIES)


def test_unknown_names_are_refused_and_never_fall_through(tmp_path: Path) -> None:
    with pytest.raises(UnknownFamily, match="unknown model 'gpt'; known are mlp, "):
        family("gpt")
    with pytest.raises(JobError, match="unknown model 'gpt'"):
        train(small_graph("node_class"), tmp_path, {"model": "gpt"})
    with pytest.raises(UnknownFamily, match="'transe' is not of the kind"):
        family_of(GraphFamily, "transe")
    with pytest.raises(UnknownFamily, match="'rgcn' is not of the kind"):
        decoder("rgcn")
    with pytest.raises(JobError, match="not of the kind"):
        train(small_graph("link_prediction"), tmp_path / "stack", {"model": "stack", "stack-encoder": "transe"})


def test_a_module_that_declares_no_family_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "broken", "toy_module")
    monkeypatch.setitem(sys.modules, "toy_module", type(sys)("toy_module"))
    sys.modules["toy_module"].FAMILY = "no family"  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="must be a Family"):
        family("broken")


def test_declarations_need_neither_torch_nor_numpy() -> None:
    code = (
        "import sys; from training_scripts.graph_ml.models.families import families; families(); "
        "print(sorted({'torch', 'dgl'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_titles_and_decoders_are_by_name() -> None:
    assert title("rgcn") == "R-GCN"
    assert title("my-own-model") == "my-own-model"
    assert decoder("dot").name == "dot"
    for one in families():
        if isinstance(one, KnowledgeFamily):
            assert decoder(one.name) is one.decoder
