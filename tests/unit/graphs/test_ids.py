"""Ids, packed and single, against a dictionary; and the two ways through a CSV file against each other."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest

from workflow.graphs.files import csv_rows
from workflow.graphs.files.csv_rows import CsvRows
from workflow.graphs.files.loading import RowError
from workflow.graphs.store.versions.elements import Elements
from workflow.graphs.store.versions.text_block import OF_THIS_PROCESS, TextHash, Texts, encoded
from workflow.values.numbers import Long

WORDS = ["", "a", "ab", "grün", "日本", "x" * 7, "x" * 8, "x" * 9, "y" * 127, "y" * 128, "y" * 129, "y" * 130, "\ud800"]


def test_texts_give_back_what_they_were_made_of() -> None:
    texts = Texts.of(WORDS)
    assert texts.tolist() == WORDS
    assert [texts[place] for place in range(len(texts))] == WORDS
    assert Texts.joined([texts, texts]).tolist() == WORDS + WORDS
    assert texts.select(np.array([3, 0, 3])).tolist() == [WORDS[3], "", WORDS[3]]
    most = np.delete(np.arange(len(WORDS)), 2)
    assert texts.select(most).tolist() == [*WORDS[:2], *WORDS[3:]]
    assert texts.select(most).same_as(Texts.of([*WORDS[:2], *WORDS[3:]]))
    assert not texts.select(most).same_as(Texts.of(WORDS[1:]))


def test_the_hash_of_one_text_is_the_hash_of_it_among_many() -> None:
    assert Texts.of(WORDS).hashes().tolist() == [OF_THIS_PROCESS.of(encoded(word)) for word in WORDS]


def test_groups_are_numbered_by_first_appearance() -> None:
    codes, names = Texts.of(["b", "a", "b", "c", "a"]).grouped()
    assert (codes.tolist(), names) == ([0, 1, 0, 2, 1], ["b", "a", "c"])


def test_texts_of_one_hash_are_still_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    # every text gets the same hash
    monkeypatch.setattr(Texts, "hashes", lambda self, by=None: np.full(len(self), 7, dtype=np.uint64))
    monkeypatch.setattr(TextHash, "of", lambda self, text: 7)
    elements = Elements()
    install(elements, Texts.of(["a", "b", "c"]))
    assert [elements.find(id) for id in "abcd"] == [0, 1, 2, None]
    assert elements.find_many(Texts.of(["c", "d", "a"])).tolist() == [2, -1, 0]
    assert Texts.of(["a", "b", "a"]).grouped()[0].tolist() == [0, 1, 0]
    assert elements.first_taken(Texts.of(["x", "y"])) is None
    assert elements.first_taken(Texts.of(["x", "x"])) == "x"


def install(elements: Elements, ids: Sequence[Any]) -> int:
    """Give elements the next rows, as a bulk load does; returns the first."""
    first = elements.shared.extend(ids, np.full(len(ids), elements.code("v"), dtype=np.int32))
    elements.show_many(first, len(ids))
    return first


@pytest.mark.parametrize("seed", range(5))
def test_ids_agree_with_a_dictionary_through_random_work_and_so_do_older_versions(seed: int) -> None:
    rng, elements = Random(seed), Elements()
    rows: dict[int, Any] = {}
    alive: dict[Any, int] = {}
    versions: list[tuple[Elements, dict[Any, int]]] = []

    def fresh() -> str:
        while (id := f"{rng.choice('ab')}{rng.randrange(400)}" * rng.choice([1, 1, 20])) in alive:
            pass
        return id

    for step in range(300):
        if rng.random() < 0.1:
            versions.append((elements, dict(alive)))
            elements = elements.fork()
        elif versions and rng.random() < 0.1:
            # another transaction, which is rolled back
            other = elements.fork()
            taken = [other.add(id, "v") for id in {fresh() for _ in range(3)}]
            assert elements.find_many([other.ids[row] for row in taken]).tolist() == [-1] * len(taken)
            other.shared.release(taken)
        match rng.randrange(4):
            case 0:
                batch = list(dict.fromkeys(fresh() for _ in range(rng.randrange(30))))
                first = install(elements, Texts.of(batch) if rng.random() < 0.8 else batch)
                for row, id in enumerate(batch, first):
                    alive[id] = row
                    rows[row] = id
            case 1 | 2:
                id: Any = fresh() if rng.random() < 0.8 else Long(step)
                row = elements.add(id, "v")
                alive[id], rows[row] = row, id
            case 3 if alive:
                row = alive.pop(rng.choice(list(alive)))
                elements.kill(row)
                if all(row not in lived.values() for _, lived in versions) and rng.random() < 0.5:
                    elements.shared.release([row])
        asked = [f"{letter}{number}" for letter in "ab" for number in range(0, 400, 7)]
        for version, lived in [(elements, alive), *versions[-3:]]:
            assert version.find_many(Texts.of(asked)).tolist() == [lived.get(id, -1) for id in asked]
    ids = elements.ids
    everything = ids.all(len(elements))
    assert all(ids[row] == id == everything[row] for row, id in rows.items())
    for version, lived in [(elements, alive), *versions]:
        assert all(version.find(id) == row for id, row in lived.items())


def read(data: bytes) -> tuple[list[tuple[Any, ...]], list[RowError]]:
    """Rows as plain values and the errors, in order of lines."""
    errors: list[RowError] = []
    rows = CsvRows(io.BytesIO(data), errors.append)
    found = []
    for chunk in rows.chunks():
        for place, line in enumerate(chunk.lines.tolist()):
            values = []
            for cell in chunk.cells.values():
                held = cell.present is None or bool(cell.present[place])
                value = cell.values[place] if held else None
                values.append(value.item() if isinstance(value, np.generic) else value)
            found.append((line, chunk.ids[place], chunk.labels[place], *map(repr, values)))
    return found, sorted(errors, key=lambda error: error.line)


@pytest.mark.parametrize("seed", range(12))
def test_a_quote_changes_the_way_and_not_the_outcome(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "BLOCK_BYTES", 200)
    rng = Random(seed)
    cells = {
        "int": ["1", "-7", "", "2147483647", "2147483648", "x", "1_0", " 5"],
        "long": ["9223372036854775807", "9223372036854775808", "", "0"],
        "double": ["0.1", "1e3", "-inf", "NaN", "", "e", "1__0"],
        "float": ["0.1", "1e300", "", "abc"],
        "bool": ["true", "FALSE", "", "yes"],
        "string": ["plain", "grün", "", "日本", "a;b"],
        "date": ["2024-01-01", "2024-13-01", "", "2024-01-01T00:00:00Z"],
        "string[]": ["a;b", "", "a", "a\\;b;c"],
    }
    names = list(cells)
    rows = []
    for number in range(60):
        # mostly good cells, so that whole blocks are regular
        row = [f"v{number}" if rng.random() < 0.98 else "", rng.choice(["A", "B;C", ""])]
        row += [rng.choice(cells[name][:2] if rng.random() < 0.9 else cells[name]) for name in names]
        rows.append(row[:-1] if rng.random() < 0.01 else row)
    header = ",".join(["~id", "~label", *(f"p{place}:{name}" for place, name in enumerate(names))])
    end = rng.choice(["\n", "\r\n"])
    plain = header + end + end.join(",".join(row) for row in rows) + rng.choice(["", end])
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=end).writerows(rows)
    assert read(plain.encode()) == read((header + end + text.getvalue()).encode())
