"""Queries that fill the memory are ended, and those that do not are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflow.errors import CancelledByUser, MemoryLimitExceeded
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang import parse
from workflow.queries.memory_watch import Memory, MemoryWatch, container_limit, memory
from workflow.queries.running import QueryRegistry

GB = 1 << 30


class Machine:
    """Says what the memory is like."""

    def __init__(self) -> None:
        self.now = Memory(total=8 * GB, free=6 * GB, held=GB)

    def __call__(self) -> Memory:
        return self.now


def test_what_the_machine_says_of_itself_adds_up() -> None:
    now = memory()
    assert 0 < now.held < now.total
    assert 0 <= now.free <= now.total


@pytest.mark.parametrize(
    ("limit", "used", "spare"),
    [
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ],
)
def test_a_container_has_what_its_limit_leaves(tmp_path: Path, limit: str, used: str, spare: str) -> None:
    (tmp_path / limit).parent.mkdir(exist_ok=True)
    assert container_limit(tmp_path) is None
    (tmp_path / limit).write_text("1000\n")
    (tmp_path / used).write_text("900\n")
    (tmp_path / limit).with_name("memory.stat").write_text(f"anon 600\n{spare} 250\nfile 300\n")
    # 1000 - 900, and 250 of files that can be read again
    assert container_limit(tmp_path) == (1000, 350)
    (tmp_path / limit).write_text("max\n")
    assert container_limit(tmp_path) is None


def test_a_query_that_filled_the_memory_is_ended_with_that_reason() -> None:
    queries, machine = QueryRegistry(), Machine()
    watch = MemoryWatch(queries, look=machine)
    query = queries.accept("g.V()")
    assert watch.look() == []
    machine.now = Memory(8 * GB, free=GB, held=6 * GB)
    assert watch.look() == []  # there is still enough
    machine.now = Memory(8 * GB, free=GB // 8, held=7 * GB)
    assert watch.look() == [query.id]
    with pytest.raises(MemoryLimitExceeded):
        query.check()
    engine = Engine(EmbeddedGraph(profile="neptune"), "neptune")
    forever = parse("g.inject(1).repeat(identity()).until(is(2))")[0].traversal
    with pytest.raises(MemoryLimitExceeded):
        list(engine.run(forever, QueryOptions(cancelled=query.cancelled)))


def test_a_query_is_not_blamed_for_what_others_took() -> None:
    queries, machine = QueryRegistry(), Machine()
    watch = MemoryWatch(queries, look=machine)
    early = queries.accept("g.V()")
    watch.look()
    machine.now = Memory(8 * GB, free=GB // 8, held=GB)  # a job of the machine, say
    assert watch.look() == []
    machine.now = Memory(8 * GB, free=2 * GB, held=5 * GB)
    late = queries.accept("g.E()")
    watch.look()
    machine.now = Memory(8 * GB, free=GB // 8, held=5 * GB)
    assert watch.look() == [early.id]
    assert not late.cancelled.is_set()


def test_memory_goes_back_to_the_system_once_nobody_asks_and_queries_took_much() -> None:
    queries, machine = QueryRegistry(), Machine()
    given: list[int] = []

    def give_back() -> None:
        given.append(machine.now.held)
        machine.now = Memory(8 * GB, 6 * GB, held=GB)

    watch = MemoryWatch(queries, look=machine, give_back=give_back)
    for held, expected in ((2 * GB, [2 * GB]), (GB + 1000, []), (GB + (17 << 20), [GB + (17 << 20)])):
        given.clear()
        query = queries.accept("g.V()")
        watch.look()
        machine.now = Memory(8 * GB, 6 * GB, held=held)
        queries.finish(query)
        for _ in range(9):
            watch.look()
        assert given == []
        for _ in range(30):
            watch.look()
        assert given == expected


def test_a_query_cancelled_by_its_user_still_says_so() -> None:
    queries = QueryRegistry()
    query = queries.accept("g.V()")
    queries.cancel(query.id)
    with pytest.raises(CancelledByUser):
        query.check()
