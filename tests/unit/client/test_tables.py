"""Frames of every make and dtype are written right or refused with the row; never altered in silence."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from workflow.client.connection import Connection
from workflow.client.frames import write_neptune_csv
from workflow.client.tables import check_against_graph
from workflow.client.workflow import Workflow
from workflow.errors import InvalidParameter
from workflow.storage.local import LocalStorage
from workflow.storage.uri import S3Uri


def column(frame: Any, name: str = "x") -> tuple[str, list[str]]:
    """The header and cells of one column of nodes."""
    rows = list(csv.reader(io.StringIO(write_neptune_csv(frame, kind="nodes").decode())))
    place = next(n for n, header in enumerate(rows[0]) if header.partition(":")[0] == name)
    return rows[0][place], [row[place] for row in rows[1:]]


def nodes(values: Any) -> pd.DataFrame:
    return pd.DataFrame({"~id": [str(n) for n in range(len(values))], "~label": "T", "x": values})


EAST = timezone(timedelta(hours=2))
AT = datetime(2026, 1, 5, 10, 0, tzinfo=EAST)


@pytest.mark.parametrize(
    ("values", "header", "cells"),
    [
        (pd.Series([1, 2]), "x:Long", ["1", "2"]),
        (pd.Series([1, None], dtype="Int64"), "x:Long", ["1", ""]),
        (pd.Series([1, None], dtype="int64[pyarrow]"), "x:Long", ["1", ""]),
        (pd.Series([0.5, np.nan]), "x:Double", ["0.5", ""]),
        (pd.Series([True, False]), "x:Bool", ["True", "False"]),
        (pd.Series([True, None]), "x:Bool", ["True", ""]),
        (pd.Series([True, None], dtype="boolean"), "x:Bool", ["True", ""]),
        (pd.Series(["a", None]), "x:String", ["a", ""]),
        (pd.Series(["a", pd.NA], dtype="string"), "x:String", ["a", ""]),
        (pd.Series(["b", "a"], dtype="category"), "x:String", ["b", "a"]),
        (pd.Series([datetime(2026, 1, 5), None]), "x:Date", ["2026-01-05T00:00:00", ""]),
        (pd.Series([AT, None]), "x:Date", ["2026-01-05T08:00:00Z", ""]),
        (pd.Series([date(2026, 1, 5), None]), "x:Date", ["2026-01-05", ""]),
        (pd.Series([["a", "b;c"], None]), "x:String[]", ["a;b\\;c", ""]),
        (pd.Series([[1, 2], [3]]), "x:Long[]", ["1;2", "3"]),
        (pd.Series([np.array([0.5, 1.0]), np.array([2.0])]), "x:Double[]", ["0.5;1.0", "2.0"]),
        (pd.Series([1, 0.5, None], dtype=object), "x:Double", ["1", "0.5", ""]),
        (pd.Series([time(10, 1), None]), "x:String", ["10:01:00", ""]),
        (pd.Series([Decimal("1.10"), None]), "x:Double", ["1.10", ""]),
        (pd.Series(pd.Categorical([1, None])), "x:Long", ["1", ""]),
        (pd.Series(pd.period_range("2026-01", periods=2, freq="M")), "x:String", ["2026-01", "2026-02"]),
        (pd.Series(pd.arrays.SparseArray([0, 1])), "x:Long", ["0", "1"]),
        (pd.Series([[], [1]]), "x:Long[]", ["", "1"]),
        (pd.Series([UUID(int=5)]), "x:String", ["00000000-0000-0000-0000-000000000005"]),
    ],
    ids=lambda value: str(value.dtype) if isinstance(value, pd.Series) else "",
)
def test_a_column_of_pandas_is_written_as_what_it_is(values: Any, header: str, cells: list[str]) -> None:
    assert column(nodes(values)) == (header, cells)


@pytest.mark.parametrize(
    ("values", "header", "cells"),
    [
        ([1, None], "x:Long", ["1", ""]),
        ([True, None], "x:Bool", ["True", ""]),
        ([["a", "b"], None], "x:String[]", ["a;b", ""]),
        ([datetime(2026, 1, 5, tzinfo=UTC), None], "x:Date", ["2026-01-05T00:00:00Z", ""]),
        ([time(10, 1), None], "x:String", ["10:01:00", ""]),
    ],
)
@pytest.mark.parametrize("make", [pl.DataFrame, pa.table])
def test_polars_and_pyarrow_say_the_same(make: Any, values: Any, header: str, cells: list[str]) -> None:
    frame = make({"~id": ["0", "1"], "~label": ["T", "T"], "x": values})
    assert column(frame) == (header, cells)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([b"ab"], "Row 0 of the frame of nodes has 'x' b'ab', which is bytes"),
        ([1 + 2j], "a complex number"),
        ([{"a": 1}], "a mapping: make a column of each of its members"),
        ([[[1], [2]]], "a list in a list"),
        ([1, 2**63], "Row 1 .* more than a whole number of 64 bits"),
        ([Decimal("0.1234567890123456789")], "more digits than a Double has"),
        ([[1, 2], 3], "holds lists and single values"),
        (["a", None, 3], "holds 'a', a text, and in row 2 3, a number: one would become the other"),
        ([True, 2], "a truth value, and in row 1 2, a number"),
        ([["a"], [1]], "a text, and in row 1 1, a number"),
        ([date(2026, 1, 5), "soon"], "a date, and in row 1 'soon', a text"),
        ([pd.Timestamp("2026-01-05T10:00:00.123456789")], "finer than the microseconds that a graph keeps"),
        ([pa.MonthDayNano([1, 2, 3])], "a length of time"),
        ([["a"], ["b", None]], r"Row 1 of the frame of nodes has 'x' \['b', None\]: a list in a graph holds nothing"),
    ],
)
def test_a_value_that_a_graph_has_no_word_for_is_refused_with_its_row_and_what_to_write(values: Any, told: str) -> None:
    with pytest.raises(InvalidParameter, match=told):
        write_neptune_csv(nodes(pd.Series(values, dtype=object)), kind="nodes")


@pytest.mark.parametrize("kind", ["moment", "time of day"])
@pytest.mark.parametrize("maker", ["pandas", "polars", "pyarrow"])
def test_what_is_finer_than_microseconds_is_refused_by_every_library(kind: str, maker: str) -> None:
    unit = pa.timestamp("ns") if kind == "moment" else pa.time64("ns")
    table = pa.table({"~id": ["0", "1"], "~label": ["T", "T"], "x": pa.array([1_000, 1_234_567], unit)})
    frame = table.to_pandas(types_mapper=pd.ArrowDtype) if maker == "pandas" else table
    frame = pl.from_arrow(table) if maker == "polars" else frame
    with pytest.raises(InvalidParameter, match=r"Row 1 of .* has 'x' .*(567 ns|\.001234567), finer than"):
        write_neptune_csv(frame, kind="nodes")
    rounded = pa.table({"~id": ["0"], "~label": ["T"], "x": pa.array([1_000], unit)})
    assert column(pl.from_arrow(rounded) if maker == "polars" else rounded)[1][0].endswith("00:00:00.000001")


def test_a_text_without_letters_is_quoted_and_a_missing_one_is_not() -> None:
    text = write_neptune_csv(nodes(pd.Series(["", None, " a ", 'b "c", d'])), kind="nodes").decode()
    assert text.splitlines()[1:] == ['0,T,""', "1,T,", '2,T," a "', '3,T,"b ""c"", d"']


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (pd.DataFrame([["a", "T", 1, 2]], columns=["~id", "~label", "x", "x"]), "has the column 'x' twice"),
        (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("~id", "y")])), "columns of several levels"),
        (pd.DataFrame({"~id": ["a", "b"], "~label": ["T", None]}), "Row 1 .* has no '~label'"),
        (pd.DataFrame({"~id": ["a", ""], "~label": "T"}), "Row 1 .* has no '~id'"),
        (pd.DataFrame({"~id": ["a", "a"], "~label": "T", "x": [1, 2]}), "Rows 0 and 1 .* have the id 'a' and other"),
        (pl.LazyFrame({"~id": ["a"], "~label": ["T"]}), "of type LazyFrame; give a data frame"),
        ({"~id": ["a"]}, "of type dict; give a data frame"),
    ],
)
def test_a_frame_that_would_become_something_else_is_refused(frame: Any, told: str) -> None:
    with pytest.raises(InvalidParameter, match=told):
        write_neptune_csv(frame, kind="nodes")


def test_names_that_are_numbers_or_have_colons_stay_the_names_of_properties() -> None:
    frame = pd.DataFrame({"~id": ["a"], "~label": ["T"], 5: [1], "time:of": [2], "age:Int": [3]})
    assert write_neptune_csv(frame, kind="nodes").splitlines()[0] == b"~id,~label,5:Long,time\\:of:Long,age:Int"


def test_values_that_replace_are_columns_of_single_cardinality() -> None:
    frame = pd.DataFrame({"~id": ["a"], "~label": ["T"], "x": [1], "tags": [["u"]]})
    header = write_neptune_csv(frame, kind="nodes", replace=True).splitlines()[0]
    assert header == b"~id,~label,x:Long(single),tags:String[]"


def test_several_labels_of_a_vertex_are_one_cell() -> None:
    frame = pd.DataFrame({"~id": ["0"], "~label": [["User", "Admin"]]})
    assert column(frame, "~label") == ("~label", ["User;Admin"])


def test_a_length_of_time_is_refused_with_what_to_write() -> None:
    with pytest.raises(InvalidParameter, match=r"'x' of nodes holds lengths of time.*dt\.total_seconds\(\)"):
        write_neptune_csv(nodes(pd.Series([timedelta(days=1)])), kind="nodes")


def test_ids_that_a_join_made_floats_are_whole_or_refused_with_the_row() -> None:
    frame = pd.DataFrame({"~from": [1.0, 2.0], "~to": [3.0, np.nan], "~label": "K"})
    with pytest.raises(InvalidParameter, match=r"Row 1 of the frame of edges has no '~to'.*how='inner'"):
        write_neptune_csv(frame, kind="edges")
    assert b"e0,1,3,K" in write_neptune_csv(frame.dropna(), kind="edges")
    with pytest.raises(InvalidParameter, match=r"Row 0 .* has '~from' 1.5"):
        write_neptune_csv(pd.DataFrame({"~from": [1.5], "~to": [1], "~label": "K"}), kind="edges")


def test_an_id_that_the_graph_has_under_another_label_is_refused_with_what_to_write() -> None:
    def run(text: str) -> list[Any]:
        if "not(hasLabel('order'))" in text and "'1'" in text:
            return [{"id": "1", "label": "customer::vip"}]
        return [] if "project" in text else [1]

    orders = pd.DataFrame({"~id": ["1"], "~label": "order", "sum": [5]})
    with pytest.raises(InvalidParameter, match=r"'1' stands under 'order' here and under 'customer;vip' in the graph"):
        check_against_graph([orders], ["customer", "order"], run)
    assert check_against_graph([orders.assign(**{"~id": "2"})], ["customer", "order"], run) == 1
    assert check_against_graph([orders], ["order"], run) == 1  # the graph has nothing else


class Loader(Connection):
    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return {"payload": {"loadId": "l", "overallStatus": {"status": "LOAD_COMPLETED"}}}


@pytest.fixture
def workflow(tmp_path: Path) -> Workflow:
    return Workflow(Loader(), storage=LocalStorage(tmp_path))


def written(workflow: Workflow) -> dict[str, list[str]]:
    infos = list(workflow.storage.list(S3Uri("despina", "load")))
    return {info.uri.name: workflow.storage.read(info.uri).decode().splitlines() for info in infos}


CUSTOMERS = pd.DataFrame({"customer_id": [1, 2], "city": ["Bonn", "Ulm"]})
PRODUCTS = pd.DataFrame({"product_id": [1, 3], "price": [2.5, 4.0]})
ORDERS = pd.DataFrame({"customer_id": [1, 2], "product_id": [3, 1], "stars": [5, 4]})
KEY = {"customer": "customer_id", "product": "product_id"}
EDGES = {"bought": (ORDERS, "customer_id", "product_id")}


def test_tables_whose_keys_collide_are_refused_with_what_to_write(workflow: Workflow) -> None:
    with pytest.raises(InvalidParameter, match=r"'1' stands under 'customer' and under 'product'.*ids=.prefix"):
        workflow.load({"customer": CUSTOMERS, "product": PRODUCTS}, edges=EDGES, key=KEY)
    assert written(workflow) == {}


def test_tables_of_equal_keys_are_told_apart_by_their_labels(workflow: Workflow) -> None:
    workflow.load({"customer": CUSTOMERS, "product": PRODUCTS}, edges=EDGES, key=KEY, ids="prefix")
    files = written(workflow)
    assert sorted(files["nodes-0.csv"]) == sorted(
        ["city:String,~id,~label", "Bonn,customer:1,customer", "Ulm,customer:2,customer"]
    )
    header, first, _ = files["edges-0.csv"]
    assert header == "~id,stars:Long,~from,~to,~label"
    assert first.partition(",")[2] == "5,customer:1,product:3,bought"


def test_no_later_load_gives_the_ids_of_its_edges_again(workflow: Workflow) -> None:
    frame = pd.DataFrame({"~from": ["a"], "~to": ["b"], "~label": ["K"]})
    for _ in range(2):
        workflow.load(edges=frame)
    infos = list(workflow.storage.list(S3Uri("despina", "load")))
    ids = {workflow.storage.read(info.uri).decode().splitlines()[1].partition(",")[0] for info in infos}
    assert len(ids) == 2


def test_a_table_without_its_key_and_an_end_of_no_label_say_what_to_write(workflow: Workflow) -> None:
    with pytest.raises(InvalidParameter, match=r"'customer' has no column 'id'; name its ids with key="):
        workflow.load({"customer": CUSTOMERS})
    edges = {"bought": (ORDERS.rename(columns={"product_id": "item"}), "customer_id", "item")}
    with pytest.raises(InvalidParameter, match=r"Write \('item', LABEL\) with one of customer, product"):
        workflow.load({"customer": CUSTOMERS, "product": PRODUCTS}, edges=edges, key=KEY, ids="prefix")
