"""Neptune's CSV into the store."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workflow.graphs.files import bulk, csv_rows
from workflow.graphs.files.bulk import CsvLoad
from workflow.graphs.files.csv_rows import CHUNK_ROWS
from workflow.graphs.files.loading import FileReport, LoadRules
from workflow.graphs.files.neptune_csv import FileRefused, parse_header
from workflow.graphs.store.store import EmbeddedGraph
from workflow.values.numbers import Byte, Float, Long, Short


def load(graph: EmbeddedGraph, text: str, name: str = "f.csv", **rules: bool) -> FileReport:
    return CsvLoad(graph).load(io.BytesIO(text.encode()), name, LoadRules(**rules))


def values(graph: EmbeddedGraph, id: str) -> dict[str, list[Any]]:
    row = graph.vertex_row(id)
    assert row is not None
    found: dict[str, list[Any]] = {}
    for held in graph.vertex_properties(row):
        found.setdefault(held.key, []).append(held.value)
    return found


def test_every_column_type_becomes_its_class() -> None:
    graph = EmbeddedGraph()
    report = load(
        graph,
        "~id,~label,a:Bool,b:Byte,c:Short,d:Int,e:Long,f:Float,g:Double,h:String,i:Date,j\n"
        'v,T,TRUE,-128,32767,5,9000000000,0.1,1e3,"x, ""y""",2024-02-29T10:00:00Z,plain\n',
    )
    assert report.failures == 0
    found = {key: held[0] for key, held in values(graph, "v").items()}
    assert found == {
        "a": True,
        "b": -128,
        "c": 32767,
        "d": 5,
        "e": 9000000000,
        # 0.1 as a 32-bit number
        "f": 0.10000000149011612,
        "g": 1000.0,
        "h": 'x, "y"',
        "i": dt.datetime(2024, 2, 29, 10, tzinfo=dt.UTC),
        "j": "plain",
    }
    kinds = [type(found[key]) for key in "abcdefg"]
    assert kinds == [bool, Byte, Short, int, Long, Float, float]


def test_arrays_are_sets_and_an_escaped_semicolon_is_part_of_a_value() -> None:
    graph = EmbeddedGraph()
    load(graph, "~id,~label,tag:String[],n:Int[](set)\nv,A;B,a;b;a\\;c;a,1;2;1\nw,A,only,\n")
    assert values(graph, "v") == {"tag": ["a", "b", "a;c"], "n": [1, 2]}
    assert values(graph, "w") == {"tag": ["only"]}
    assert graph.vertex_label(0) == "A::B"
    ids = [p.id for p in graph.vertex_properties(0)]
    assert len(set(ids)) == 5


def test_a_quoted_nothing_is_no_value_unless_empty_strings_are_allowed() -> None:
    text = '~id,~label,s:String,t:String,n:Int\nv,,"",,\n'
    graph = EmbeddedGraph()
    load(graph, text)
    assert (graph.vertex_label(0), values(graph, "v")) == ("vertex", {})
    other = EmbeddedGraph()
    load(other, text, keep_empty_strings=True)
    assert values(other, "v") == {"s": [""]}


def test_edges_find_their_ends_by_id() -> None:
    graph = EmbeddedGraph()
    load(graph, "~id,~label\na,T\nb,T\n")
    report = load(graph, "~id,~from,~to,~label,w:Double,k:String\ne,a,b,knows,0.5,x\nf,b,a,knows,,\ng,a,a,,1,\n")
    assert report.records == 3
    assert graph.neighbours(0, "out") == [1, 0]
    assert [graph.edge_values(row) for row in graph.edges()] == [{"w": 0.5, "k": "x"}, {}, {"w": 1.0}]
    assert graph.edge_label(2) == "edge"


def test_an_edge_without_its_vertex_names_line_and_vertex() -> None:
    graph = EmbeddedGraph()
    load(graph, "~id,~label\na,T\n")
    report = load(graph, "~id,~from,~to,~label\ne,a,a,x\nf,a,nobody,x\ng,a,a,x\n", fail_on_error=False)
    (error,) = report.errors
    assert (error.code, error.line) == ("FROM_OR_TO_VERTEX_ARE_MISSING", 3)
    assert "'nobody'" in error.message
    assert [graph.edge_id(row) for row in graph.edges()] == ["e", "g"]


BAD_ROWS = "~id,~label,n:Int\nok1,T,1\nshort,T\nbad,T,x1\n,T,5\nbig,T,3000000000\n\nok2,T,2\n"


def test_bad_rows_are_listed_by_line_and_the_rest_is_loaded() -> None:
    graph = EmbeddedGraph()
    report = load(graph, BAD_ROWS, fail_on_error=False)
    assert [(error.code, error.line) for error in report.errors] == [
        ("PARSING_ERROR", 3),
        ("DATATYPE_MISMATCH_ERROR", 4),
        ("PARSING_ERROR", 5),
        ("DATATYPE_MISMATCH_ERROR", 6),
    ]
    assert [graph.vertex_id(row) for row in graph.vertices()] == ["ok1", "ok2"]


def test_with_fail_on_error_a_bad_row_keeps_the_whole_file_out() -> None:
    graph = EmbeddedGraph()
    report = load(graph, BAD_ROWS)
    assert len(report.errors) == 1
    assert graph.vertex_count() == 0


def test_lines_are_counted_across_quoted_newlines() -> None:
    report = load(EmbeddedGraph(), '~id,~label,s,n:Int\na,T,"one\ntwo",1\nb,T,x,y\n', fail_on_error=False)
    assert [error.line for error in report.errors] == [4]


def test_an_unfinished_quote_is_an_error_of_its_line() -> None:
    graph = EmbeddedGraph()
    report = load(graph, '~id,~label,s\na,T,x\nb,T,"never closed\n', fail_on_error=False)
    assert [error.code for error in report.errors] == ["PARSING_ERROR"]
    assert graph.vertex_count() == 1


def test_bytes_that_are_no_utf8_are_an_error_of_the_file() -> None:
    report = CsvLoad(EmbeddedGraph()).load(io.BytesIO(b"~id,~label\n\xff\xfe,T\n"), "f.csv", LoadRules())
    assert [error.code for error in report.errors] == ["PARSING_ERROR"]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("~label,n:Int", "no column ~id"),
        ("~id,~from,~label", "both ~from and ~to"),
        ("~id,~label,n:Number", "no type 'Number'"),
        ("~id,~label,n,n", "stands twice"),
        ("~id,~label,~color", "no column of Neptune's"),
        ("~id,~from,~to,~label,n:Int[]", "one value only"),
        ("~id,~label,n:Int(list)", "cardinality is single or set"),
    ],
)
def test_a_header_that_cannot_be_right_is_refused(header: str, words: str) -> None:
    with pytest.raises(FileRefused, match=words):
        parse_header(header.split(","))


def test_a_colon_in_a_name_is_escaped() -> None:
    assert parse_header(["~id", "a\\:b:Int(single)"]).columns[0].key == "a:b"


def test_a_byte_order_mark_and_windows_lines_do_no_harm() -> None:
    graph = EmbeddedGraph()
    assert load(graph, "\ufeff~id,~label,n:Int\r\nv,T,1\r\n").failures == 0
    assert values(graph, "v") == {"n": [1]}


def test_a_known_vertex_is_merged_by_cardinality() -> None:
    graph = EmbeddedGraph()
    text = "~id,~label,tag:String,name:String(single)\nv,A,x,N\nv,B,y,N\nv,A,x,N\n"
    report = load(graph, text)
    assert report.failures == 0
    # the third row brings nothing that the first two did not
    assert report.duplicates == 1
    assert values(graph, "v") == {"tag": ["x", "y"], "name": ["N"]}
    assert graph.vertex_label(0) == "A::B"
    assert [graph.vertex_id(v) for v in graph.vertices(["B"])] == ["v"]


def test_another_single_value_is_an_error_unless_updates_are_allowed() -> None:
    graph = EmbeddedGraph()
    load(graph, "~id,~label,name:String(single)\nv,A,N\n")
    again = "~id,~label,name:String(single)\nv,A,M\n"
    report = load(graph, again)
    assert [(error.code, error.line) for error in report.errors] == [("INSERT_ERROR", 2)]
    assert values(graph, "v") == {"name": ["N"]}
    assert load(graph, again, update_single=True).failures == 0
    assert values(graph, "v") == {"name": ["M"]}


def test_a_known_edge_may_gain_properties_but_not_move() -> None:
    graph = EmbeddedGraph()
    load(graph, "~id,~label\na,T\nb,T\n")
    load(graph, "~id,~from,~to,~label,w:Int\ne,a,b,x,1\n")
    assert load(graph, "~id,~from,~to,~label,k:Int\ne,a,b,x,2\n").failures == 0
    assert graph.edge_values(0) == {"w": 1, "k": 2}
    assert load(graph, "~id,~from,~to,~label\ne,b,a,x\n").insert_errors == 1
    assert load(graph, "~id,~from,~to,~label,w:Int\ne,a,b,x,1\n").duplicates == 1


def test_a_compressed_file_is_read_by_its_name() -> None:
    graph = EmbeddedGraph()
    data = gzip.compress(b"~id,~label\nv,T\n")
    assert CsvLoad(graph).load(io.BytesIO(data), "f.csv.gz", LoadRules()).records == 1
    broken = CsvLoad(graph).load(io.BytesIO(data[:-5]), "f.csv.gz", LoadRules())
    assert broken.parsing_errors == 1
    wrong = CsvLoad(graph).load(io.BytesIO(b"~id\nv\n"), "f.csv.gz", LoadRules())
    assert wrong.parsing_errors == 1


def test_a_file_of_several_chunks_keeps_rows_columns_and_lines_together() -> None:
    size = CHUNK_ROWS + 10
    graph = EmbeddedGraph()
    rows = "".join(f"v{n},L{n % 3},{n},{'' if n % 2 else n}\n" for n in range(size))
    report = load(graph, "~id,~label,n:Int,m:Long\n" + rows + "bad,L,x,\n", fail_on_error=False)
    assert [error.line for error in report.errors] == [size + 2]
    assert graph.vertex_count() == size
    for n in (0, 1, CHUNK_ROWS - 1, CHUNK_ROWS, size - 1):
        assert values(graph, f"v{n}") == {"n": [n]} if n % 2 else {"n": [n], "m": [n]}
        assert graph.vertex_label(n) == f"L{n % 3}"


def test_the_air_routes_load_whole(data_folder: Path) -> None:
    graph = EmbeddedGraph()
    for name in ("nodes.csv.gz", "edges.csv.gz"):
        with (data_folder / "air-routes" / name).open("rb") as file:
            assert CsvLoad(graph).load(file, name, LoadRules()).failures == 0
    # counts as the data's README gives them
    assert (graph.vertex_count(), graph.edge_count()) == (3749, 57645)
    assert (len(list(graph.edges(["route"]))), len(list(graph.edges(["contains"])))) == (50637, 7008)
    (atlanta,) = graph.find_vertices("airport", "code", "ATL") or ()
    assert values(graph, "1")["city"] == ["Atlanta"]
    assert graph.vertex_id(atlanta) == "1"


class Endless(io.RawIOBase):
    """A file that begins as it says and never ends its last line, as a few packed kilobytes can."""

    def __init__(self, begin: str) -> None:
        self.begin, self.given = begin.encode(), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = (self.begin or b"x" * len(buffer))[: len(buffer)]
        self.begin = self.begin[len(piece) :]
        buffer[: len(piece)] = piece
        self.given += len(piece)
        return len(piece)


@pytest.mark.parametrize(
    "begin",
    ['~id,"', "~id,~label\na,", '~id,~label\n"a",b\n', '~id,~label\na,"b\n'],
    ids=["header", "row", "after a quote", "inside a quote"],
)
def test_a_line_without_end_is_given_up(begin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "LONGEST_LINE", 1 << 22)
    file = Endless(begin)
    report = CsvLoad(EmbeddedGraph()).load(io.BufferedReader(file), "f.csv", LoadRules())
    assert report.failures >= 1
    assert file.given < 1 << 26


class Interrupted(io.BytesIO):
    """A file; at its end somebody else does something."""

    def __init__(self, text: str, then: Callable[[], object]) -> None:
        super().__init__(text.encode())
        self._then = [then]

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        if not found and self._then:
            self._then.pop()()
        return found


def put(graph: EmbeddedGraph, *ids: str) -> None:
    tx = graph.begin()
    for id in ids:
        tx.set_vertex_property(tx.add_vertex(id, "other"), "n", 9, "single")
    tx.commit()


def take_away(graph: EmbeddedGraph, id: str) -> None:
    tx = graph.begin()
    row = tx.graph.vertex_row(id)
    assert row is not None
    tx.remove_vertex(row)
    tx.commit()


def test_a_vertex_that_others_add_while_its_file_is_loaded_is_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "BLOCK_BYTES", 16)
    graph = EmbeddedGraph()
    stream = Interrupted("~id,~label,m:Int\n" + "".join(f"v{n},a,{n}\n" for n in range(20)), lambda: put(graph, "v7"))
    report = CsvLoad(graph).load(stream, "v.csv", LoadRules())
    assert (report.failures, report.records, graph.vertex_count()) == (0, 20, 20)
    row = graph.vertex_row("v7")
    assert row is not None
    assert {one.key: one.value for one in graph.vertex_properties(row)} == {"n": 9, "m": 7}
    assert graph.vertex_label(row) == "other::a"


def test_edges_keep_their_ends_though_others_remove_and_add_vertices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "BLOCK_BYTES", 16)
    graph = EmbeddedGraph()
    put(graph, *(f"v{n}" for n in range(20)))

    def others() -> None:
        take_away(graph, "v3")
        for number in range(5):
            put(graph, f"new{number}")  # one of them would have the row of v3, were it free
            take_away(graph, f"new{number}")
        put(graph, "last")

    text = "~id,~from,~to,~label\n" + "".join(f"e{n},v{n},v{(n + 1) % 20},x\n" for n in range(20))
    report = CsvLoad(graph).load(Interrupted(text, others), "e.csv", LoadRules(fail_on_error=False))
    assert report.failures == 2  # those from and to v3
    edges = {
        graph.edge_id(e): (graph.vertex_id(graph.edge_source(e)), graph.vertex_id(graph.edge_target(e)))
        for e in graph.edges()
    }
    assert edges == {f"e{n}": (f"v{n}", f"v{(n + 1) % 20}") for n in range(20) if n not in (2, 3)}


def test_a_load_that_meets_a_writer_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = EmbeddedGraph()
    put(graph, "v0", "v1")
    merge, met = bulk._MERGES["vertices"], []

    def merge_beside(*args: Any) -> Any:
        if not met:
            met.append(True)
            tx = graph.begin()
            tx.set_vertex_property(1, "m", 5, "single")
            tx.commit()
        return merge(*args)

    monkeypatch.setitem(bulk._MERGES, "vertices", merge_beside)
    monkeypatch.setattr("workflow.graphs.store.turns.PATIENCE_S", 0)
    report = CsvLoad(graph).load(io.BytesIO(b"~id,~label,m:Int\nv0,other,1\nv1,other,2\n"), "v.csv", LoadRules())
    assert (report.failures, report.duplicates) == (0, 0)
    assert [list(graph.vertex_values(row, "m")) for row in (0, 1)] == [[1], [5, 2]]


def test_edges_of_many_small_files_lie_as_those_of_one_file() -> None:
    rng = random.Random(3)
    vertices = "~id,~label\n" + "".join(f"v{n},T\n" for n in range(300))
    rows = [f"e{n},v{rng.randrange(300)},v{rng.randrange(300)},{rng.choice('xy')}\n" for n in range(4000)]
    head = "~id,~from,~to,~label\n"

    def loaded(parts: list[list[str]]) -> Any:
        graph = EmbeddedGraph()
        for name, text in (("v.csv", vertices), *((f"e{n}.csv", head + "".join(part)) for n, part in enumerate(parts))):
            report = CsvLoad(graph).load(io.BytesIO(text.encode()), name, LoadRules(True, False, False))
            assert not report.failures
        return [
            [[graph.edge_id(edge) for edge in graph.incident(row, way, [label])] for way in ("out", "in")]
            for label in "xy"
            for row in graph.vertices()
        ]

    whole = loaded([rows])
    # of some every edge is put in by itself, of others all at once, and some change from one to the other
    for size in (100, 600, 1999):
        assert loaded([rows[first : first + size] for first in range(0, len(rows), size)]) == whole


def test_edges_are_put_behind_those_that_were_written_one_by_one() -> None:
    graph = EmbeddedGraph()
    tx = graph.begin()
    a, b = tx.add_vertex("a", "T"), tx.add_vertex("b", "T")
    first, gone = tx.add_edge("first", "x", a, b), tx.add_edge("gone", "x", a, b)
    tx.commit()
    tx = graph.begin()
    tx.remove_edge(gone)
    tx.commit()
    rows = "~id,~from,~to,~label\n" + "".join(f"e{n},a,b,x\n" for n in range(1000))
    assert not CsvLoad(graph).load(io.BytesIO(rows.encode()), "e.csv", LoadRules(True, False, False)).failures
    expected = ["first", *(f"e{n}" for n in range(1000))]
    assert [graph.edge_id(edge) for edge in graph.incident(a, "out")] == expected
    assert [graph.edge_id(edge) for edge in graph.incident(b, "in")] == expected
    csr = graph.csr(["x"], "out")
    assert csr is not None
    assert csr.edges.tolist()[0] == first
    assert len(csr.edges) == 1001
