"""Ordinary Gremlin on the air routes: Despina and TinkerGraph in a real Gremlin Server asked by turns.

    python benchmarks/book.py WORKDIR [--kind PART] [--repeats 5] [--limit-s 30]

Loads ``air-routes`` of ``DESPINA_DATA`` into both, asks every question of ``book_questions`` over WebSocket, once for
the answer and then by turns, and compares the best times. Prints the slowest questions, the ratio of each kind and the
geometric mean: ours by theirs, below 1 where Despina is faster. Ends with 1 where the mean is above 0.45, a kind above
1.2, the answers differ in number, or Despina does not answer in time. WORKDIR keeps the server's jars (Java, Maven).
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import math
import time
import urllib.request
from collections import defaultdict
from pathlib import Path
from typing import Any

from book_questions import QUESTIONS
from datasets import data_folder
from gremlin import Side, despina_service, gremlin_server_process
from gremlin_python.driver.protocol import GremlinServerError

WANTED_MEAN, WORST_KIND = 0.45, 1.2

GROOVY_LOAD = """
graph.clear();
def rows = new HashMap();
def typed = {{ c -> def text = c.substring(1);
  c[0] == 'i' ? (text as int) : c[0] == 'd' ? (text as double) : text }};
new File('{folder}/nodes.tsv').eachLine {{ line ->
  def c = line.split('\\t');
  def v = graph.addVertex(T.id, c[0] as int, T.label, c[1]);
  for (int i = 2; i < c.length; i += 2) v.property(c[i], typed(c[i + 1]));
  rows.put(c[0], v) }};
new File('{folder}/edges.tsv').eachLine {{ line ->
  def c = line.split('\\t');
  def e = rows.get(c[1]).addEdge(c[3], rows.get(c[2]), T.id, c[0] as int);
  for (int i = 4; i < c.length; i += 2) e.property(c[i], typed(c[i + 1])) }};
[graph.vertices.size(), graph.edges.size()]
"""


def unpack(folder: Path) -> None:
    """The data set as CSV for the loader, and as plain lines of typed values for the script in the other server."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, fixed in (("nodes", 2), ("edges", 4)):
        text = gzip.decompress((data_folder() / "air-routes" / f"{name}.csv.gz").read_bytes()).decode()
        (folder / f"{name}.csv").write_text(text)
        rows = csv.reader(text.splitlines())
        header = next(rows)
        lines = []
        for row in rows:
            cells = row[:fixed]
            for column, value in zip(header[fixed:], row[fixed:], strict=True):
                key, _, kind = column.partition(":")
                if value:
                    cells += [key, kind[0] + value]
            lines.append("\t".join(cells))
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n")


def load(url: str, lake: Path, folder: Path) -> None:
    """Load the CSV files through the loader, ids of digits as numbers."""
    lake.mkdir(parents=True)
    for name in ("nodes.csv", "edges.csv"):
        (lake / name).write_bytes((folder / name).read_bytes())

    def call(path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(url.rstrip("/") + path, data) as answer:
            return json.load(answer)["payload"]

    load_id = call("/loader", {"source": f"s3://{lake.name}", "format": "csv", "failOnError": True})["loadId"]
    while (status := call(f"/loader/{load_id}")["overallStatus"]["status"]) != "LOAD_COMPLETED":
        if not status.startswith("LOAD_N") and not status.startswith("LOAD_IN"):
            raise SystemExit(f"the load ended as {status}")
        time.sleep(0.05)


def asked(side: Side, text: str) -> tuple[float, list[Any] | str]:
    """Milliseconds and results of one question, or the error's text."""
    start = time.perf_counter()
    try:
        found: list[Any] | str = side.ask(text)
    except GremlinServerError as e:
        found = str(e)
    return (time.perf_counter() - start) * 1000, found


def compared(ours: Side, theirs: Side, text: str, repeats: int, budget_s: float) -> tuple[float, float, str]:
    """The best times of both, asked by turns, and what is wrong with the answers (empty where nothing is)."""
    best = [math.inf, math.inf]
    trouble = ""
    begin = time.perf_counter()
    for turn in range(repeats + 1):
        answers = []
        for at, side in enumerate((ours, theirs)):
            took, answer = asked(side, text)
            best[at] = min(best[at], took)
            answers.append(answer)
        if turn == 0:
            mine, other = answers
            if isinstance(mine, str) or isinstance(other, str):
                return best[0], best[1], f"ours {str(mine)[:90]!r}, theirs {str(other)[:90]!r}"
            if len(mine) != len(other) and "sample" not in text:
                trouble = f"{len(mine)} results, theirs {len(other)}"
        if time.perf_counter() - begin > budget_s:
            break
    return best[0], best[1], trouble


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--kind", default="", help="only kinds whose name holds this")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--limit-s", type=float, default=30.0)
    arguments = parser.parse_args()
    workdir = arguments.workdir.resolve()
    folder = workdir / "air-routes"
    unpack(folder)
    home = workdir / f"home-{time.time_ns()}"
    ratios: dict[str, list[float]] = defaultdict(list)
    lines: list[tuple[float, str]] = []
    wrong: list[str] = []
    with despina_service(home, "--profile", "tinkerpop") as (ours, service), gremlin_server_process(workdir) as theirs:
        load(service.url, home / "s3" / "book", folder)
        groovy = {"language": "gremlin-groovy", "evaluationTimeout": 600_000}
        theirs.client.submit(GROOVY_LOAD.format(folder=folder), request_options=groovy).all().result()
        for side in (ours, theirs):
            side.limit_ms = int(arguments.limit_s * 1000)
        for kind, text in QUESTIONS:
            if arguments.kind not in kind:
                continue
            mine, other, trouble = compared(ours, theirs, text, arguments.repeats, 3.0)
            if trouble:
                wrong.append(f"{text}: {trouble}")
            ratios[kind].append(mine / other)
            lines.append((mine / other, f"{mine / other:7.2f} {mine:9.1f} {other:9.1f} ms  {kind}: {text}"))
    return report(ratios, lines, wrong)


def report(ratios: dict[str, list[float]], lines: list[tuple[float, str]], wrong: list[str]) -> int:
    """Print the slowest first, then kinds and the mean; 1 where a target is missed."""
    print("  ratio      ours    theirs")
    for _, line in sorted(lines, reverse=True):
        print(line)
    means = {kind: mean(found) for kind, found in ratios.items()}
    print()
    for kind, value in sorted(means.items(), key=lambda item: -item[1]):
        print(f"{value:7.2f}  {kind} ({len(ratios[kind])})")
    whole = mean([ratio for found in ratios.values() for ratio in found])
    print(f"{whole:7.2f}  all {len(lines)} questions; wanted at most {WANTED_MEAN}, no kind above {WORST_KIND}")
    for text in wrong:
        print("wrong:", text)
    return int(bool(wrong) or whole > WANTED_MEAN or max(means.values()) > WORST_KIND)


def mean(found: list[float]) -> float:
    """The geometric mean."""
    return math.exp(sum(map(math.log, found)) / len(found))


if __name__ == "__main__":
    raise SystemExit(main())
