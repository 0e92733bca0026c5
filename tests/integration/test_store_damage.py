"""One damage to a graph's folder never costs a commit in silence: the graph opens whole, or opening is refused.

``STORE_DAMAGES`` says how many damages (few by default); each is a function of its seed, which a failure names.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from tests.integration.conftest import ROOT
from tests.integration.store_writer import do_commit
from tests.waiting import until
from workflow.graphs.store.journal.log_file import MARK, WITNESS
from workflow.graphs.store.journal.recovery import LogDamaged
from workflow.graphs.store.journal.repair import examine, repair
from workflow.graphs.store.journal.segments import StoreDamaged
from workflow.graphs.store.persistence import open_graph
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.versions.batch import Batch, ColumnData, ElementBatch
from workflow.graphs.store.versions.text_block import Texts

DAMAGES = int(os.environ.get("STORE_DAMAGES", "160"))
COMMITS = 40
SECTOR = 512
NO_LIMIT = 1 << 40


def contents(graph: EmbeddedGraph) -> Any:
    vertices = sorted(
        (
            graph.vertex_id(v),
            graph.vertex_label(v),
            [(p.key, p.value) for p in graph.vertex_properties(v)],
            sorted(graph.edge_id(e) for e in graph.incident(v, "out")),
            sorted(graph.edge_id(e) for e in graph.incident(v, "in")),
        )
        for v in graph.vertices()
    )
    edges = ((graph.edge_id(e), graph.edge_label(e), sorted(graph.edge_values(e).items())) for e in graph.edges())
    return vertices, sorted(edges)


class Folder:
    """A graph's folder with what it held after each commit."""

    def __init__(self, path: Path, seed: int, compact_at: int | None, closed: bool) -> None:
        self.path = path
        self.after: dict[int, list[Any]] = {0: [([], [])]}
        graph = open_graph(path / "open", log_limit_bytes=NO_LIMIT)
        for number in range(1, COMMITS + 1):
            resets = graph.version()[0]
            do_commit(graph, seed, number)
            self.after[number] = [contents(graph)]
            if graph.version()[0] != resets:
                self.after[number - 1].append(([], []))
            if number == compact_at:
                graph.journal.compact(graph)  # type: ignore[attr-defined]
        self.last = COMMITS
        if closed:
            graph.close()
        # of an open graph this is what a killed process leaves
        shutil.copytree(path / "open", path / "whole")
        if not closed:
            graph.close()

    def copy(self) -> Path:
        shutil.rmtree(self.path / "damaged", ignore_errors=True)
        shutil.copytree(self.path / "whole", self.path / "damaged")
        return self.path / "damaged"


def flip(data: bytearray, rng: Random) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def zero_header(data: bytearray, rng: Random) -> None:
    starts = [place for place in range(len(data)) if data.startswith(MARK, place)] or [0]
    start = rng.choice(starts)
    data[start : start + 28] = bytes(len(data[start : start + 28]))


def zero_sector(data: bytearray, rng: Random) -> None:
    start = rng.randrange(0, len(data), SECTOR)
    data[start : start + SECTOR] = bytes(len(data[start : start + SECTOR]))


def foreign_sector(data: bytearray, rng: Random) -> None:
    start = rng.randrange(0, len(data), SECTOR)
    data[start : start + SECTOR] = rng.randbytes(len(data[start : start + SECTOR]))


def drop_sector(data: bytearray, rng: Random) -> None:
    start = rng.randrange(0, len(data), SECTOR)
    del data[start : start + SECTOR]


def repeat_sector(data: bytearray, rng: Random) -> None:
    start, at = rng.randrange(0, len(data), SECTOR), rng.randrange(0, len(data), SECTOR)
    data[at : at + SECTOR] = data[start : start + SECTOR]


def cut(data: bytearray, rng: Random) -> None:
    del data[rng.randrange(len(data)) :]


KINDS: list[Callable[[bytearray, Random], None]] = [
    flip,
    flip,
    zero_header,
    zero_sector,
    foreign_sector,
    drop_sector,
    repeat_sector,
    cut,
]


def damage(folder: Path, rng: Random) -> tuple[str, str]:
    """Do one damage; returns the file's name and what was done."""
    files = [path for path in sorted(folder.iterdir()) if path.stat().st_size]
    logs = [path for path in files if path.name.startswith("log-")]
    file = rng.choice(files if rng.random() < 0.5 else logs or files)
    if rng.random() < 0.05:
        file.unlink()
        return file.name, "removed"
    kind, data = rng.choice(KINDS), bytearray(file.read_bytes())
    kind(data, rng)
    file.write_bytes(data)
    return file.name, kind.__name__


def judge(folder: Folder, seed: int) -> str:
    """``healed`` or ``refused``; anything else fails."""
    place = folder.copy()
    name, kind = damage(place, Random(seed))
    case = f"seed {seed}: {kind} of {name}"
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    try:
        graph = open_graph(place, log_limit_bytes=NO_LIMIT)
    except StoreDamaged as error:
        refused = error
    else:
        assert contents(graph) == folder.after[folder.last][0], f"{case}: opened with something else"
        write_and_reopen(place, graph, case)
        return "healed"
    assert all((place / held).read_bytes() == data for held, data in before.items()), f"{case}: changed"
    findings = examine(place)
    assert str(findings.damage) == str(refused), case
    assert findings.lost == folder.last, case
    if isinstance(refused, LogDamaged):
        assert findings.commit == refused.last < folder.last, case
        assert repair(place).commit == refused.last, case
        graph = open_graph(place, log_limit_bytes=NO_LIMIT)
        assert contents(graph) in folder.after[refused.last], f"{case}: repaired to something else"
        write_and_reopen(place, graph, case)
    else:
        assert name.startswith("snapshot-"), f"{case}: {refused}"
        with pytest.raises(StoreDamaged):
            repair(place)
    return "refused"


def write_and_reopen(place: Path, graph: EmbeddedGraph, case: str) -> None:
    tx = graph.begin()
    tx.add_vertex("after", "v")
    tx.commit()
    written = contents(graph)
    graph.close()
    again = open_graph(place, log_limit_bytes=NO_LIMIT)
    assert contents(again) == written, f"{case}: the next commit is lost"
    again.close()


@pytest.fixture(scope="module", params=["killed", "closed", "killed after a snapshot", "closed after a snapshot"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    how: str = request.param
    compact_at = 20 if "snapshot" in how else None
    return Folder(tmp_path_factory.mktemp("store"), len(how), compact_at, how.startswith("closed"))


def test_no_damage_loses_a_commit_in_silence(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "workflow")
    ends = Counter(judge(folder, seed) for seed in range(DAMAGES // 4))
    logging.getLogger(__name__).info("%s", dict(ends))
    assert min(ends["healed"], ends["refused"]) > 0


def test_a_loss_of_power_that_takes_the_witness_back_is_no_damage(tmp_path: Path) -> None:
    folder = Folder(tmp_path, 1, None, closed=False)
    place = folder.copy()
    (place / WITNESS).write_bytes(b"")
    graph = open_graph(place)
    assert contents(graph) == folder.after[folder.last][0]
    graph.close()


@pytest.mark.parametrize("limit", [3000, NO_LIMIT], ids=["many snapshots", "log only"])
def test_a_copy_made_file_by_file_beside_a_writer_has_all_from_before_it_or_is_refused(
    tmp_path: Path, limit: int
) -> None:
    graph = open_graph(tmp_path / "open", log_limit_bytes=limit)
    acknowledged, stop = 0, threading.Event()

    def write() -> None:
        nonlocal acknowledged
        while not stop.is_set():
            tx = graph.begin()
            tx.add_vertex(f"v{acknowledged + 1}", "v")
            tx.commit()
            acknowledged += 1

    def held(place: Path) -> int:
        """How many commits a folder has; they are the first ones."""
        copied = open_graph(place, log_limit_bytes=NO_LIMIT)
        ids = {copied.vertex_id(row) for row in copied.vertices()}
        copied.close()
        assert ids == {f"v{number}" for number in range(1, len(ids) + 1)}
        return len(ids)

    thread = threading.Thread(target=write)
    thread.start()
    rng, copies = Random(limit), list[tuple[Path, int, int]]()
    try:
        for round in range(4):
            place = tmp_path / f"copy-{round}"
            place.mkdir()
            before = until(lambda: acknowledged, "a commit")
            files = sorted(path.name for path in (tmp_path / "open").iterdir())
            for name in rng.sample(files, len(files)):
                with suppress(FileNotFoundError):  # folded in meanwhile
                    shutil.copyfile(tmp_path / "open" / name, place / name)
                enough = acknowledged + rng.randrange(4)
                until(lambda: acknowledged >= enough, "commits")  # noqa: B023 - asked before the next is known
            copies.append((place, before, acknowledged))
    finally:
        stop.set()
        thread.join()
        graph.close()
    for place, before, after in copies:
        try:
            found = held(place)
        except StoreDamaged:
            with suppress(StoreDamaged):  # a snapshot that was folded into another is not there
                repair(place)
                assert held(place) <= after + 1
        else:
            assert before <= found <= after + 1


@pytest.mark.skipif(not hasattr(signal, "SIGBUS"), reason="the system does not map files as others do")
def test_a_mapped_file_that_somebody_cuts_ends_the_process_and_answers_nothing_wrong(tmp_path: Path) -> None:
    graph = open_graph(tmp_path / "g")
    size = 60_000
    weights = {"w": ColumnData(np.arange(size), int)}
    graph.load(Batch(ElementBatch(Texts.of(f"v{n}" for n in range(size)), np.zeros(size, np.int32), ["v"], weights)))
    graph.journal.compact(graph)  # type: ignore[attr-defined]
    graph.close()
    (snapshot,) = (tmp_path / "g").glob("snapshot-*.npz")
    reading = (
        "import os, sys; from pathlib import Path; from workflow.graphs.store.persistence import open_graph\n"
        "graph = open_graph(Path(sys.argv[1])); os.truncate(sys.argv[2], 4096); rows = list(graph.vertices())\n"
        "print(sum(graph.vertex_values(row, 'w')[0] for row in rows))"
    )
    ended = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", reading, str(tmp_path / "g"), str(snapshot)],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (-signal.SIGBUS, "")
    assert "Bus error" in ended.stderr
    with pytest.raises(StoreDamaged, match=snapshot.name):
        open_graph(tmp_path / "g")
