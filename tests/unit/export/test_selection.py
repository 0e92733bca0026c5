"""Which part of a graph an export holds."""

from __future__ import annotations

from typing import Any

import pytest

from workflow.errors import ExportFailed, InvalidParameter, PreconditionsFailed


def graph(export: Any) -> Any:
    """Ann, Bo (also Admin) and Cy know each other in a ring; each has seen a film."""
    ann = export.node("ann", "Person", age=34, city="Bonn")
    bo = export.node("bo", ("Admin", "Person"), age=55, rank=1)
    cy = export.node("cy", "Person", age=20)
    film = export.node("film", "Film", title="Z")
    edges = [
        export.edge("k1", "KNOWS", ann, bo, since=2001),
        export.edge("k2", "KNOWS", bo, cy, since=2010),
        export.edge("k3", "KNOWS", cy, ann, since=2015),
        *(export.edge(f"s{i}", "SAW", one, film, stars=i) for i, one in enumerate((ann, bo, cy))),
    ]
    return export.Graph([ann, bo, cy, film], edges)


def ids(out: Any, kind: str) -> list[str]:
    """The ids in all files of a kind, sorted."""
    files = [path for path in out.files if path.startswith(f"{kind}/")]
    return sorted(line.split(",")[0].strip('"') for path in files for line in out.text(path).splitlines()[1:])


ALL_EDGES = ["k1", "k2", "k3", "s0", "s1", "s2"]


@pytest.mark.parametrize(
    ("params", "nodes", "edges"),
    [
        ({}, ["ann", "bo", "cy", "film"], ALL_EDGES),
        ({"scope": "nodes"}, ["ann", "bo", "cy", "film"], []),
        ({"scope": "edges", "edgeLabels": "SAW"}, [], ["s0", "s1", "s2"]),
        ({"nodeLabels": ["Admin", "Film"]}, ["bo", "film"], ALL_EDGES),
        # a filter takes nodes that have at least its labels, and nothing of a kind that it does not name
        ({"filter": {"nodes": [{"label": "Person"}]}}, ["ann", "bo", "cy"], []),
        ({"filter": {"nodes": [{"label": ["Person", "Admin"]}]}}, ["bo"], []),
        ({"filter": {"edges": [{"label": "KNOWS"}]}}, [], ["k1", "k2", "k3"]),
        (
            {"filter": {"edges": [{"label": {"~label": "KNOWS", "~fromLabels": ["Admin"], "~toLabels": "Person"}}]}},
            [],
            ["k2"],
        ),
        # several parameters must all be passed
        ({"filter": {"nodes": [{"label": "Person"}, {"label": "Film"}]}, "nodeLabels": ["Film"]}, ["film"], []),
        ({"config": {"nodes": [{"label": "Film"}], "edges": [{"label": "SAW"}]}, "scope": "nodes"}, ["film"], []),
        # nodes and edges are counted apart, behind the other filters
        ({"limit": 2}, ["ann", "bo"], ["k1", "k2"]),
        ({"skip": 1, "limit": "2"}, ["bo", "cy"], ["k2", "k3"]),
        ({"skip": 3, "nodeLabels": ["Person"], "edgeLabels": ["SAW", "KNOWS"]}, [], ["s0", "s1", "s2"]),
        ({"limit": 100}, ["ann", "bo", "cy", "film"], ALL_EDGES),
    ],
)
def test_a_selection_is_what_all_parameters_leave(
    export: Any, params: dict[str, Any], nodes: list[str], edges: list[str]
) -> None:
    out = export(graph(export), **params)
    assert (ids(out, "nodes"), ids(out, "edges")) == (nodes, edges)
    assert (out.outcome.stats["stats"]["nodes"], out.outcome.stats["stats"]["edges"]) == (len(nodes), len(edges))


def test_a_node_of_several_labels_keeps_the_properties_of_every_filter_it_passes(export: Any) -> None:
    entries = [{"label": "Person", "properties": ["age"]}, {"label": "Admin", "properties": [{"property": "rank"}]}]
    out = export(graph(export), filter={"nodes": entries})
    assert out.text("nodes/Admin%3BPerson-1.csv").splitlines()[0] == "~id,~label,age:int,rank:int"
    assert out.text("nodes/Person-1.csv").splitlines()[0] == "~id,~label,age:int"


def test_columns_follow_the_filter_that_names_them(export: Any) -> None:
    out = export(graph(export), filter={"nodes": [{"label": "Person", "properties": ["city", "gone", "age"]}]})
    assert out.text("nodes/Person-1.csv").splitlines()[0] == "~id,~label,city:string,age:int"


@pytest.mark.parametrize(
    ("params", "kinds"),
    [
        ({}, ["nodes", "edges"]),
        ({"scope": "nodes"}, ["nodes"]),
        ({"scope": "edges"}, ["edges"]),
        ({"filter": {"nodes": [{"label": "Film"}]}}, ["nodes"]),
    ],
)
def test_the_schema_has_the_kinds_that_were_to_be_exported(
    export: Any, params: dict[str, Any], kinds: list[str]
) -> None:
    out = export(graph(export), **params)
    assert list(out.json("config.json")) == kinds
    assert list(out.json("stats.json")["stats"]["details"]) == ["nodes", "edges"]


def test_a_schema_that_an_export_wrote_filters_the_next_one(export: Any) -> None:
    schema = export(graph(export), ml={}).json("config.json")
    schema["nodes"] = [entry for entry in schema["nodes"] if entry["label"] == ["Admin", "Person"]]
    schema["nodes"][0]["properties"] = schema["nodes"][0]["properties"][:1]
    schema["edges"] = []
    again = export.__class__(export._folder / "again")(graph(export), ml={}, filter=schema)
    assert again.text("nodes/Admin%3BPerson.consolidated.csv") == '~id,~label,age\n"bo","Admin;Person",55\n'


def test_a_graph_to_train_on_has_no_edge_without_exported_ends(export: Any) -> None:
    out = export(graph(export), ml={}, nodeLabels=["Person"])
    assert (ids(out, "nodes"), ids(out, "edges")) == (["ann", "bo", "cy"], ["k1", "k2", "k3"])
    assert out.outcome.warnings == (
        "2 of 2 edges [Person, SAW, Film] left out, for one of their ends is not exported.",
        "1 of 1 edges [Admin;Person, SAW, Film] left out, for one of their ends is not exported.",
    )


def test_what_is_left_out_for_its_ends_does_not_count_against_the_limit(export: Any) -> None:
    # of the first two nodes, ann and bo, only k1 has both ends
    out = export(graph(export), ml={}, limit=2)
    assert (ids(out, "nodes"), ids(out, "edges")) == (["ann", "bo"], ["k1"])
    assert "1 of 1 edges [Person, KNOWS, Person] left out" in out.outcome.warnings[1]


def test_edges_alone_keep_their_ends_for_data_processing_to_find(export: Any) -> None:
    assert ids(export(graph(export), ml={}, scope="edges"), "edges") == ALL_EDGES


def test_a_target_that_the_limit_cuts_away_is_named(export: Any) -> None:
    target = {"node": "Film", "property": "title", "type": "classification"}
    with pytest.raises(InvalidParameter, match=r"labelled 'Film', and the export has none.*Admin;Person, Person"):
        export(graph(export), ml={"targets": target}, limit=3)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        (
            {"nodeLabels": ["Ghost"], "scope": "nodes"},
            "leave nothing to export; node labels of the graph: Admin;Person, F",
        ),
        ({"filter": {"nodes": []}}, "leave nothing to export"),
    ],
)
def test_a_selection_of_nothing_is_refused(export: Any, params: dict[str, Any], text: str) -> None:
    with pytest.raises(PreconditionsFailed, match=text):
        export(graph(export), **params)


def test_a_misspelt_filter_is_not_taken_for_an_empty_one(export: Any) -> None:
    with pytest.raises(InvalidParameter, match="'filter' has 'nodes' and 'edges', not 'node'"):
        export(graph(export), filter={"node": [{"label": "Person"}]})


def test_a_misspelt_field_of_neptune_ml_is_told(export: Any) -> None:
    out = export(graph(export), ml={"jobs": [{"target": []}], "split": [1, 0, 0]})
    assert out.outcome.warnings == (
        "neptune_ml: 'split' is not known and was ignored; did you mean 'split_rate'?",
        "neptune_ml job 1: 'target' is not known and was ignored; did you mean 'targets'?",
    )


def test_a_source_that_ends_early_is_noticed_though_a_limit_was_set(export: Any) -> None:
    whole = graph(export)
    whole.node_counts = lambda: {("Person",): 5, ("Film",): 1, ("Admin", "Person"): 1}
    with pytest.raises(ExportFailed, match="nodes Person: 2 written of 5"):
        export(whole, limit=6)


def test_a_file_that_lost_rows_is_named(export: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from workflow.export.datafile import SpooledFile

    finish = SpooledFile.finish

    def torn(self: SpooledFile, target: Any) -> None:
        finish(self, target)
        if target.name.startswith("Film"):
            target.write_bytes(target.read_bytes()[:-1])

    monkeypatch.setattr(SpooledFile, "finish", torn)
    with pytest.raises(ExportFailed, match=r"nodes/Film.consolidated.csv: 0 rows of 1"):
        export(graph(export), ml={})
