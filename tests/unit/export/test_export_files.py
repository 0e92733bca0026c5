"""What the files of an export look like, byte for byte."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote_plus

import pytest

from workflow.errors import ExportFailed, PreconditionsFailed
from workflow.export.cells import all_quoted, cell, instant, plain, quoted
from workflow.export.labels import file_name, split_labels
from workflow.graphs.source import RECORDS_AT_ONCE
from workflow.values.numbers import Byte, Float, Long


def _cell(*values: Any, **options: bool) -> str:
    given = {"as_text": False, "escape_single": False, "escape_newline": False, **options}
    return cell(values, ";", **given)


def test_the_walkthrough_gives_the_published_files(export: Any) -> None:
    bill = export.node("Bill", "User", interests=["gardening", "chess"])
    terry = export.node("Terry", "User", interests=["chess", "cooking"])
    henry = export.node("Henry", "User", interests="sailing")
    out = export(
        [bill, terry, henry],
        [export.edge("f1", "FRIEND", bill, terry), export.edge("f2", "FRIEND", bill, henry)],
        ml={
            "version": "v2.0",
            "targets": [{"edge": ["User", "FRIEND", "User"], "type": "link_prediction", "split_rate": [0.8, 0.2, 0.0]}],
            "features": [{"node": "User", "property": "interests", "type": "category", "separator": ";"}],
        },
    )
    assert out.text("nodes/User.consolidated.csv") == (
        "~id,~label,interests\n"
        '"Bill","User","gardening;chess"\n'
        '"Terry","User","chess;cooking"\n'
        '"Henry","User","sailing"\n'
    )
    assert out.text("edges/%28User%29-FRIEND-%28User%29.consolidated.csv") == (
        "~id,~label,~from,~to,~fromLabels,~toLabels\n"
        '"f1","FRIEND","Bill","Terry","User","User"\n'
        '"f2","FRIEND","Bill","Henry","User","User"\n'
    )
    assert out.configuration == {
        "version": "v2.0",
        "query_engine": "gremlin",
        "graph": {
            "nodes": [
                {
                    "file_name": "nodes/User.consolidated.csv",
                    "separator": ",",
                    "node": ["~id", "User"],
                    "features": [{"feature": ["interests", "interests", "category"], "separator": ";"}],
                }
            ],
            "edges": [
                {
                    "file_name": "edges/%28User%29-FRIEND-%28User%29.consolidated.csv",
                    "separator": ",",
                    "source": ["~from", "User"],
                    "relation": ["", "FRIEND"],
                    "dest": ["~to", "User"],
                    "features": [],
                    "labels": [{"label": ["", "link_prediction"], "split_rate": [0.8, 0.2, 0.0]}],
                }
            ],
        },
        "warnings": [],
    }
    assert out.files == [
        "config.json",
        "edges/%28User%29-FRIEND-%28User%29.consolidated.csv",
        "nodes/User.consolidated.csv",
        "stats.json",
        "training-data-configuration.json",
    ]


def test_missing_values_and_late_columns_leave_empty_cells(export: Any) -> None:
    out = export(
        [
            export.node("1", "A", name='say "hi"\nthere'),
            export.node("2", "A", name="", age=4),
            export.node("3", "A"),
            export.node("4", "A", extra=True, name="x"),
        ],
        ml={},
    )
    assert out.text("nodes/A.consolidated.csv") == (
        '~id,~label,name,age,extra\n"1","A","say ""hi""\nthere",,\n"2","A",,4,\n"3","A",,,\n"4","A","x",,true\n'
    )


def test_several_labels_are_sorted_joined_and_url_encoded(export: Any) -> None:
    person, robot = export.node("p", ("Person", "Admin")), export.node("r", "Ro bot")
    out = export([person, robot], [export.edge("e", "a/b", person, robot)], ml={})
    assert out.files[1:3] == [
        "edges/%28Admin%3BPerson%29-a%2Fb-%28Ro+bot%29.consolidated.csv",
        "nodes/Admin%3BPerson.consolidated.csv",
    ]
    assert out.text("nodes/Admin%3BPerson.consolidated.csv").splitlines()[1] == '"p","Admin;Person"'
    assert out.configuration["graph"]["nodes"][0]["node"] == ["~id", "Admin;Person"]
    assert out.configuration["graph"]["edges"][0]["source"] == ["~from", "Admin;Person"]


def test_an_end_without_labels_is_an_underscore(export: Any) -> None:
    bare, named = export.node("1", ()), export.node("2", "N")
    out = export([bare, named], [export.edge("e", "to", bare, named)], ml={})
    assert "edges/%28_%29-to-%28N%29.consolidated.csv" in out.files


def test_a_name_beyond_250_bytes_becomes_its_sha1() -> None:
    encoded = quote_plus("ä" * 100 + ".consolidated")
    assert file_name("ä" * 100, ".consolidated") == hashlib.sha1(encoded.encode()).hexdigest() + ".csv"
    assert file_name("~*-_.", "") == "%7E*-_..csv"


def test_a_single_string_may_name_several_labels() -> None:
    assert split_labels("B;A") == split_labels("B::A") == ("A", "B")
    assert split_labels(r"a\;b") == ("a;b",)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((12.5,), "12.5"),
        ((1e20,), "1.0E20"),
        ((1e-5, 123456789.5), "1.0E-5;1.234567895E8"),
        ((-9999999.5,), "-9999999.5"),
        ((Float(0.1),), "0.1"),
        ((True,), "true"),
        ((Byte(3),), "3"),
        ((Long(2**40),), "1099511627776"),
        ((1, 2), "1;2"),
        (("a;b", "c"), r'"a\;b;c"'),
        (("a;b",), '"a;b"'),
        (("",), ""),
        ((float("nan"),), "NaN"),
        ((float("-inf"),), "-Infinity"),
        ((datetime(2024, 3, 1, tzinfo=UTC),), "2024-03-01T00:00:00Z"),
        ((1, "a"), '"1;a"'),
    ],
)
def test_a_value_is_written_in_its_form(values: tuple[Any, ...], text: str) -> None:
    assert _cell(*values) == text


def test_cells_follow_what_their_column_needs() -> None:
    assert _cell(5, as_text=True) == '"5"'
    assert _cell("a;b", escape_single=True) == r'"a\;b"'
    assert _cell("a\nb", escape_newline=True) == r'"a\nb"'
    assert quoted('"') == '""""'
    assert plain(datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == "2024-01-01T00:00:00Z"
    assert instant(datetime(2024, 1, 1, 0, 0, 0, 1500)) == "2024-01-01T00:00:00.001500Z"
    assert instant(datetime(2024, 1, 1, 0, 0, 0, 120000)) == "2024-01-01T00:00:00.120Z"


@pytest.mark.parametrize(
    "texts", [[], ["a"], ["a", "b c"], ["a", ""], ["", ""], ['say "a"', "b"], ["a\0b", "c"], ["\0", ""]]
)
def test_many_cells_are_quoted_as_each_of_them(texts: list[str]) -> None:
    assert all_quoted(texts) == list(map(quoted, texts))


def test_a_text_late_in_a_column_of_numbers_quotes_the_whole_column(export: Any) -> None:
    graph = export.Graph([export.node("1", "A", code=7), export.node("2", "A", code="x")], [])
    out = export(graph, ml={})
    assert out.text("nodes/A.consolidated.csv") == '~id,~label,code\n"1","A","7"\n"2","A","x"\n'
    assert graph.passes == 1


def test_a_text_that_comes_when_numbers_were_written_costs_a_second_pass(export: Any) -> None:
    numbers = [export.node(str(n), "A", code=n) for n in range(RECORDS_AT_ONCE)]
    graph = export.Graph([*numbers, export.node("last", "A", code="x")], [])
    lines = export(graph, ml={}).text("nodes/A.consolidated.csv").splitlines()
    assert (lines[1], lines[-1]) == ('"0","A","0"', '"last","A","x"')
    assert graph.passes == 2


def test_a_second_value_late_in_a_column_escapes_the_separator_before_it(export: Any) -> None:
    out = export([export.node("1", "A", tag="a;b"), export.node("2", "A", tag=["c", "d"])], ml={})
    assert out.text("nodes/A.consolidated.csv") == '~id,~label,tag\n"1","A","a\\;b"\n"2","A","c;d"\n'


def test_a_graph_that_needs_no_correction_is_read_once(export: Any) -> None:
    graph = export.Graph([export.node(str(n), "A", **{f"p{n}": n}) for n in range(5000)], [])
    export(graph, ml={})
    assert graph.passes == 1


def test_without_the_profile_headers_carry_types(export: Any) -> None:
    a = export.node("1", "A", n=1, tags=["x", "y"], at=datetime(2024, 1, 1))
    out = export([a], [export.edge("e", "l", a, a, w=0.5)])
    assert out.text("nodes/A-1.csv").splitlines()[0] == "~id,~label,n:int,tags:string[],at:date"
    assert out.text("edges/l-1.csv") == '~id,~label,~from,~to,w:double\n"e","l","1","1",0.5\n'
    assert "training-data-configuration.json" not in out.files


@pytest.mark.parametrize(
    ("params", "header"),
    [
        ({"excludeTypeDefinitions": True}, "~id,~label,n"),
        ({"format": "csvNoHeaders"}, '"1","A",1'),
        ({"tokensOnly": "nodes"}, "~id,~label"),
    ],
)
def test_parameters_of_the_file_form_are_honoured(export: Any, params: dict[str, Any], header: str) -> None:
    assert export([export.node("1", "A", n=1)], **params).text("nodes/A-1.csv").splitlines()[0] == header


def test_colons_and_commas_in_names_do_not_break_a_header(export: Any) -> None:
    nodes = [export.node("1", "A", **{"a:b": 1, "c,d": "x", 'e"f': "y"})]
    assert export(nodes).text("nodes/A-1.csv").splitlines()[0] == '~id,~label,a:b:int,"c,d:string","e""f:string"'
    out = export(nodes, escapeCsvHeaders="true")
    assert out.text("nodes/A-1.csv").splitlines()[0] == '~id,~label,a\\:b:int,"c,d:string","e""f:string"'


def test_selections_restrict_labels_and_properties(export: Any) -> None:
    a, b = export.node("a", "A", keep=1, drop=2), export.node("b", "B")
    out = export(
        [a, b],
        [export.edge("1", "x", a, b, keep=1, drop=2), export.edge("2", "y", a, b)],
        ml={},
        filter={
            "nodes": [{"label": "A", "properties": ["keep"]}, {"label": "B"}],
            "edges": [{"label": {"~label": "x"}, "properties": ["keep"]}],
        },
    )
    assert [one for one in out.files if "/" in one] == [
        "edges/%28A%29-x-%28B%29.consolidated.csv",
        "nodes/A.consolidated.csv",
        "nodes/B.consolidated.csv",
    ]
    assert out.text("nodes/A.consolidated.csv") == '~id,~label,keep\n"a","A",1\n'
    assert out.text(out.files[1]).splitlines()[0] == "~id,~label,~from,~to,~fromLabels,~toLabels,keep"


def test_scope_and_labels_choose_what_is_written(export: Any) -> None:
    a = export.node("a", "A")
    assert export([a], [export.edge("1", "x", a, a)], scope="edges", edgeLabels=["x"]).files[1:2] == ["edges/x-1.csv"]


def test_schema_and_counts_are_written_beside_the_data(export: Any) -> None:
    a, b = export.node("a", "A", tags=["x", "y"], n=1), export.node("b", "A", n=2.5)
    out = export([a, b], [export.edge("e", "L", a, b)], ml={})
    assert out.json("config.json") == {
        "nodes": [
            {
                "label": "A",
                "properties": [
                    {
                        "property": "tags",
                        "dataType": "String",
                        "isMultiValue": True,
                        "isNullable": True,
                        "allTypes": ["String"],
                    },
                    {
                        "property": "n",
                        "dataType": "Double",
                        "isMultiValue": False,
                        "isNullable": False,
                        "allTypes": ["Integer", "Double"],
                    },
                ],
            }
        ],
        "edges": [{"label": {"~label": "L", "~fromLabels": ["A"], "~toLabels": ["A"]}, "properties": []}],
    }
    stats = out.json("stats.json")["stats"]
    assert (stats["nodes"], stats["edges"], stats["properties"]) == (2, 1, 3)
    assert stats["details"]["nodes"][0]["properties"][0] == {
        "name": "tags",
        "count": 1,  # elements that have it
        "numberOfRecords": 2,  # values
        "minCardinality": 2,
        "maxCardinality": 2,
        "isNullable": True,
        "dataTypes": {"inferred": "String", "counts": [{"String": 2}]},
    }
    assert stats["details"]["edges"][0]["description"] == "(A)-L-(A)"
    assert stats["details"]["edges"][0]["labels"] == {"from": ["A"], "edge": ["L"], "to": ["A"]}


def test_an_empty_text_is_a_value_whose_cell_does_not_count(export: Any) -> None:
    out = export([export.node("a", "A", t=""), export.node("b", "A", t="x")], ml={})
    facts = out.json("stats.json")["stats"]["details"]["nodes"][0]["properties"][0]
    assert (facts["count"], facts["numberOfRecords"], facts["isNullable"]) == (1, 2, False)


def test_edges_told_apart_by_their_label_only_have_no_ends_in_the_counts(export: Any) -> None:
    a = export.node("a", "A")
    details = export([a], [export.edge("e", "L", a, a)]).json("stats.json")["stats"]["details"]
    assert details["edges"] == [{"description": "L", "labels": {"edge": ["L"]}, "count": 1, "properties": []}]


def test_counts_that_differ_from_the_graph_fail_and_name_the_label(export: Any) -> None:
    graph = export.Graph([export.node("a", "A"), export.node("b", "B")], [])
    graph.node_counts = lambda: {("A",): 1, ("B",): 3, ("C",): 2}
    with pytest.raises(ExportFailed, match=r"nodes B: 1 written of 3; nodes C: 0 written of 2"):
        export(graph, ml={})


def test_an_empty_graph_is_refused(export: Any) -> None:
    with pytest.raises(PreconditionsFailed, match="the graph is empty"):
        export([], ml={})
