"""Engines of data processing: who does the work changes no byte, and another one is a class and a line in a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import pytest
from scipy import sparse

from tests.unit.graph_ml_data.conftest import ExportFolder, Processed
from tests.unit.graph_ml_data.test_streaming import tiny as tiny
from tests.unit.graph_ml_data.test_streaming import tree, whole_export
from training_scripts.graph_ml.container import JobError
from training_scripts.graph_ml.features import BadValue
from training_scripts.graph_ml.graph.adjacency import Adjacency, IntArray, NewArray
from training_scripts.graph_ml.processing.engines import ENGINES, Engine, Source, engine_of
from training_scripts.graph_ml.processing.engines.id_table import ID, INDEX, IdTable, first_rows, indexed
from training_scripts.graph_ml.processing.frames import ROW, frame_column
from training_scripts.graph_ml.processing.streaming import Answer, Answering
from training_scripts.graph_ml.text_files import Texts

Run = Callable[..., Processed]


class ShuffledEngine:
    """Does everything in no order, as many machines would, and in pieces of three rows."""

    def __init__(self, said: list[str]) -> None:
        self.said = said

    def distinct(self, columns: Sequence[tuple[Source, str]]) -> Texts:
        self.said.append("distinct")
        parts, begin = [], 0
        for source, column in columns:
            parts.append(self._rows(source, column).with_columns(pl.col(ROW) + begin))
            begin += source.rows
        found = first_rows(nw.from_native(pl.concat(parts).sample(fraction=1, shuffle=True, seed=1).lazy()))
        return Texts().joined(found.collect().to_native().sort(ROW)[ID].to_arrow())

    def indices(self, source: Source, columns: Sequence[tuple[str, IdTable]], new: NewArray) -> list[IntArray]:
        self.said.append("indices")
        found = []
        for column, table in columns:
            rows = self._rows(source, column).sample(fraction=1, shuffle=True, seed=2)
            joined = indexed(nw.from_native(rows.lazy()), table.frame.lazy()).collect()
            whole = new(source.rows, np.int64)
            whole[joined[ROW].to_numpy()] = joined[INDEX].to_numpy()
            found.append(whole)
        return found

    def answers(self, source: Source, column: str, answer: Answering) -> Iterator[tuple[int, Answer]]:
        self.said.append("answers")
        rows = self._rows(source, column)
        for begin in range(0, len(rows), 3):
            try:
                yield begin, answer(frame_column(rows[ID][begin : begin + 3]))
            except BadValue as error:
                raise BadValue(begin + error.row, error.text, error.problem) from None

    def arranged(self, own: IntArray, others: IntArray, nodes: int, new: NewArray) -> Adjacency:
        self.said.append("arranged")
        rows = sparse.csr_array((np.arange(len(own)), (own, np.arange(len(own)))), shape=(nodes, len(own)))
        edges = rows.indices.astype(np.int64)
        return Adjacency(rows.indptr.astype(np.int64), others[edges], edges)

    def close(self) -> None:
        self.said.append("close")

    def _rows(self, source: Source, column: str) -> pl.DataFrame:
        copy = pl.read_parquet(source.parquet, columns=[source.names[column]])
        return copy.select(pl.nth(0).alias(ID), pl.int_range(pl.len(), dtype=pl.Int64).alias(ROW))


def test_another_engine_writes_the_same_bytes(
    export: ExportFolder, run: Run, tiny: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_export(export)
    whole = tree(run("whole").output)
    tiny(7)
    monkeypatch.setitem(ENGINES, "shuffled", (__name__, "ShuffledEngine"))
    said: list[str] = []
    engine: Engine = engine_of("shuffled", said=said)
    assert tree(run("shared", engine=engine).output) == whole
    assert set(said) == {"distinct", "indices", "answers", "arranged"}


def test_nodes_that_only_edges_name_are_numbered_alike(
    export: ExportFolder, run: Run, tiny: Callable[[int], None]
) -> None:
    rows = "".join(f"n{i * 5 % 13},n{i * 7 % 11}\n" for i in range(40))
    export.edge("~from,~to\n" + rows)
    whole = run("whole")
    tiny(3)
    assert tree(run("shared", engine=ShuffledEngine([])).output) == tree(whole.output)
    # by first appearance: all sources, then all targets
    assert whole.graph.node_ids["User"][:4] == ["n0", "n5", "n10", "n2"]


@pytest.mark.parametrize(("cell", "said"), [("old", "holds 'old', which is not a number"), ("1e999", "finite")])
def test_another_engine_names_the_same_mistake(
    export: ExportFolder, run: Run, tiny: Callable[[int], None], cell: str, said: str
) -> None:
    whole_export(export)
    text = (export.folder / "again.csv").read_text()
    (export.folder / "again.csv").write_text(text.replace("e70,u20,u41,h1,17.5", f"e70,u20,u41,h1,{cell}"))
    with pytest.raises(JobError, match=said) as at_once:
        run("whole")
    tiny(7)
    with pytest.raises(JobError) as shared:
        run("shared", engine=ShuffledEngine([]))
    assert str(shared.value) == str(at_once.value)


def test_an_engine_that_is_not_there_is_named_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(JobError, match=r"no engine 'dask' for data processing; there are polars, spark"):
        engine_of("dask")
    monkeypatch.setitem(ENGINES, "spark", ("no_such_module", "SparkEngine"))
    with pytest.raises(JobError, match=r"pip install 'despina\[spark\]'"):
        engine_of("spark")


def test_the_table_of_engines_is_complete() -> None:
    options: dict[str, Any] = {}
    assert list(ENGINES) == ["polars", "spark"]
    engine_of("polars", **options).close()
