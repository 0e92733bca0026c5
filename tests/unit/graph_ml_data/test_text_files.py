"""Files of texts hold what was written, and cost no import of a library of tables."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from training_scripts.graph_ml import text_files
from training_scripts.graph_ml.text_files import Texts, order_of, places_of, read_texts, write_texts

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("values", [[], [None], [""], ["a", None, "", "zürich", "日本", None, "x" * 300] * 3], ids=len)
@pytest.mark.parametrize("batch", [1, 4, 65_536])
def test_another_reader_finds_the_texts_that_were_written(
    values: list[str | None], batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "_BATCH", batch)
    write_texts(tmp_path / "t.arrow", "name", values)
    read = pl.read_ipc(tmp_path / "t.arrow")
    assert (read.columns, read.dtypes) == (["name"], [pl.String])
    assert read["name"].to_list() == values
    assert read_texts(tmp_path / "t.arrow", "name") == values


def test_texts_that_arrow_has_already_are_written_as_they_are(tmp_path: Path) -> None:
    arrow = pl.Series(["b", "a"]).to_arrow()
    write_texts(tmp_path / "t.arrow", "id", Texts().joined(arrow))
    assert read_texts(tmp_path / "t.arrow", "id") == ["b", "a"]


@pytest.mark.parametrize("batch", [2, 65_536])
def test_a_text_is_found_in_place_and_an_empty_one_is_nowhere(
    batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "_BATCH", batch)
    values = ["zürich", "b", "", "日本", "a", "", "B", "𝔸", "\ufb01"]
    write_texts(tmp_path / "t.arrow", "id", values)
    texts = read_texts(tmp_path / "t.arrow", "id")
    texts.order = order_of(texts)
    found, plain = places_of(texts), places_of(values)
    assert dict(found) == plain == {text: place for place, text in enumerate(values) if text}
    assert sorted(found.values()) == [0, 1, 3, 4, 6, 7, 8]
    assert len(found) == 7
    assert list(found) == sorted(plain)  # by code point
    assert all(missing not in found for missing in ("", "c", "\x00", "\U0010ffff"))


def test_texts_are_like_a_list_of_them() -> None:
    values = ["a", "b", "c", "d", "e"]
    texts = Texts.of(values)
    assert texts == values
    assert texts != values[:-1]
    assert texts != [*values[:-1], "f"]
    for part in (
        slice(1, 3),
        slice(None, None, 2),
        slice(3, 1),
        slice(-2, None),
        slice(None, None, -1),
        slice(4, 0, -2),
    ):
        assert texts[part] == values[part]
    assert texts[-1] == "e"
    with pytest.raises(IndexError):
        texts[5]


def test_texts_are_written_and_read_without_an_import_of_pandas(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from training_scripts.graph_ml.text_files import order_of, read_texts, write_texts
file = Path({str(tmp_path / "t.arrow")!r})
write_texts(file, "id", ["a", None])
order_of(read_texts(file, "id"))
print(sorted({{"pandas", "polars", "pyarrow.dataset"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
