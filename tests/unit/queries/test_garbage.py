"""Full collections walk what came since the last, and everything where much was set aside."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from workflow.queries import garbage
from workflow.queries.garbage import ShortCollections


class Node:
    """Refers to itself, so that only a collection ends it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def collections() -> Iterator[ShortCollections]:
    found = ShortCollections()
    found.begin()
    yield found
    found.end()
    assert gc.get_freeze_count() == 0


def test_what_a_full_collection_has_walked_is_not_walked_again(collections: ShortCollections) -> None:
    kept = [[place] for place in range(5000)]
    before = gc.get_freeze_count()
    gc.collect()
    # the lists themselves; their numbers are not tracked
    assert gc.get_freeze_count() >= before + len(kept)
    assert len(gc.get_objects(generation=2)) < len(kept)


def test_circles_that_come_later_are_still_found(collections: ShortCollections) -> None:
    gc.collect()
    gone = weakref.ref(Node())
    gc.collect()
    assert gone() is None


def test_everything_is_walked_again_once_what_is_set_aside_has_doubled(
    collections: ShortCollections, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node()
    gone = weakref.ref(node)
    gc.collect()  # sets it aside while somebody has it
    del node
    gc.collect()
    assert gone() is not None
    monkeypatch.setattr(garbage, "FEW", 0)
    monkeypatch.setattr(garbage, "LOOK_S", 0.0)
    collections._next_look = 0.0
    kept = [[place] for place in range(3 * gc.get_freeze_count())]
    gc.collect()  # counts
    gc.collect()  # walks
    assert gone() is None
    assert kept
