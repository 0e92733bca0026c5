"""What forks of a version share of its rows."""

from __future__ import annotations

import random

import numpy as np

from workflow.graphs.store.versions.layers import CHUNK, Alive


def test_every_fork_keeps_which_rows_live_in_it_across_the_borders_of_chunks() -> None:
    rng = random.Random(4)
    alive, expected = Alive(), bytearray()
    kept: list[tuple[Alive, bytes]] = []
    for turn in range(60):
        alive = alive.fork()
        if turn % 10 == 1:
            count = rng.choice([1, CHUNK - 1, CHUNK, 2 * CHUNK + 3])
            gap = rng.choice([0, 5, CHUNK])
            expected += bytes(gap) + b"\x01" * count
            alive.extend(len(expected) - count, count)
        for _ in range(20):
            row = rng.randrange(len(expected) + 3)
            lives = rng.random() < 0.5
            expected += bytes(max(0, row + 1 - len(expected)))
            expected[row] = lives
            alive.set(row, lives)
        kept.append((alive, bytes(expected)))
    assert len(expected) > 5 * CHUNK
    for one, rows in kept:
        assert one.size == len(rows)
        assert one.array().tobytes() == rows
        assert bytes(one)[: one.size] == rows
        for row in (0, CHUNK - 1, CHUNK, len(rows) - 1):
            assert one.has(row) == (row < len(rows) and rows[row] == 1)
        assert not one.has(len(rows))
        assert not one.has(-1)


def test_a_loaded_chunk_is_changed_for_one_fork_alone_and_an_array_for_nobody() -> None:
    loaded = Alive()
    loaded.extend(0, 2 * CHUNK)
    fork, other = loaded.fork(), Alive()
    other.extend(0, CHUNK)
    fork.set(7, False)
    fork.array()[8] = False
    assert [one.has(7) for one in (loaded, fork, other)] == [True, False, True]
    assert [one.has(8) for one in (loaded, fork, other)] == [True, True, True]
    assert np.flatnonzero(~fork.array()).tolist() == [7]
