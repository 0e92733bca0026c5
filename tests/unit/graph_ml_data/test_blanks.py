"""Data processing reads a file written by hand as the loader reads it, cell by cell, from one table of oddities."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.unit.graphs.test_csv_oddities import ODDITIES
from training_scripts.graph_ml.processing.blanks import tidied
from training_scripts.graph_ml.processing.engines.local import PolarsEngine
from training_scripts.graph_ml.processing.files import open_export
from training_scripts.graph_ml.processing.workspace import Workspace

# with blanks in the header, as every file of the guide has them; empty strings are a rule of the loader alone
WRITTEN = {
    name: (text, held)
    for name, (text, (_, held)) in ODDITIES.items()
    if "allow" not in name and name not in ("a blank line", "a quote inside a text")
}


def spaced(text: str) -> str:
    header, rows = text.split("\n", 1)
    return ", ".join(part.strip() for part in header.split(",")) + "\n" + rows


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", WRITTEN)
def test_a_cell_is_what_the_loader_makes_of_it(tmp_path: Path, name: str, packed: bool) -> None:
    text, held = WRITTEN[name]
    path = tmp_path / ("v.csv.gz" if packed else "v.csv")
    path.write_bytes(gzip.compress(spaced(text).encode()) if packed else spaced(text).encode())
    room = Workspace(tmp_path / "staging")
    room.folder.mkdir()
    file = open_export(tmp_path, "v.csv", ",", room, PolarsEngine())
    assert (file.rows, file.column("~id").texts()) == (1, ["v"])
    for column in file.columns:
        key = column.partition(":")[0]
        if key.startswith("~"):
            continue
        (cell,) = file.column(key).texts()
        _, parts = file.column(key).split(";") if "[]" in column else ([], None)
        found = list(parts.texts()) if parts is not None else [cell] if cell is not None else []
        assert [str(value).lower() for value in found] == [str(value).lower() for value in held.get(key, [])], column


def test_a_file_without_blanks_in_its_header_is_left_where_it_is(tmp_path: Path) -> None:
    for text in ("~id,name\nv, x\n", '~id,"first, last"\nv,x\n', "~id;name x\nv;x\n"):
        path = tmp_path / "v.csv"
        path.write_text(text)
        assert tidied(path, ";" if ";" in text else ",", tmp_path) == path


def test_lines_of_a_bad_cell_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text('~id, n\nv, "1"\nw, x\n')
    room = Workspace(tmp_path / "staging")
    room.folder.mkdir()
    file = open_export(tmp_path, "v.csv", ",", room, PolarsEngine())
    assert "line 3" in str(file.problem(1, "n", "is odd"))


def test_a_long_text_is_read(tmp_path: Path) -> None:
    text = "x" * 300_000  # beyond what the csv module takes by itself
    (tmp_path / "v.csv").write_text(f'~id, text\nv, "{text}" \n')
    room = Workspace(tmp_path / "staging")
    room.folder.mkdir()
    assert open_export(tmp_path, "v.csv", ",", room, PolarsEngine()).column("text").texts() == [text]
