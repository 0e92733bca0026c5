"""Fixtures over the small graphs of this folder."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _module(name: str) -> ModuleType:
    """A module of this folder, which test files here import by its name; there are no packages of tests."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


small_graphs = _module("small_graphs")
_module("dated_graphs")


@pytest.fixture(scope="session")
def ranked_friends(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained pair ranker of friendships."""
    return small_graphs.train(small_graphs.friends_graph(), tmp_path_factory.mktemp("ranker"), "--model", "pair-ranker")


@pytest.fixture(scope="session")
def stacked_films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained stack on ratings."""
    base = tmp_path_factory.mktemp("stack")
    return small_graphs.train(small_graphs.films_graph(), base, "--model", "stack", "--num-epochs", "3")
