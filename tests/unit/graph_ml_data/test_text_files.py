"""Files of texts hold what was written, and cost no import of a library of tables."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from training_scripts.graph_ml import text_files
from training_scripts.graph_ml.graph.folder import Texts
from training_scripts.graph_ml.text_files import read_texts, write_texts

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("values", [[], [None], [""], ["a", None, "", "zürich", "日本", None, "x" * 300] * 3], ids=len)
@pytest.mark.parametrize("batch", [1, 4, 65_536])
def test_another_reader_finds_the_texts_that_were_written(
    values: list[str | None], batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "_BATCH", batch)
    write_texts(tmp_path / "t.parquet", "name", values)
    read = pl.read_parquet(tmp_path / "t.parquet")
    assert (read.columns, read.dtypes) == (["name"], [pl.String])
    assert read["name"].to_list() == values
    assert read_texts(tmp_path / "t.parquet", "name") == values


def test_texts_that_arrow_has_already_are_written_as_they_are(tmp_path: Path) -> None:
    arrow = pl.Series(["b", "a"]).to_arrow()
    write_texts(tmp_path / "t.parquet", "id", Texts().joined(arrow))
    assert read_texts(tmp_path / "t.parquet", "id") == ["b", "a"]


def test_texts_are_written_and_read_without_an_import_of_pandas(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from training_scripts.graph_ml.text_files import read_texts, write_texts
file = Path({str(tmp_path / "t.parquet")!r})
write_texts(file, "id", ["a", None])
read_texts(file, "id")
print(sorted({{"pandas", "polars", "pyarrow.dataset"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
