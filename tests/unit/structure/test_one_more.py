"""One more of a kind is its own file and a line in a table: nothing else of the product knows it by name.

Of every kind somebody outside the tree brings one, and the contract suite accepts it. What the page for contributors
says of a kind, and what the suite does with its toy, is compared here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from training_scripts.graph_ml.schemas import FAMILIES, TaskType

ROOT = Path(__file__).resolve().parents[3]
TABLE = "training_scripts/graph_ml/schemas/families.py"
LINKS, RANKING = "training_scripts/graph_ml/training/links", "training_scripts/graph_ml/models/ranking"
#: families that another is made of, by the files that say so
BUILT_ON = {
    "rgcn": {f"{RANKING}/stack.py"},
    "graphsage": {f"{RANKING}/stack.py"},
    "stack": {f"{LINKS}/stacked.py", "training_scripts/graph_ml/predict/load.py"},
    # both score links between the vectors of a graph network: directed links, and where ``decoder`` says so
    "complex": {f"{LINKS}/gnn.py"},
    "distmult": {f"{LINKS}/gnn.py", "training_scripts/graph_ml/models/settings.py"},
}


@cache
def words() -> dict[str, frozenset[str]]:
    """The texts in the code of modules that name a family, by file; docstrings and comments are for people."""
    named = re.compile(rf"""["'](?:{"|".join(map(re.escape, FAMILIES))})["']""")
    return {
        path.relative_to(ROOT).as_posix(): frozenset(texts(ast.parse(text)))
        for room in ("workflow", "training_scripts")
        for path in (ROOT / room).rglob("*.py")
        if named.search(text := path.read_text())
    }


def texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_named_in_its_own_file_and_in_the_table(name: str) -> None:
    own = f"training_scripts/graph_ml/models{FAMILIES[name].replace('.', '/')}.py"
    assert {file for file, found in words().items() if name in found} == {own, TABLE} | BUILT_ON.get(name, set())


#: of what stands today one of each kind, by a word that is only its own, and the files of the product that know it
COUNTED = {
    "Gremlin step": ("asBool", {"gremlin/steps/shaping/numbers.py", "gremlin/steps/facts.py"}),
    "storage": ("S3Storage", {"storage/s3.py", "drivers.py"}),
    "runner": ("SageMakerRunner", {"runners/sagemaker/runner.py", "drivers.py"}),
    "endpoint host": ("SageMakerEndpointHost", {"endpoints/sagemaker.py", "drivers.py"}),
    "graph source": ("BoltSourceDriver", {"graphs/sources/cypher.py", "drivers.py"}),
    "Neptune operation": ("StartIndexRebuild", {"neptune/operations.py"}),
}


@pytest.mark.parametrize("kind", COUNTED)
def test_what_stands_is_known_to_its_own_file_and_to_the_table(kind: str) -> None:
    word, files = COUNTED[kind]
    named = re.compile(rf"\b{word}\b")
    found = {
        path.relative_to(ROOT).as_posix().removeprefix("workflow/").removeprefix("training_scripts/graph_ml/")
        for room in ("workflow", "training_scripts")
        for path in (ROOT / room).rglob("*.py")
        if named.search(path.read_text())
    }
    assert found == files


TOYS = "tests/contracts/toys"
#: of every kind the file that somebody outside the tree writes, the line in a table, and the suite that accepts it
ONE_MORE = {
    "model family": (f"{TOYS}/sum_network.py", "FAMILIES", "tests/contracts/test_model_families.py"),
    # the file is written by the suite itself
    "encoder": ("tests/contracts/test_encoder.py", "FEATURE_TYPES", "tests/contracts/test_encoder.py"),
    "Gremlin step": ("tests/unit/gremlin/probe_step.py", "FACTS", "tests/unit/gremlin/test_step_facts.py"),
    "query language": (f"{TOYS}/counting_language.py", "OPERATIONS", "tests/contracts/test_languages.py"),
    "storage": (f"{TOYS}/memory_storage.py", "STORAGES", "tests/contracts/test_toy_drivers.py"),
    "runner": (f"{TOYS}/plain_runner.py", "RUNNERS", "tests/contracts/test_toy_drivers.py"),
    "endpoint host": (f"{TOYS}/threaded_host.py", "ENDPOINT_HOSTS", "tests/contracts/test_toy_drivers.py"),
    "graph source": (f"{TOYS}/listed_source.py", "SOURCES", "tests/contracts/test_toy_drivers.py"),
    "Neptune operation": (f"{TOYS}/counting_language.py", "OPERATIONS", "tests/contracts/test_languages.py"),
}
PAGE = {
    line.split("|")[1].strip(): re.findall(r"`([^`]+)`", line)
    for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines()
    if line.startswith("| ") and line.count("`") == 8
}


@pytest.mark.parametrize("kind", ONE_MORE)
def test_one_more_from_outside_is_one_file_and_one_line(kind: str) -> None:
    file, table, suite = ONE_MORE[kind]
    _, named_table, _, _ = PAGE[kind]
    assert named_table.endswith(f":{table}")
    calls = [
        node for node in ast.walk(ast.parse((ROOT / suite).read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".setitem")
    ]  # fmt: skip
    lines = [ast.unparse(call.args[0]) for call in calls if "broken" not in ast.unparse(call)]
    assert lines.count(table) + lines.count(f"drivers.{table}") == 1
    # the file stands alone: of the tests it may import what the contract asks about
    imported = re.findall(r"^from (tests\.[\w.]+) import", (ROOT / file).read_text(), re.MULTILINE)
    assert file == suite or all(name.endswith("_contract") for name in imported)


def test_every_kind_of_the_page_that_others_can_bring_has_a_toy() -> None:
    # what a service is built of once has no table: it is built in ``app.py``, and its own suite brings a second one
    built_once = {"extension of Gremlin", "journal of a store", "prediction service", "kind of job"}
    closed = {"task"}  # Neptune ML's five
    callable_of_cypher = {"procedure, function or aggregation of openCypher"}  # ``library()`` is the table
    assert PAGE.keys() - ONE_MORE.keys() == built_once | closed | callable_of_cypher


def test_whatever_goes_by_task_knows_all_five() -> None:
    tasks, partial = set(get_args(TaskType)), []
    for room in ("workflow", "training_scripts"):
        for path in (ROOT / room).rglob("*.py"):
            text = path.read_text()
            for node in ast.walk(ast.parse(text)) if sum(task in text for task in tasks) > 2 else ():
                if isinstance(node, ast.Dict | ast.Set | ast.Tuple | ast.List):
                    members = node.keys if isinstance(node, ast.Dict) else node.elts
                    named = {one.value for one in members if isinstance(one, ast.Constant)} & tasks
                    if 2 < len(named) < 5 and named != tasks - {"link_prediction"}:  # what has labels is a kind too
                        partial.append(f"{path.relative_to(ROOT)}:{node.lineno} forgets {sorted(tasks - named)}")
    assert partial == []


def test_what_a_file_of_both_sides_is_called_is_written_once() -> None:
    sides: dict[str, dict[str, str]] = {}
    for side in ("workflow", "training_scripts"):
        for path in (ROOT / side).rglob("*.py"):
            for name in re.findall(r"""(?<!`)["']([\w-]+\.(?:json|html|parquet|npy|csv))["']""", path.read_text()):
                sides.setdefault(name, {})[side] = path.relative_to(ROOT).as_posix()
    # SageMaker's own name, and one that means something else on each side
    theirs = {"hyperparameters.json", "trials.json"}
    assert {name: on for name, on in sides.items() if len(on) == 2 and name not in theirs} == {}
