"""Apache Spark: rows, ids, values and edges are shared among the executors, who need not see each other's memory.

The driver makes the copies of the files (text in Parquet, a batch at a time) and keeps what comes back in arrays of its
workspace. Numbering ids and finding the ends of edges are the expressions of ``id_table``, lazily. What is answered of
the values of a column is no expression of Narwhals for Spark, whose columns have no order, so the very code of the
other engine runs on the executors over Arrow batches (``mapInArrow``). A lost executor costs its tasks, which Spark
does again.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyspark import TaskContext
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f

from ...features.columns.column import BadValue
from ...graph.adjacency import Adjacency, IntArray, NewArray, counted
from ...text_files import Texts
from ..frames import ROW, frame_column
from ..streaming import Answer, Answering
from .engine import Source
from .id_table import ID, INDEX, IdTable, first_rows, indexed

#: rows that an executor looks at at once, and rows whose answers the driver holds at once
BATCH_ROWS, MOST_COLLECTED = 1 << 16, 1 << 22
#: bytes of a file that one task reads; a row group is read by one
TASK_BYTES = 8 << 20
#: the package that executors import
PACKAGE = Path(__file__).parents[2]
#: what a batch makes: where it begins, of how many rows it is, the value that was refused, and arrays as ``.npy``
PART = "begin long, rows long, refused string, arrays array<binary>"
OWN, OTHER = "own", "other"
SETTINGS = {
    "spark.sql.caseSensitive": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH_ROWS),
    "spark.sql.files.maxPartitionBytes": str(TASK_BYTES),
    "spark.sql.files.openCostInBytes": "0",
}


class SparkEngine:
    """See ``Engine``.

    Args:
        master: as Spark has it, such as ``local[2]``; what ``spark-submit`` says where it is empty.
        shared: an address that Hadoop knows and every machine reaches (``hdfs://…``, ``s3a://…``), where copies of
            files go. Without one executors read them in the driver's own folder, which they must then reach.
    """

    def __init__(self, master: str = "", shared: str = "") -> None:
        builder = SparkSession.builder.appName("despina data processing").config("spark.ui.enabled", "false")
        if master:
            builder = builder.master(master)
        self.spark = builder.getOrCreate()
        context = self.spark.sparkContext
        if master.startswith("local"):
            context.pythonExec = sys.executable
        self.spark.conf.set("spark.sql.shuffle.partitions", str(2 * context.defaultParallelism))
        for name, value in SETTINGS.items():
            self.spark.conf.set(name, value)
        self.shared = shared.rstrip("/")
        self._folder = tempfile.TemporaryDirectory(prefix="despina-spark-")
        self._tables: dict[int, tuple[IdTable, DataFrame]] = {}
        self._copies: dict[Path, str] = {}
        self._numbers = count()
        context.addPyFile(str(_zipped(Path(self._folder.name))))

    def distinct(self, columns: Sequence[tuple[Source, str]]) -> Texts:
        """See ``Engine``."""
        begin, parts = 0, []
        for source, column in columns:
            rows = nw.from_native(self._rows(source.parquet, {source.names[column]: ID}))
            parts.append(rows.with_columns(nw.col(ROW) + begin))
            begin += source.rows
        found = first_rows(nw.concat(parts)).sort(ROW).select(ID)
        return Texts().joined(nw.to_native(found).toArrow().column(ID))

    def indices(self, source: Source, columns: Sequence[tuple[str, IdTable]], new: NewArray) -> list[IntArray]:
        """See ``Engine``."""
        found: list[IntArray] = []
        for column, table in columns:
            rows = nw.from_native(self._rows(source.parquet, {source.names[column]: ID}))
            joined: DataFrame = nw.to_native(indexed(rows, nw.from_native(self._table(table))))
            whole = new(source.rows, np.int64)
            for _, (places, values) in self._made(joined.select(ROW, INDEX), _pairs, source.rows):
                whole[places] = values
            found.append(whole)
        return found

    def answers(self, source: Source, column: str, answer: Answering) -> Iterator[tuple[int, Answer]]:
        """See ``Engine``."""
        rows = self._rows(source.parquet, {source.names[column]: ID})
        return self._made(rows.select(ROW, ID), _Asked(answer), source.rows)

    def arranged(self, own: IntArray, others: IntArray, nodes: int, new: NewArray) -> Adjacency:
        """See ``Engine``; executors sort ranges of nodes, and each range is written where it belongs."""
        found = Adjacency(counted(own, nodes, new), new(len(own), np.int64), new(len(own), np.int64))
        path = self._place(f"{next(self._numbers)}-edges.parquet")
        schema = pa.schema([(OWN, pa.int64()), (OTHER, pa.int64())])
        with pq.ParquetWriter(path, schema, compression="lz4") as writer:
            for begin in range(0, len(own), BATCH_ROWS):
                part = slice(begin, begin + BATCH_ROWS)
                writer.write_table(pa.table({OWN: np.asarray(own[part]), OTHER: np.asarray(others[part])}, schema))
        edges = self._rows(path, {OWN: OWN, OTHER: OTHER})
        parts = max(2, self.spark.sparkContext.defaultParallelism, -(-len(own) // MOST_COLLECTED))
        ordered = edges.repartitionByRange(parts, OWN).sortWithinPartitions(OWN, ROW).select(OWN, OTHER, ROW)
        for node, (before, other, edge) in self._made(ordered, _entries, len(own)):
            start = int(found.indptr[node] + before[0])
            found.others[start : start + len(other)] = other
            found.edges[start : start + len(edge)] = edge
        self._gone(path)
        return found

    def close(self) -> None:
        """Stop the session, and take away what was shared."""
        for path in list(self._copies):
            self._gone(path)
        self.spark.stop()
        self._folder.cleanup()

    def _rows(self, path: Path, columns: Mapping[str, str]) -> DataFrame:
        """Columns of a Parquet file under other names, with the number of the row of each."""
        if path not in self._copies:
            self._copies[path] = self._reached(path)
        return self.spark.read.parquet(self._copies[path]).select(
            f.col("_metadata.row_index").alias(ROW), *(_column(name).alias(other) for name, other in columns.items())
        )

    def _table(self, table: IdTable) -> DataFrame:
        """Ids and their indices, written once for all look-ups."""
        if id(table) not in self._tables:
            path = self._place(f"{next(self._numbers)}-ids.parquet")
            with pq.ParquetWriter(path, pa.schema([(ID, pa.string())]), compression="lz4") as writer:
                for chunk in table.ids.arrow.chunks:
                    writer.write_table(pa.table({ID: chunk}))
            rows = self._rows(path, {ID: ID})
            self._tables[id(table)] = table, rows.select(ID, f.col(ROW).alias(INDEX))  # the table stays, and its id
        return self._tables[id(table)][1]

    def _made(
        self, rows: DataFrame, make: Callable[[Any], Iterator[pa.RecordBatch]], total: int
    ) -> Iterator[tuple[int, Answer]]:
        """What executors make of their batches, by where each begins, so many of the ``total`` rows at a time.

        Raises:
            BadValue: what the first batch that refused a value said, by its row.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of pandas 3, of which nothing here is used
            made = rows.mapInArrow(make, PART)
        if total <= MOST_COLLECTED:
            yield from _told(made.toArrow())
            return
        done = made.persist()
        try:
            sizes = done.groupBy("begin").agg(f.sum("rows").alias("rows")).toArrow().sort_by("begin")
            begins, totals = (column.to_numpy() for column in (sizes.column("begin"), sizes.column("rows")))
            group = (np.cumsum(totals) - totals) // MOST_COLLECTED
            for number in np.unique(group):
                own = begins[group == number]
                yield from _told(done.where(f.col("begin").between(int(own[0]), int(own[-1]))).toArrow())
        finally:
            done.unpersist()

    def _place(self, name: str) -> Path:
        """Where the driver writes a file that executors read."""
        return Path(self._folder.name) / name

    def _reached(self, path: Path) -> str:
        """The address of a file for every machine."""
        if not self.shared:
            return path.absolute().as_uri()
        address = f"{self.shared}/{self._folder.name.rpartition('-')[2]}/{next(self._numbers)}-{path.name}"
        jvm = self.spark.sparkContext._jvm
        place = jvm.org.apache.hadoop.fs.Path(address)
        place.getFileSystem(self.spark.sparkContext._jsc.hadoopConfiguration()).copyFromLocalFile(
            jvm.org.apache.hadoop.fs.Path(str(path.absolute())), place
        )
        return address

    def _gone(self, path: Path) -> None:
        """Take a copy away that was made for the executors."""
        address = self._copies.pop(path, "")
        if self.shared and address:
            place = self.spark.sparkContext._jvm.org.apache.hadoop.fs.Path(address)
            place.getFileSystem(self.spark.sparkContext._jsc.hadoopConfiguration()).delete(place, False)
        if path.parent == Path(self._folder.name):
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Asked:
    """On an executor: what is answered of the values of a column. A batch is cut where its rows do not follow."""

    answer: Answering

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows, values = batch.column(0).to_numpy(), batch.column(1)
            cuts = [0, *(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
            for begin, end in pairwise(cuts):
                if begin == end:
                    continue
                piece = pl.from_arrow(values.slice(begin, end - begin))
                assert isinstance(piece, pl.Series)
                try:
                    answered, refused = self.answer(frame_column(piece.cast(pl.String))), None
                except BadValue as error:
                    answered, refused = (), json.dumps([int(rows[begin]) + error.row, error.text, error.problem])
                yield _part(int(rows[begin]), end - begin, answered, refused)


def _pairs(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """On an executor: rows and their indices, in no order."""
    number = TaskContext.get().partitionId()
    for batch in batches:
        if len(batch):
            yield _part(number, len(batch), tuple(column.to_numpy().astype(np.int64) for column in batch.columns))


def _entries(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """On an executor: edges by node and number; each part begins with a node, and says how many it has had before."""
    last, run = -1, 0
    for batch in batches:
        if not len(batch):
            continue
        own, other, edge = (column.to_numpy().astype(np.int64) for column in batch.columns)
        before = run if own[0] == last else 0
        yield _part(int(own[0]), len(own), (np.array([before]), other, edge))
        tail = len(own) - int(np.searchsorted(own, own[-1]))
        run = tail + (before if own[0] == own[-1] else 0)
        last = int(own[-1])


def _told(parts: pa.Table) -> Iterator[tuple[int, Answer]]:
    """On the driver: where each part begins, in order, and its arrays. Raises BadValue where one was refused."""
    order = np.argsort(parts.column("begin").to_numpy(), kind="stable")
    for row in order.tolist():
        begin, _, refused, arrays = (column[row].as_py() for column in parts.columns)
        if refused is not None:
            raise BadValue(*json.loads(refused))
        yield begin, tuple(np.load(io.BytesIO(data), allow_pickle=False) for data in arrays)


def _part(begin: int, rows: int, arrays: Answer, refused: str | None = None) -> pa.RecordBatch:
    columns = [
        pa.array([begin], pa.int64()),
        pa.array([rows], pa.int64()),
        pa.array([refused], pa.string()),
        pa.array([[_bytes(values) for values in arrays]], pa.list_(pa.binary())),
    ]
    return pa.RecordBatch.from_arrays(columns, ["begin", "rows", "refused", "arrays"])


def _bytes(values: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(values), allow_pickle=False)
    return buffer.getvalue()


def _column(name: str) -> Column:
    return f.col("`" + name.replace("`", "``") + "`")


def _zipped(folder: Path) -> Path:
    """The package as a file that executors import it from."""
    path = folder / f"{PACKAGE.name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(PACKAGE.rglob("*.py")):
            archive.write(file, file.relative_to(PACKAGE.parent))
    return path
