"""io(): graph files in one folder, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from workflow.errors import AccessDenied, InvalidArgument, QueryFailed, ReadOnlyViolation
from workflow.graphs.files.folder import FolderFiles
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang import parse


def engine(folder: Path | None) -> Engine:
    files = None if folder is None else FolderFiles(folder)
    return Engine(EmbeddedGraph(name="g", profile="tinkerpop"), "tinkerpop", files=files)


def ask(where: Engine, text: str, options: QueryOptions | None = None) -> list[Any]:
    return [traverser.value for traverser in where.run(parse(text)[0].traversal, options)]


@pytest.mark.parametrize("name", ["graph.json", "deep/graph.xml"])
def test_a_graph_comes_back_as_it_was_written(tmp_path: Path, name: str) -> None:
    ask(first := engine(tmp_path), "g.addV('person').property('name', 'a').as('a').addE('knows').to('a')")
    assert ask(first, f"g.io('{name}').write()") == []
    assert ask(second := engine(tmp_path), f"g.io('{name}').read()") == []
    assert ask(second, "g.V().out('knows').values('name')") == ["a"]
    assert [path.name for path in (tmp_path / name).parent.iterdir()] == [Path(name).name]


@pytest.mark.parametrize("name", ["graph.json", "graph.graphml", "graph.kryo", "graph"])
@pytest.mark.parametrize("mode", ["read", "write"])
def test_without_a_folder_no_file_is_touched_and_no_format_is_spoken_of(tmp_path: Path, name: str, mode: str) -> None:
    with pytest.raises(QueryFailed, match="switched off"):
        ask(engine(None), f"g.io('{tmp_path}/{name}').{mode}()")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../graph.json", "/etc/graph.json", "link/graph.json", "."])
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path)
    with pytest.raises((AccessDenied, QueryFailed)):
        ask(engine(inside), f"g.io('{name}').with(IO.writer, IO.graphson).write()")
    assert list(tmp_path.glob("graph.json")) == []


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "graph.json")
    with pytest.raises(InvalidArgument, match=r"graph.json can not be read: it is a folder, a pipe"):
        ask(engine(tmp_path), "g.io('graph.json').read()")


def test_gryo_is_refused_and_so_is_reading_where_nothing_may_change(tmp_path: Path) -> None:
    with pytest.raises(QueryFailed, match="GraphSON and GraphML and not gryo"):
        ask(engine(tmp_path), "g.io('graph.kryo').read()")
    with pytest.raises(ReadOnlyViolation):
        ask(engine(tmp_path), "g.io('graph.json').read()", QueryOptions(read_only=True))


@pytest.mark.parametrize("name", ["graph", "graph.txt", "graph.gz"])
def test_a_file_whose_ending_says_nothing_is_refused_with_what_to_say(tmp_path: Path, name: str) -> None:
    with pytest.raises(QueryFailed, match=r"unknown: let it end in \.json .* or say with\(IO\.reader"):
        ask(engine(tmp_path), f"g.io('{name}').read()")
    assert ask(engine(tmp_path), f"g.io('{name}').with(IO.writer, IO.graphson).write()") == []


@pytest.mark.parametrize("mode", ["read", "write"])
def test_what_may_only_read_touches_no_file(tmp_path: Path, mode: str) -> None:
    with pytest.raises(ReadOnlyViolation, match="may only read"):
        ask(engine(tmp_path), f"g.io('graph.json').{mode}()", QueryOptions(read_only=True))
    assert list(tmp_path.iterdir()) == []
