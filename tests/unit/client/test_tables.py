"""Frames of every make and dtype are written right or refused with the row; never altered in silence."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from workflow.client.connection import Connection
from workflow.client.frames import write_neptune_csv
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
        (pd.Series([1, "a", None], dtype=object), "x:String", ["1", "a", ""]),
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
    ],
)
@pytest.mark.parametrize("make", [pl.DataFrame, pa.table])
def test_polars_and_pyarrow_say_the_same(make: Any, values: Any, header: str, cells: list[str]) -> None:
    frame = make({"~id": ["0", "1"], "~label": ["T", "T"], "x": values})
    assert column(frame) == (header, cells)


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
