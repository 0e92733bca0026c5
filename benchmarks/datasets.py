"""Public data sets as Neptune exports, for benchmarks: folders of CSV in, an export folder out.

    python benchmarks/datasets.py facebook-pages /tmp/export --process

reads ``$DESPINA_DATA/facebook-pages`` (where unset, ``shared/data`` beside the checkout), writes
the export folder, and with ``--process`` runs the data-processing job on it and prints time and peak memory.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
Row = Sequence[object]
Feature = tuple[str, str, dict[str, Any]]
#: columns that say when a node or edge came to be
TIMES = ("creationDate", "at")


def data_folder() -> Path:
    """Where the data sets lie.

    Raises:
        SystemExit: there is no such folder.
    """
    folder = Path(os.environ.get("DESPINA_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        raise SystemExit(f"no data sets at {folder}; set DESPINA_DATA to the folder that holds them")
    return folder


class ExportWriter:
    """Writes one export folder as the exporter does: a file a type, and the training configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._nodes: list[dict[str, Any]] = []
        self._edges: list[dict[str, Any]] = []
        self._columns: dict[str, Sequence[str]] = {}

    def nodes(
        self,
        kind: str,
        columns: Sequence[str],
        rows: Iterable[Row],
        features: Sequence[Feature] = (),
        labels: Sequence[dict[str, Any]] = (),
    ) -> None:
        """All nodes of a type; rows begin with the id."""
        name = f"nodes/{kind}.consolidated.csv"
        self._write(name, ["~id", "~label", *columns], ([row[0], kind, *row[1:]] for row in rows))
        entry: dict[str, Any] = {"file_name": name, "separator": ",", "node": ["~id", kind]}
        entry["features"] = _features(features)
        if labels:
            entry["labels"] = list(labels)
        self._nodes.append(entry)

    def edges(
        self,
        triple: tuple[str, str, str],
        columns: Sequence[str],
        rows: Iterable[Row],
        features: Sequence[Feature] = (),
        labels: Sequence[dict[str, Any]] = (),
        relation_column: str = "",
    ) -> None:
        """All edges of a type; rows begin with source and target. A column may complete the name of the relation."""
        source, relation, target = triple
        name = f"edges/%28{source}%29-{relation}-%28{target}%29.consolidated.csv"
        header = ["~id", "~label", "~from", "~to", "~fromLabels", "~toLabels", *columns]
        numbered = enumerate(rows)
        self._write(
            name, header, ([f"e{i}", relation, row[0], row[1], source, target, *row[2:]] for i, row in numbered)
        )
        entry: dict[str, Any] = {"file_name": name, "separator": ",", "source": ["~from", source]}
        entry.update(relation=[relation_column, relation], dest=["~to", target], features=_features(features))
        if labels:
            entry["labels"] = list(labels)
        self._edges.append(entry)

    def configure(self, by_time: bool = False) -> None:
        """Write ``training-data-configuration.json``; last. ``by_time`` names the times of what has one."""
        for entry in (*self._nodes, *self._edges) if by_time else ():
            if named := [column for column in self._columns[entry["file_name"]] if column in TIMES]:
                entry["time"] = named[0]
        graph = {"nodes": self._nodes, "edges": self._edges}
        document = {"version": "v2.0", "query_engine": "gremlin", "graph": graph, "warnings": []}
        (self.folder / "training-data-configuration.json").write_text(json.dumps(document, indent=2))

    def _write(self, name: str, header: Sequence[str], rows: Iterable[Row]) -> None:
        self._columns[name] = header
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(header)
            writer.writerows(rows)


def links(valid: float = 0.1, test: float = 0.1) -> list[dict[str, Any]]:
    """A link-prediction target with these shares held out."""
    return [{"label": ["", "link_prediction"], "split_rate": [round(1 - valid - test, 6), valid, test]}]


def facebook_pages(data: Path, export: ExportWriter) -> None:
    """22,470 pages and 171,002 mutual likes; what the page says is a set of numbered words."""
    rows = ([r["id"], r["page_type"], r["features"].replace(";", " ")] for r in _read(data / "nodes.csv.gz"))
    export.nodes("Page", ["page_type", "words"], rows, [("page_type", "category", {}), ("words", "text_tfidf", {})])
    ends = ([r["source"], r["target"]] for r in _read(data / "edges.csv.gz"))
    export.edges(("Page", "LIKES", "Page"), [], ends, labels=links())


def lastfm_asia(data: Path, export: ExportWriter) -> None:
    """7,624 users and 27,806 friendships, with the country of each user."""
    rows = ([r["id"], r["country"]] for r in _read(data / "nodes.csv.gz"))
    export.nodes("User", ["country"], rows, [("country", "category", {})])
    ends = ([r["source"], r["target"]] for r in _read(data / "edges.csv.gz"))
    export.edges(("User", "FRIEND", "User"), [], ends, labels=links())


def twitch_engb(data: Path, export: ExportWriter) -> None:
    """7,126 streamers and 35,324 friendships, with what they play: 2,545 games as zeros and ones."""
    columns = ["days", "mature", "views", "partner"]
    people = list(_read(data / "nodes.csv.gz"))
    games = zeros_and_ones([person["features"].split(";") for person in people])
    rows = ([r["id"], *(r[c] for c in columns), played] for r, played in zip(people, games, strict=True))
    asked: list[Feature] = [
        ("days", "numerical", {"norm": "min-max"}),
        ("mature", "category", {}),
        ("views", "auto", {}),
        ("partner", "category", {}),
        # as text they would be projected to a hundred columns, and as a category all but the hundred most frequent lost
        ("games", "numerical", {"separator": ";", "norm": "none"}),
    ]
    export.nodes("User", [*columns, "games"], rows, asked)
    ends = ([r["source"], r["target"]] for r in _read(data / "edges.csv.gz"))
    export.edges(("User", "FRIEND", "User"), [], ends, labels=links())


def zeros_and_ones(bags: Sequence[Sequence[str]]) -> Iterator[str]:
    """Each bag of words as one cell: a number for every word of all bags, which says whether it is there."""
    place = {word: number for number, word in enumerate(sorted({word for bag in bags for word in bag}))}
    for bag in bags:
        cells = ["0"] * len(place)
        for word in bag:
            cells[place[word]] = "1"
        yield ";".join(cells)


def movielens(data: Path, export: ExportWriter) -> None:
    """610 users, 9,742 films and 100,836 ratings."""
    ratings = list(_read(data / "ratings.csv.gz"))
    users = sorted({r["userId"] for r in ratings}, key=int)
    export.nodes("User", [], ([f"u{user}"] for user in users))
    films = ([f"m{r['movieId']}", r["title"], r["genres"]] for r in _read(data / "movies.csv.gz"))
    asked: list[Feature] = [("title", "text_tfidf", {}), ("genres", "category", {"separator": "|"})]
    export.nodes("Movie", ["title", "genres"], films, asked)
    rows = (
        [f"u{r['userId']}", f"m{r['movieId']}", r["rating"], time.strftime("%Y-%m-%dT%H:%M:%SZ", _when(r))]
        for r in ratings
    )
    asked = [("rating", "numerical", {"norm": "min-max"}), ("at", "datetime", {})]
    export.edges(("User", "rated", "Movie"), ["rating", "at"], rows, asked, links())


def air_routes(data: Path, export: ExportWriter) -> None:
    """Airports, countries and continents with routes and what contains what."""
    kind_of: dict[str, str] = {}
    by_kind: dict[str, list[dict[str, str]]] = {}
    for row in _read(data / "nodes.csv.gz"):
        kind_of[row["~id"]] = row["~label"]
        by_kind.setdefault(row["~label"], []).append(row)
    columns = ["desc", "region", "runways", "longest", "elev", "country", "lat", "lon"]
    numbers = {"runways", "longest", "elev", "lat", "lon"}
    for kind, rows in sorted(by_kind.items()):
        present = columns if kind == "airport" else ["desc"]
        asked: list[Feature] = [
            (c, "numerical", {"norm": "min-max", "imputer": "median"}) if c in numbers else (c, "auto", {})
            for c in present
        ]
        values = ([row["~id"], *(_column(row, c) for c in present)] for row in rows)
        export.nodes(kind, present, values, asked)
    edges: dict[tuple[str, str, str], list[Row]] = {}
    for row in _read(data / "edges.csv.gz"):
        triple = (kind_of[row["~from"]], row["~label"], kind_of[row["~to"]])
        edges.setdefault(triple, []).append([row["~from"], row["~to"], _column(row, "dist")])
    for triple, found in sorted(edges.items()):
        route = triple[1] == "route"
        dist: list[Feature] = [("dist", "numerical", {"imputer": "median"})]
        export.edges(
            triple,
            ["dist"] if route else [],
            found if route else (r[:2] for r in found),
            dist if route else [],
            links() if route else [],
        )


def planetoid(data: Path, export: ExportWriter) -> None:
    """Papers that cite each other, with their public split; 0/1 words, where a set has them, are one vector."""
    papers = list(_read(data / "nodes.csv.gz"))
    columns, asked = ["label"], list[Feature]()
    rows = [[paper["id"], paper["label"]] for paper in papers]
    if "words" in papers[0]:
        width = 1 + max(int(word) for paper in papers for word in paper["words"].split())
        for row, paper in zip(rows, papers, strict=True):
            words = ["0"] * width
            for word in paper["words"].split():
                words[int(word)] = "1"
            row.append(";".join(words))
        columns.append("words")
        asked.append(("words", "numerical", {"separator": ";", "norm": "none"}))
    files = {}
    for part, ours in (("train", "train"), ("valid", "validation"), ("test", "test")):
        files[part] = f"{part}.csv"
        lines = ["~id", *(paper["id"] for paper in papers if paper["split"] == ours)]
        export.folder.mkdir(parents=True, exist_ok=True)
        (export.folder / files[part]).write_text("\n".join(lines) + "\n")
    label = {"label": ["label", "classification"], "custom_split_filenames": files}
    export.nodes("Paper", columns, rows, asked, [label])
    ends = ([edge["source"], edge["target"]] for edge in _read(data / "edges.csv.gz"))
    export.edges(("Paper", "CITES", "Paper"), [], ends)


def aifb(data: Path, export: ExportWriter) -> None:
    """An institute in RDF: 8,285 resources, 45 relations, the research group of 176 persons, and no features."""
    groups: dict[str, dict[str, str]] = {}
    for part in ("train", "test"):
        with gzip.open(data / f"{part}.tsv.gz", "rt", encoding="utf-8") as stream:
            groups[part] = {row["node"]: row["label"] for row in csv.DictReader(stream, delimiter="\t")}
    relations: dict[str, list[Row]] = {}
    numbers: dict[str, int] = {}
    with gzip.open(data / "aifb.nt.gz", "rt", encoding="utf-8") as stream:
        for line in stream:
            subject, predicate, value = line.rstrip(" .\n").split(" ", 2)
            ends = [numbers.setdefault(text.strip("<>"), len(numbers)) for text in (subject, value)]
            name = predicate.strip("<>").rpartition("#")[2].rpartition("/")[2]
            relations.setdefault(name, []).append([f"n{ends[0]}", f"n{ends[1]}"])
    for part, known in groups.items():
        export.folder.mkdir(parents=True, exist_ok=True)
        lines = ["~id", *(f"n{numbers[name]}" for name in known)]
        (export.folder / f"{part}.csv").write_text("\n".join(lines) + "\n")
    wanted = {**groups["train"], **groups["test"]}
    files = {"train": "train.csv", "test": "test.csv"}
    label = {"label": ["group", "classification"], "custom_split_filenames": files}
    rows = ([f"n{number}", wanted.get(name, "").rpartition("/")[2]] for name, number in numbers.items())
    export.nodes("Resource", ["group"], rows, labels=[label])
    for name, found in sorted(relations.items()):
        export.edges(("Resource", name, "Resource"), [], found)


def octavian(task: str, reviews_are: str) -> Callable[[Path, ExportWriter], None]:
    """19,869 reviews whose score is 1 where the styles of person and product agree, and 0 otherwise.

    Args:
        task: ``regression`` or ``classification``.
        reviews_are: ``edges`` from person to product, or ``nodes`` between both.
    """

    def convert(data: Path, export: ExportWriter) -> None:
        vector: dict[str, Any] = {"separator": ";", "norm": "none"}
        for kind, file, column in (("Person", "person", "style_preference"), ("Product", "product", "style")):
            rows = ([row["id"], row[column]] for row in _read(data / f"{file}.csv.gz"))
            export.nodes(kind, [column], rows, [(column, "numerical", vector)])
        label = {"label": ["score", task], "split_rate": [0.8, 0.1, 0.1]}
        reviews = list(_read(data / "review.csv.gz"))
        if reviews_are == "edges":
            ends = ([row["person"], row["product"], row["score"]] for row in reviews)
            export.edges(("Person", "REVIEWED", "Product"), ["score"], ends, labels=[label])
            return
        export.nodes("Review", ["score"], ([row["id"], row["score"]] for row in reviews), labels=[label])
        export.edges(("Person", "WROTE", "Review"), [], ([row["person"], row["id"]] for row in reviews))
        export.edges(("Review", "OF", "Product"), [], ([row["id"], row["product"]] for row in reviews))

    return convert


def movielens_ratings(data: Path, export: ExportWriter) -> None:
    """100,836 ratings as numbers to predict; films have a title and genres."""
    ratings = list(_read(data / "ratings.csv.gz"))
    export.nodes("User", [], ([f"u{user}"] for user in sorted({row["userId"] for row in ratings}, key=int)))
    films = ([f"m{r['movieId']}", r["title"], r["genres"]] for r in _read(data / "movies.csv.gz"))
    asked: list[Feature] = [("title", "text_tfidf", {}), ("genres", "category", {"separator": "|"})]
    export.nodes("Movie", ["title", "genres"], films, asked)
    rows = ([f"u{row['userId']}", f"m{row['movieId']}", row["rating"]] for row in ratings)
    label = {"label": ["rating", "regression"], "split_rate": [0.8, 0.1, 0.1]}
    export.edges(("User", "rated", "Movie"), ["rating"], rows, labels=[label])


def triples(*parts: str) -> Callable[[Path, ExportWriter], None]:
    """A knowledge graph from files of head, relation and tail; a column names the relation."""

    def convert(data: Path, export: ExportWriter) -> None:
        rows: list[list[str]] = []
        for part in parts:
            with gzip.open(data / f"{part}.tsv.gz", "rt", encoding="utf-8") as stream:
                rows.extend(line.rstrip("\n").split("\t") for line in stream)
        entities = sorted({end for head, _, tail in rows for end in (head, tail)})
        export.nodes("Entity", [], ([name] for name in entities))
        ends = ([head, tail, relation] for head, relation, tail in rows)
        export.edges(("Entity", "", "Entity"), ["relation"], ends, labels=links(), relation_column="relation")

    return convert


def ldbc(data: Path, export: ExportWriter) -> None:
    """222 generated people, 825 acquaintances, their forums and interests, all with the time they came to be."""
    people = list(_columns_of(data / "dynamic" / "person_0_0.csv.gz"))
    rows = ([f"p{r[0]}", r[3], r[7], r[4], _moment(r[5])] for r in people)
    asked: list[Feature] = [("gender", "category", {}), ("browser", "category", {}), ("birthday", "numerical", {})]
    export.nodes("Person", ["gender", "browser", "birthday", "creationDate"], rows, asked)
    forums = _columns_of(data / "dynamic" / "forum_0_0.csv.gz")
    titles: list[Feature] = [("title", "text_tfidf", {})]
    export.nodes("Forum", ["title", "creationDate"], ([f"f{r[0]}", r[1], _moment(r[2])] for r in forums), titles)
    interests = list(_columns_of(data / "dynamic" / "person_hasInterest_tag_0_0.csv.gz"))
    export.nodes("Tag", [], ([f"t{tag}"] for tag in sorted({tag for _, tag in interests})))
    export.edges(("Person", "hasInterest", "Tag"), [], ([f"p{person}", f"t{tag}"] for person, tag in interests))
    for triple, name, marks, target in (
        (("Person", "knows", "Person"), "person_knows_person", "pp", links()),
        (("Forum", "hasMember", "Person"), "forum_hasMember_person", "fp", []),
    ):
        ends = _columns_of(data / "dynamic" / f"{name}_0_0.csv.gz")
        timed = ([marks[0] + r[0], marks[1] + r[1], _moment(r[2])] for r in ends)
        export.edges(triple, ["creationDate"], timed, labels=target)


def social(data: Path, export: ExportWriter) -> None:
    """Twenty people with their interests, and 25 friendships."""
    with (data / "nodes.csv").open(newline="", encoding="utf-8") as stream:
        people = list(csv.DictReader(stream))
    interests: list[Feature] = [("interests", "category", {"separator": ";"})]
    rows = ([person["~id"], _column(person, "interests")] for person in people)
    export.nodes("User", ["interests"], rows, interests)
    with (data / "edges.csv").open(newline="", encoding="utf-8") as stream:
        ends = [[edge["~from"], edge["~to"]] for edge in csv.DictReader(stream)]
    export.edges(("User", "FRIEND", "User"), [], ends, labels=links())


THREE_PARTS = ("train", "valid", "test")
#: by name: the folder it lies in, and what converts it
DATASETS: dict[str, tuple[str, Callable[[Path, ExportWriter], None]]] = {
    "aifb": ("aifb", aifb),
    "air-routes": ("air-routes", air_routes),
    "citeseer": ("planetoid-citeseer", planetoid),
    "cora": ("planetoid-cora", planetoid),
    "facebook-pages": ("facebook-pages", facebook_pages),
    "fb15k-237": ("fb15k-237", triples(*THREE_PARTS)),
    "kinship": ("kg-small", triples(*(f"kinship-{part}" for part in THREE_PARTS))),
    "lastfm-asia": ("lastfm-asia", lastfm_asia),
    "ldbc-snb-tiny": ("ldbc-snb-tiny", ldbc),
    "movielens-latest-small": ("movielens-latest-small", movielens),
    "movielens-ratings": ("movielens-latest-small", movielens_ratings),
    "nations": ("kg-small", triples(*(f"nations-{part}" for part in THREE_PARTS))),
    "neptune-social-20": ("neptune-social-20", social),
    "octavian-edge-classes": ("octavian-reviews", octavian("classification", "edges")),
    "octavian-node-classes": ("octavian-reviews", octavian("classification", "nodes")),
    "octavian-nodes": ("octavian-reviews", octavian("regression", "nodes")),
    "octavian-reviews": ("octavian-reviews", octavian("regression", "edges")),
    "pubmed": ("planetoid-pubmed", planetoid),
    "twitch-engb": ("twitch-engb", twitch_engb),
    "umls": ("kg-small", triples(*(f"umls-{part}" for part in THREE_PARTS))),
    "wn18rr": ("wn18rr", triples(*THREE_PARTS)),
}


def synthetic(export: ExportWriter, nodes: int, edges: int) -> None:
    """A random graph of a given size, to see how time and memory grow."""
    import numpy as np

    rng = np.random.default_rng(0)
    ages, towns = rng.integers(18, 90, nodes), rng.integers(0, 300, nodes)
    rows = ([f"user-{i:08d}", age, f"town {town}"] for i, (age, town) in enumerate(zip(ages, towns, strict=True)))
    export.nodes("User", ["age", "town"], rows, [("age", "numerical", {}), ("town", "category", {})])
    ends = rng.integers(0, nodes, (edges, 2))
    export.edges(("User", "FRIEND", "User"), [], ([f"user-{a:08d}", f"user-{b:08d}"] for a, b in ends), labels=links())


def write_dataset(name: str, folder: Path, by_time: bool = False) -> None:
    """Write one data set as an export, on request split by time; ``random-<nodes>-<edges>`` is made up."""
    export = ExportWriter(folder)
    if name.startswith("random-"):
        nodes, edges = (int(part) for part in name.split("-")[1:])
        synthetic(export, nodes, edges)
    else:
        place, convert = DATASETS[name]
        convert(data_folder() / place, export)
    export.configure(by_time)


def _features(features: Sequence[Feature]) -> list[dict[str, Any]]:
    return [{"feature": [column, column, kind], **options} for column, kind, options in features]


def _read(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)


def _columns_of(path: Path) -> Iterator[list[str]]:
    """The rows of a file separated by bars, without its header, which may name two columns alike."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        next(stream)
        yield from (line.rstrip("\n").split("|") for line in stream)


def _moment(milliseconds: str) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(milliseconds) / 1000))


def _when(rating: dict[str, str]) -> time.struct_time:
    return time.gmtime(int(rating["timestamp"]))


def _column(row: dict[str, str], name: str) -> str:
    return next((value for key, value in row.items() if key.split(":")[0] == name), "")


def main() -> None:
    """Convert, and on request process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help=f"{', '.join(DATASETS)}, or random-NODES-EDGES")
    parser.add_argument(
        "folder", type=Path, help="base folder of the job; the export goes to processing/input below it"
    )
    parser.add_argument("--process", action="store_true")
    arguments = parser.parse_args()
    write_dataset(arguments.name, arguments.folder / "processing" / "input")
    if not arguments.process:
        return
    script = ROOT / "training_scripts" / "process.py"
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(script)], env={**os.environ, "SAGEMAKER_BASE_DIR": str(arguments.folder)}, check=False
    )
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{arguments.name}: exit code {done.returncode}, {time.monotonic() - began:.1f} s wall, "
        f"{used.ru_utime + used.ru_stime:.1f} s CPU (graph.bin included)"
    )


if __name__ == "__main__":
    main()
