"""Every lock says what it guards and every thread has a name, so that a reader knows what may be touched by whom.

Locks are taken in the order that the README of the service states.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.structure.lock_watch import LockWatch
from tests.unit.structure.test_import_circles import circles
from workflow.errors import ConcurrentModification
from workflow.graphs.files.bulk import CsvLoad
from workflow.graphs.files.loading import LoadRules
from workflow.graphs.store import persistence, store
from workflow.graphs.store.journal import file_journal
from workflow.graphs.store.versions import coding, index, rows, state
from workflow.jobs import store as job_store
from workflow.jobs import supervisor
from workflow.jobs.model import JobRecord
from workflow.jobs.work import Outcome
from workflow.runners.base import Control

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("workflow", "training_scripts")
MADE = re.compile(r"(?:=|\(|, )\s*threading\.(R?Lock|Condition|Semaphore|BoundedSemaphore)\b(?!\])")
README = (ROOT / "workflow/README.md").read_text()


def test_every_lock_says_what_it_guards() -> None:
    silent = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            lines = path.read_text().splitlines()
            for number, line in enumerate(lines):
                said = "guards" in line or "guards" in lines[number - 1]
                if MADE.search(line) and not said:
                    silent.append(f"{path.relative_to(ROOT)}:{number + 1}: {line.strip()}")
    assert silent == []


def threads() -> Iterator[tuple[str, str | None]]:
    """Every place that starts threads, with the name it gives them: its fixed beginning, ``""`` where it has none."""
    for path in sorted((ROOT / "workflow").rglob("*.py")):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if "Thread" in text else ():
            if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith(("Thread", "ThreadPoolExecutor")):
                continue
            named = {keyword.arg: keyword.value for keyword in node.keywords}
            name = named.get("name") or named.get("thread_name_prefix")
            at = f"{path.relative_to(ROOT)}:{node.lineno}"
            if isinstance(name, ast.JoinedStr):
                name = name.values[0]
            yield at, None if name is None else str(name.value) if isinstance(name, ast.Constant) else ""


def test_every_thread_has_a_name_that_the_readme_explains() -> None:
    found = dict(threads())
    assert len(found) > 15
    assert [at for at, name in found.items() if name is None] == []
    table = [line.split("|")[1] for line in README.splitlines() if line.startswith("| `")]
    known = "".join(table)
    assert [(at, name) for at, name in found.items() if name and f"`{name}" not in known] == []


#: as the README has it, the first taken before the second
ORDER = [
    "persistence._folding", "store._loading", "store._order", "store._publishing", "file_journal._syncing",
    "file_journal._lock", "rows._lock",
]  # fmt: skip


def test_the_store_takes_its_locks_in_the_order_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locks = LockWatch()
    locks.watch(monkeypatch, store, persistence, file_journal, rows, state, coding, index)
    graph = persistence.open_graph(tmp_path)

    def write(label: str) -> None:
        for number in range(20):
            with contextlib.suppress(ConcurrentModification):
                tx = graph.begin()
                tx.add_edge(None, "e", tx.add_vertex(f"{label}{number}", label), tx.add_vertex(None, "other"))
                tx.set_vertex_property(tx.graph.vertex_row(f"{label}{number}"), "n", number, "single")
                tx.commit()

    threads = [threading.Thread(target=write, args=(label,)) for label in "ab"]
    for thread in threads:
        thread.start()
    loaded = CsvLoad(graph).load(io.BytesIO(b"~id,~label,n:Int\nx,loaded,1\ny,loaded,2\n"), "v.csv", LoadRules())
    for thread in threads:
        thread.join(30)
    journal = graph.journal
    assert isinstance(journal, persistence.GraphFolder)
    journal.compact(graph)
    with graph.snapshot() as snapshot:
        assert sum(1 for _ in snapshot.nodes()) == 82
    graph.reset()
    graph.close()
    assert loaded.failures == 0
    assert set(ORDER) <= locks.taken
    assert [pair for pair in locks.pairs if set(pair) <= {*ORDER} and ORDER.index(pair[0]) > ORDER.index(pair[1])] == []
    assert [circle for circle in circles_of(locks.pairs) if len(circle) > 1] == []


class NothingToDo:
    """The work of a job that ends at once."""

    def is_ready(self, job: JobRecord) -> bool:
        return True

    def clear(self, job: JobRecord) -> None: ...

    def clean(self, job: JobRecord) -> None: ...

    def run(self, job: JobRecord, control: Control) -> Outcome:
        return Outcome({"wall_s": 1}, "hash")


def test_a_supervisor_takes_its_lock_before_that_of_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    locks = LockWatch()
    locks.watch(monkeypatch, job_store, supervisor)
    records = job_store.JobStore(None)
    service = supervisor.Supervisor(records, {"dataprocessing": NothingToDo()}, 1)
    names = {"name": "a", "output": "s3://lab/a"}
    for id in "ab":
        job = JobRecord("dataprocessing", id, "InProgress", created_ms=1, updated_ms=1, request={}, names=names)
        records.add(job)
        service.submit(job)
    service.close()
    records.close()
    assert ("supervisor._lock", "store._lock") in locks.pairs
    assert [circle for circle in circles_of(locks.pairs) if len(circle) > 1] == []


def circles_of(pairs: set[tuple[str, str]]) -> list[set[str]]:
    """Sets of locks that are taken in more than one order."""
    after: dict[str, set[str]] = {name: set() for pair in pairs for name in pair}
    for before, name in pairs:
        after[before].add(name)
    return list(circles(after))
