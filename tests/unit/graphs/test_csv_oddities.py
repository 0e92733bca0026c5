"""What the format's own example looks like loads: blanks, quotes, escapes and nothings, whichever way they are read."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from workflow.graphs.elements import Vertex
from workflow.graphs.files import csv_rows
from workflow.graphs.files.bulk import CsvLoad
from workflow.graphs.files.loading import LoadRules
from workflow.graphs.store.store import EmbeddedGraph

Element = tuple[str, dict[str, list[Any]]]

# name: lines of a file of vertices, and what the vertex v holds; ``allow`` in a name allows empty strings
ODDITIES: dict[str, tuple[str, Element]] = {
    "blanks before fields": ("~id, ~label, name:String, age:Int\nv, person, ada, 36\n",
                             ("person", {"name": ["ada"], "age": [36]})),
    "blanks behind fields": ("~id ,~label ,name:String ,age:Int \nv ,person ,ada ,36 \n",
                             ("person", {"name": ["ada"], "age": [36]})),
    "tabs around fields": ("~id\t,\t~label,\tage:Int\nv\t,\tperson\t,\t36\t\n", ("person", {"age": [36]})),
    "blanks around quotes": ('~id, "~label" , name:String\n "v" , "person" , "ada" \n',
                             ("person", {"name": ["ada"]})),
    "blanks inside quotes": ('~id,~label,name:String\nv,person," ada "\n', ("person", {"name": [" ada "]})),
    "blanks inside a text": ("~id,~label,name:String\nv,person, ada of lovelace \n",
                             ("person", {"name": ["ada of lovelace"]})),
    "a comma in quotes behind a blank": ('~id, ~label, name:String\nv, person, "ada, countess"\n',
                                         ("person", {"name": ["ada, countess"]})),
    "a quote in quotes behind a blank": ('~id,~label,name:String\nv,person, "the ""ada""" \n',
                                         ("person", {"name": ['the "ada"']})),
    "a quote inside a text": ('~id,~label,name:String\nv,person,5" pipe\n', ("person", {"name": ['5" pipe']})),
    "lines in quotes behind a blank": ('~id,~label,name:String\nv,person, "two\nlines" \n',
                                       ("person", {"name": ["two\nlines"]})),
    "only blanks are nothing": ("~id,~label,name:String,age:Int\nv,person,  ,  \n", ("person", {})),
    "nothing": ("~id,~label,name:String,age:Int\nv,person,,\n", ("person", {})),
    "a quoted nothing": ('~id,~label,name:String\nv,person,""\n', ("person", {})),
    "nothing, allow": ("~id,~label,name:String\nv,person,\n", ("person", {})),
    "only blanks, allow": ("~id,~label,name:String\nv,person,  \n", ("person", {})),
    "a quoted nothing, allow": ('~id,~label,name:String\nv,person,""\n', ("person", {"name": [""]})),
    "a quoted nothing that is no text, allow": ('~id,~label,age:Int\nv,person,""\n', ("person", {})),
    "an array": ('~id, ~label, tags:String[]\nv, person, "maths;engines"\n',
                 ("person", {"tags": ["maths", "engines"]})),
    "an escaped part of an array": ("~id,~label,tags:String[]\nv,person,a\\;b;c\n", ("person", {"tags": ["a;b", "c"]})),
    "numbers of an array": ("~id, ~label, n:Int[]\nv, person, 1;2 \n", ("person", {"n": [1, 2]})),
    "an escaped label": ("~id,~label,name:String\nv,red\\;blue,odd\n", ("red;blue", {"name": ["odd"]})),
    "escaped and several labels": ('~id, ~label\nv, "red\\;blue;green"\n', ("red;blue::green", {})),
    "no label": ("~id,~label,name:String\nv, ,ada\n", ("vertex", {"name": ["ada"]})),
    "a date": ("~id, ~label, born:Date\nv, person, 1815-12-10 \n", ("person", {"born": ["1815-12-10"]})),
    "a truth": ("~id, ~label, is:Bool\nv, person, true \n", ("person", {"is": [True]})),
    "a blank line": ("~id,~label\n\nv,person\n  \n", ("person", {})),
    "a byte order mark": ("\ufeff~id, ~label\nv, person\n", ("person", {})),
}  # fmt: skip

# ways through the reader: without quotes, behind a quoted row, behind many rows, with other line ends
WAYS: dict[str, Callable[[str, str], str]] = {
    "as it stands": lambda header, rows: header + rows,
    "behind a quoted row": lambda header, rows: header + '"q"' + "," * header.count(",") + "\n" + rows,
    "behind many rows": lambda header, rows: header
    + "".join(f"r{n}{',' * header.count(',')}\n" for n in range(600))
    + rows,
    "with the line ends of Windows": lambda header, rows: (header + rows).replace("two\nlines", "two lines")
    .replace("\n", "\r\n").replace("two lines", "two\nlines"),
    "without a last line end": lambda header, rows: (header + rows).rstrip(" \n"),
}  # fmt: skip


def loaded(text: str, allow: bool) -> Element:
    graph = EmbeddedGraph(profile="neptune")
    report = CsvLoad(graph).load(io.BytesIO(text.encode()), "f.csv", LoadRules(keep_empty_strings=allow))
    assert report.failures == 0, report
    row = graph.vertex_row("v")
    assert row is not None
    held: dict[str, list[Any]] = {}
    for found in graph.vertex_properties(row):
        value = found.value.date().isoformat() if hasattr(found.value, "date") else found.value
        held.setdefault(found.key, []).append(value)
    return Vertex(graph, row).label, held


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ODDITIES)
def test_an_oddity_loads_by_every_way(name: str, way: str) -> None:
    text, expected = ODDITIES[name]
    header, rows = text.split("\n", 1)
    assert loaded(WAYS[way](header + "\n", rows), "allow" in name) == expected


@pytest.mark.parametrize("name", ODDITIES)
def test_an_oddity_loads_in_blocks_of_a_few_bytes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "BLOCK_BYTES", 7)
    monkeypatch.setattr(csv_rows, "MARKED_LINES", 1)
    text, expected = ODDITIES[name]
    assert loaded(text, "allow" in name) == expected


def test_blanks_around_the_ends_of_an_edge_are_no_part_of_them() -> None:
    graph = EmbeddedGraph()
    CsvLoad(graph).load(io.BytesIO(b"~id, ~label\np1, person\np2, person\n"), "v.csv", LoadRules())
    text = b'~id, ~from, ~to, ~label, since:Int\nk1, p1, "p2" , knows, 1999\n'
    report = CsvLoad(graph).load(io.BytesIO(text), "e.csv", LoadRules())
    row = graph.edge_row("k1")
    assert (report.failures, row is not None) == (0, True)
    assert (graph.edge_label(row or 0), graph.edge_values(row or 0)) == ("knows", {"since": 1999})
    ends = [graph.vertex_id(end) for end in (graph.edge_source(row or 0), graph.edge_target(row or 0))]
    assert ends == ["p1", "p2"]


@pytest.mark.parametrize("cell", [" 1 2 ", " x", '" x "'])
def test_a_bad_cell_is_named_without_its_blanks(cell: str) -> None:
    graph = EmbeddedGraph()
    report = CsvLoad(graph).load(
        io.BytesIO(f"~id,~label,n:Int\nv,a,{cell}\nw,a, 2\n".encode()), "f.csv", LoadRules(fail_on_error=False)
    )
    assert report.failures == 1
    assert graph.vertex_row("w") is not None
