"""Fixtures over the small graphs of this folder."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

# test files here import this module by its name; there are no packages of tests
_SPEC = importlib.util.spec_from_file_location("small_graphs", Path(__file__).with_name("small_graphs.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
small_graphs = importlib.util.module_from_spec(_SPEC)
sys.modules["small_graphs"] = small_graphs
_SPEC.loader.exec_module(small_graphs)


@pytest.fixture(scope="session")
def ranked_friends(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained pair ranker of friendships."""
    return small_graphs.train(small_graphs.friends_graph(), tmp_path_factory.mktemp("ranker"), "--model", "pair-ranker")


@pytest.fixture(scope="session")
def stacked_films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained stack on ratings."""
    base = tmp_path_factory.mktemp("stack")
    return small_graphs.train(small_graphs.films_graph(), base, "--model", "stack", "--num-epochs", "3")
