"""What data processing costs beside the bare mapping of ids, and how little memory it can do with.

    python benchmarks/processing.py WORKDIR [--vertices 1000000] [--edges 10000000] [--limit MB] [--links]

Writes an export: vertices with a number, a category, a date and a set of words, a class to learn, and edges between
them in one file; equal arguments give equal files. Then, each in a process of its own:

* bare Polars: the ids of the edges become indices by a streaming join, and are written as two arrays;
* ``process.py``, as a job runs it;
* with ``--limit``, ``process.py`` once more with that many MB of memory that it may use beside mapped files; it is
  looked at fifty times a second and ended where it has more, and the bytes of all arrays are compared with those of the
  run before.

``--links`` learns the links instead of the class, so that the edges are split as well. Prints seconds of the processor
and of the clock, the peak of resident memory, of all and of what is
its own (not mapped from a file), and ratios. Ends with status 1 where processing takes more than 4 times
the bare mapping, more than 3 GB for each 10 million edges, or differs under the limit.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

SCRIPTS = Path(__file__).parents[1] / "training_scripts"
ROWS = 1_000_000
MOST_RATIO, MOST_GB_EACH_10_MILLION = 4.0, 3.0
MB = 1 << 20


@dataclass(frozen=True)
class Cost:
    """Seconds of the processor and of the clock, and bytes of memory at the peak, of one process.

    ``peak`` is what was resident, ``own`` the part of it that was mapped from no file.
    """

    processor: float
    clock: float
    peak: int
    own: int

    def __str__(self) -> str:
        memory = f"{self.peak / MB:6.0f} MB at the peak, {self.own / MB:6.0f} MB its own"
        return f"{self.processor:6.1f} s of the processor, {self.clock:6.1f} s, {memory}"


def write_export(folder: Path, vertices: int, edges: int, links: bool) -> None:
    """The files of an export and its configuration, a million rows at a time."""
    folder.mkdir(parents=True)
    for name, count, rows in (("person.csv", vertices, people), ("knows.csv", edges, knows)):
        with (folder / name).open("wb") as file:
            for begin in range(0, count, ROWS):
                frame = rows(np.random.default_rng([7, begin]), begin, min(count, begin + ROWS), vertices)
                frame.write_csv(file, include_header=begin == 0)
    features = [("age", "numerical"), ("city", "category"), ("joined", "datetime"), ("words", "category")]
    node = {
        "file_name": "person.csv",
        "separator": ",",
        "node": ["~id", "person"],
        "features": [
            {"feature": [name, name, kind], **({"separator": ";"} if name == "words" else {})}
            for name, kind in features
        ],
        "labels": [] if links else [{"label": ["group", "classification"], "split_rate": [0.8, 0.1, 0.1]}],
    }
    edge = {
        "file_name": "knows.csv",
        "separator": ",",
        "source": ["~from", "person"],
        "relation": ["", "knows"],
        "dest": ["~to", "person"],
        "labels": [{"label": ["", "link_prediction"], "split_rate": [0.8, 0.1, 0.1]}] if links else [],
    }
    document = {"version": "v2.0", "query_engine": "gremlin", "graph": {"nodes": [node], "edges": [edge]}}
    (folder / "training-data-configuration.json").write_text(json.dumps(document), encoding="utf-8")


def people(rng: np.random.Generator, begin: int, end: int, _vertices: int) -> pl.DataFrame:
    """Rows of vertices."""
    n = end - begin
    cities, words = [f"city {i}" for i in range(50)], [f"word{i}" for i in range(40)]
    days = np.datetime64("2015-01-01") + rng.integers(0, 3650, n)
    return pl.DataFrame(
        {
            "~id": [f"person-{i}" for i in range(begin, end)],
            "~label": ["person"] * n,
            "age": rng.integers(18, 90, n),
            "city": np.array(cities)[rng.integers(0, 50, n)],
            "joined": days.astype(str),
            "words": [";".join(pair) for pair in np.array(words)[rng.integers(0, 40, (n, 2))].tolist()],
            "group": np.array(["a", "b", "c"])[rng.integers(0, 3, n)],
        }
    )


def knows(rng: np.random.Generator, begin: int, end: int, vertices: int) -> pl.DataFrame:
    """Rows of edges; few vertices have many of them."""
    n = end - begin
    source, target = rng.integers(0, vertices, n), (vertices * rng.random(n) ** 2).astype(np.int64)
    person = pl.lit("person-")
    return pl.DataFrame({"row": np.arange(begin, end), "source": source, "target": target}).select(
        pl.concat_str(pl.lit("e"), "row").alias("~id"),
        pl.lit("knows").alias("~label"),
        pl.concat_str(person, "source").alias("~from"),
        pl.concat_str(person, "target").alias("~to"),
    )


def map_ids(export: Path, output: Path) -> None:
    """The peer: Polars alone, streaming, from text ids to two arrays of indices."""
    output.mkdir(parents=True)
    ids = pl.scan_csv(export / "person.csv", infer_schema=False).select("~id").with_row_index("index")
    edges = pl.scan_csv(export / "knows.csv", infer_schema=False).select("~from", "~to")
    for end in ("~from", "~to"):
        edges = edges.join(ids.rename({"~id": end, "index": f"{end} index"}), on=end, how="left", maintain_order="left")
    edges.select("~from index", "~to index").sink_parquet(output / "ends.parquet", engine="streaming")
    ends = pl.read_parquet(output / "ends.parquet")
    for column in ends:
        np.save(output / f"{column.name}.npy", column.cast(pl.Int64).to_numpy())


def measured(
    command: Sequence[str],
    environ: Mapping[str, str],
    most: int | None = None,
    seen: Callable[[int], None] = lambda own: None,
    quiet: bool = False,
) -> Cost:
    """Run a command to its end.

    Args:
        command, environ: what to run, and what it finds in its environment beside ours.
        most: bytes of memory of its own that it may have.
        seen: is told, fifty times a second, how much it has.
        quiet: whether nobody reads what it prints.

    Raises:
        SystemExit: it failed, or had more memory of its own than it may have.
    """
    began, own = time.monotonic(), 0
    output = subprocess.DEVNULL if quiet else None
    child = subprocess.Popen(command, env={**os.environ, **environ}, stdout=output)
    memory = Path(f"/proc/{child.pid}/status")
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        found = re.search(r"RssAnon:\s*([0-9]+)", memory.read_text())
        now = int(found[1]) * 1024 if found else 0
        seen(now)
        own = max(own, now)
        if most is not None and own > most:
            child.kill()
        time.sleep(0.02)
    if status:
        ended = f"{' '.join(command)} ended with status {os.waitstatus_to_exitcode(status)}"
        raise SystemExit(f"{ended}, {own / MB:.0f} MB its own")
    return Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - began, usage.ru_maxrss * 1024, own)


def processed(base: Path, export: Path, limit: int | None) -> Cost:
    """What ``process.py`` takes for an export, as a job runs it, with so many MB of memory or as many as it likes."""
    shutil.rmtree(base, ignore_errors=True)
    (base / "processing").mkdir(parents=True)
    (base / "processing" / "input").symlink_to(export.resolve())
    command = [sys.executable, str(SCRIPTS / "process.py"), "--seed", "3"]
    if limit is not None:
        command += ["--memory-mb", str(limit)]
    return measured(command, {"SAGEMAKER_BASE_DIR": str(base)}, None if limit is None else limit * MB)


def differing(one: Path, other: Path) -> list[str]:
    """Arrays and ids that are not the same, byte by byte, in two processed graphs."""
    names = sorted(str(path.relative_to(one)) for path in one.rglob("*") if path.suffix in (".npy", ".arrow"))
    return [name for name in names if not filecmp.cmp(one / name, other / name, shallow=False)]


def main() -> None:
    """Make the files, run all, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--vertices", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=10_000_000)
    parser.add_argument("--links", action="store_true")
    parser.add_argument("--limit", type=int, metavar="MB")
    parser.add_argument("--map", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    kind = "links" if arguments.links else "class"
    export = arguments.workdir / f"{arguments.vertices}-{arguments.edges}-{kind}"
    if arguments.map:
        map_ids(export, arguments.workdir / "mapped")
        return
    if not export.exists():
        unfinished = export.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        write_export(unfinished, arguments.vertices, arguments.edges, arguments.links)
        unfinished.rename(export)
    size = sum(path.stat().st_size for path in export.iterdir())
    print(f"{arguments.vertices:,} vertices, {arguments.edges:,} edges, {size / MB:,.0f} MB of CSV", flush=True)
    shutil.rmtree(arguments.workdir / "mapped", ignore_errors=True)
    bare = measured([sys.executable, *sys.argv, "--map"], {})
    print(f"bare mapping  {bare}", flush=True)
    whole = processed(arguments.workdir / "whole", export, None)
    ratio = whole.processor / bare.processor
    print(f"process.py    {whole}, {ratio:.2f} times the processor, {whole.clock / bare.clock:.2f} times the clock")
    failed = ratio > MOST_RATIO or whole.peak > MOST_GB_EACH_10_MILLION * 1024 * MB * max(1, arguments.edges / 1e7)
    if arguments.limit is not None:
        least = processed(arguments.workdir / "limited", export, arguments.limit)
        outputs = [arguments.workdir / name / "processing" / "output" for name in ("whole", "limited")]
        different = differing(*outputs)
        print(f"under {arguments.limit} MB {least}; {'same bytes' if not different else f'differ: {different}'}")
        failed = failed or bool(different)
    sys.exit(failed)


if __name__ == "__main__":
    main()
