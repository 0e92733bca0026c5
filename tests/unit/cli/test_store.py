"""``despina store``: a damaged folder is named, told what a repair loses, and repaired only on request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from workflow.cli.main import app
from workflow.graphs.store.persistence import open_graph

runner = CliRunner()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose graph g holds three commits of one vertex each."""
    graph = open_graph(tmp_path / "graphs" / "g")
    for name in "abc":
        tx = graph.begin()
        tx.add_vertex(name, "v")
        tx.commit()
    graph.close()
    return tmp_path


def damage(home: Path) -> Path:
    """Clear the length of the second record."""
    log = home / "graphs" / "g" / "log-00000001.bin"
    data = bytearray(log.read_bytes())
    start = data.index(data[:4], 1)
    data[start + 16 : start + 24] = bytes(8)
    log.write_bytes(data)
    return log


def call(home: Path, *words: str) -> tuple[int, str]:
    result = runner.invoke(app, ["store", *words, "--home", str(home)])
    return result.exit_code, result.output


def test_a_whole_folder_is_called_whole(home: Path) -> None:
    assert call(home, "check") == (0, f"{home}/graphs/g: whole, 3 commits; 3 vertices, 0 edges\n")


def test_a_check_names_the_place_and_what_a_repair_would_lose(home: Path) -> None:
    log = damage(home)
    code, said = call(home, "check", "g")
    assert code == 1
    assert f"{log} is damaged: at byte" in said
    assert "A repair keeps commit 1 and all before; it loses the 2 up to 3" in said
    facts: list[dict[str, Any]] = json.loads(call(home, "check", "--json")[1])
    assert [(fact["commit"], fact["lostUpTo"], fact["repairable"]) for fact in facts] == [(1, 3, True)]


def test_a_repair_changes_nothing_until_it_is_told_yes(home: Path) -> None:
    before = damage(home).read_bytes()
    code, said = call(home, "repair", "g")
    assert (code, damage(home).read_bytes()) == (1, before)
    assert "add --yes" in said
    code, said = call(home, "repair", "g", "--yes")
    assert code == 0
    assert "repaired" in said
    assert call(home, "check") == (0, f"{home}/graphs/g: whole, 1 commits; 1 vertices, 0 edges\n")
    assert list((home / "graphs" / "g").glob("log.torn-*"))


def test_a_graph_that_is_not_there_is_refused(home: Path) -> None:
    result = runner.invoke(app, ["store", "check", "other", "--home", str(home)])
    assert "neither a graph" in str(result.exception)
