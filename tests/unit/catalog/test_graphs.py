"""Projected graphs: how they are made, listed, streamed, changed and refused."""

from __future__ import annotations

from typing import Any

import pytest

from workflow.catalog.errors import ProcedureRefused

Database = Any

STREETS = """
CREATE (a:Place:Town {n: 1, w: [1.0, 2.0]}), (b:Place {n: 2, w: [3.0, 4.0]}), (c:Place {w: [5.0, 6.0]}),
  (x:Lake {n: 9}),
  (a)-[:ROAD {km: 3}]->(b), (a)-[:ROAD {km: 5}]->(b), (b)-[:ROAD {km: 7}]->(c), (b)-[:RAIL]->(a), (a)-[:ROAD]->(x)
"""


@pytest.fixture
def places(empty: Database) -> Database:
    empty(STREETS)
    return empty


def arcs(database: Database, name: str = "g") -> list[tuple[int, int, str]]:
    rows = database(f"CALL gds.graph.relationships.stream('{name}')")
    return sorted((row["sourceNodeId"], row["targetNodeId"], row["relationshipType"]) for row in rows)


def project(database: Database, nodes: Any, types: Any, config: Any = None, name: str = "g") -> dict[str, Any]:
    parameters = {"name": name, "nodes": nodes, "types": types, "config": config or {}}
    found: dict[str, Any] = database.one("CALL gds.graph.project($name, $nodes, $types, $config)", parameters)
    return found


def test_only_relationships_between_projected_nodes_are_there(places: Database) -> None:
    found = project(places, "Place", "ROAD")
    assert (found["nodeCount"], found["relationshipCount"]) == (3, 3)
    assert arcs(places) == [(0, 1, "ROAD"), (0, 1, "ROAD"), (1, 2, "ROAD")]


@pytest.mark.parametrize(
    ("orientation", "wanted"),
    [
        ("NATURAL", [(0, 1), (0, 1), (1, 2)]),
        ("REVERSE", [(1, 0), (1, 0), (2, 1)]),
        ("undirected", [(0, 1), (0, 1), (1, 0), (1, 0), (1, 2), (2, 1)]),
    ],
)
def test_orientations(places: Database, orientation: str, wanted: list[tuple[int, int]]) -> None:
    project(places, ["Place"], {"R": {"type": "ROAD", "orientation": orientation}})
    assert arcs(places) == [(*pair, "R") for pair in wanted]


@pytest.mark.parametrize(
    ("aggregation", "km"),
    [("SINGLE", 3), ("MIN", 3), ("MAX", 5), ("SUM", 8), ("COUNT", 2)],
)
def test_parallel_relationships_become_one(places: Database, aggregation: str, km: int) -> None:
    project(places, "Place", {"ROAD": {"aggregation": aggregation, "properties": ["km"]}})
    rows = places("CALL gds.graph.relationshipProperty.stream('g', 'km', ['ROAD'])")
    assert [row["propertyValue"] for row in rows] == [km, 1 if aggregation == "COUNT" else 7]


def test_everything_and_several_labels_under_own_names(places: Database) -> None:
    assert project(places, "*", "*")["relationshipCount"] == 5
    places("CALL gds.graph.drop('g')")
    found = project(
        places, {"Stadt": "Town", "Place": {"label": "Place", "properties": {"size": "n"}}}, ["ROAD", "RAIL"]
    )
    assert found["nodeProjection"]["Place"]["properties"]["size"] == {"property": "n", "defaultValue": None}
    rows = places("CALL gds.graph.nodeProperty.stream('g', 'size', ['Stadt'], {listNodeLabels: true})")
    assert [(row["nodeId"], row["nodeLabels"]) for row in rows] == [(0, ["Stadt", "Place"])]


def test_properties_have_defaults_or_are_missing(places: Database) -> None:
    project(places, "Place", "ROAD", {"nodeProperties": ["w", {"n": {"property": "n", "defaultValue": 0}}]})
    rows = places("CALL gds.graph.nodeProperties.stream('g', ['n', 'w'])")
    cells = [(row["nodeId"], row["nodeProperty"], row["propertyValue"]) for row in rows]
    assert cells == [(0, "n", 1), (0, "w", [1, 2]), (1, "n", 2), (1, "w", [3, 4]), (2, "n", 0), (2, "w", [5, 6])]
    project(places, "Place", "ROAD", {"nodeProperties": "n"}, "h")
    missing = places("CALL gds.graph.nodeProperty.stream('h', 'n') YIELD nodeId, propertyValue")[2]["propertyValue"]
    assert missing != missing  # NaN


def test_the_catalog(places: Database) -> None:
    assert places.one("CALL gds.graph.exists('g')") == {"graphName": "g", "exists": False}
    assert places("CALL gds.graph.list('g')") == []
    assert places("CALL gds.graph.drop('g', false)") == []
    project(places, "Place", "ROAD")
    assert places.one("RETURN gds.graph.exists('g') AS there") == {"there": True}
    assert places.one("CALL gds.graph.list() YIELD graphName, degreeDistribution")["degreeDistribution"]["max"] == 2
    assert places.one("CALL gds.graph.drop(['g'], true, '', '') YIELD graphName") == {"graphName": "g"}
    with pytest.raises(ProcedureRefused, match="A graph with name `g` does not exist"):
        places("CALL gds.graph.drop('g')")


def test_rows_of_a_query_become_a_graph(places: Database) -> None:
    found = places.one(
        "MATCH (n:Place)-[r:ROAD]->(m:Place) RETURN gds.graph.project($graph_name, n, m, "
        "{sourceNodeProperties: n {.n}, targetNodeProperties: m {.w}, sourceNodeLabels: labels(n), "
        "relationshipType: type(r), relationshipProperties: r {.km}}, {undirectedRelationshipTypes: ['ROAD']}) AS g",
        {"graph_name": "c"},
    )["g"]
    assert (found["graphName"], found["nodeCount"], found["relationshipCount"]) == ("c", 3, 6)
    schema = places.one("CALL gds.graph.list('c') YIELD schemaWithOrientation")["schemaWithOrientation"]
    assert schema["relationships"]["ROAD"]["direction"] == "UNDIRECTED"
    assert set(schema["nodes"]) == {"Place", "Town", "__ALL__"}


def test_a_client_constructs_a_graph_of_integers(empty: Database) -> None:
    # what graph.construct of the Python client sends: eleven values a row, ids that are in no database
    data = [
        [None, False, None, False, 0, "A", True, {"p": 0.1, "emb": [1.0, 2.0]}, True, -1, False],
        [None, False, None, False, 1, "B", True, {"p": 0.2, "emb": [1.0, 2.0]}, True, -1, False],
        [{"weight": 0.5}, True, "R", True, 0, None, False, None, False, 1, True],
    ]
    statement = (
        "UNWIND $data AS data WITH data, CASE WHEN data[6] THEN data[5] ELSE null END AS sourceNodeLabels, "
        "CASE WHEN data[3] THEN data[2] ELSE null END AS relationshipType, CASE WHEN data[10] THEN data[9] ELSE null "
        "END AS targetNodeId, CASE WHEN data[8] THEN data[7] ELSE null END AS sourceNodeProperties, CASE WHEN data[1] "
        "THEN data[0] ELSE null END AS relationshipProperties RETURN gds.graph.project($graph_name, data[4], "
        "targetNodeId, {sourceNodeLabels: sourceNodeLabels, targetNodeLabels: NULL, sourceNodeProperties: "
        "sourceNodeProperties, targetNodeProperties: NULL, relationshipType: relationshipType, relationshipProperties: "
        "relationshipProperties}, $configuration)"
    )
    configuration = {"readConcurrency": 4, "undirectedRelationshipTypes": ["R"]}
    empty(statement, {"data": data, "graph_name": "gcon", "configuration": configuration})
    assert arcs(empty, "gcon") == [(0, 1, "R"), (1, 0, "R")]
    rows = empty("CALL gds.graph.nodeProperties.stream('gcon', ['emb', 'p'])")
    assert [row["propertyValue"] for row in rows] == [[1, 2], 0.1, [1, 2], 0.2]


def test_properties_and_relationships_are_written_and_dropped(places: Database) -> None:
    project(places, "Place", {"ROAD": {"orientation": "UNDIRECTED", "properties": {"km": {"defaultValue": 0}}}})
    places("CALL gds.degree.mutate('g', {mutateProperty: 'd'})")
    written = places.one("CALL gds.graph.nodeProperties.write('g', {d: 'degree'})")
    assert (written["nodeProperties"], written["propertiesWritten"]) == (["d"], 3)
    assert [row["d"] for row in places("MATCH (p:Place) RETURN p.degree AS d ORDER BY id(p)")] == [2, 3, 1]
    found = places.one("CALL gds.graph.relationship.write('g', 'ROAD', 'km') YIELD relationshipsWritten")
    assert found["relationshipsWritten"] == 3
    assert places.one("MATCH (:Place)-[r:ROAD]->(:Place) RETURN count(r) AS n")["n"] == 6
    assert (
        places.one("CALL gds.graph.nodeProperties.drop('g', ['d']) YIELD propertiesRemoved")["propertiesRemoved"] == 3
    )
    dropped = places.one("CALL gds.graph.relationships.drop('g', 'ROAD')")
    assert (dropped["deletedRelationships"], dropped["deletedProperties"]) == (6, {"km": 6})


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("CALL gds.graph.project('  ', '*', '*')", "must not be blank"),
        ("CALL gds.graph.project(' x', '*', '*')", "begin or end with whitespace"),
        ("CALL gds.graph.project('g', 'Robot', '*')", "label 'Robot' does not exist"),
        ("CALL gds.graph.project('g', '*', 'FLIES')", "type 'FLIES' does not exist"),
        ("CALL gds.graph.project('g', '*', '*', {nodeProperties: ['age']})", "property `age` does not exist"),
        ("CALL gds.graph.project('g', '*', '*', {nodeproperties: 1})", "did you mean `nodeProperties`"),
        ("CALL gds.graph.project('g', {}, '*')", "with something in it"),
        ("CALL gds.graph.project('g', '*', {ROAD: {orientation: 'UP'}})", "Orientation 'UP' is unknown"),
        ("CALL gds.graph.project('g', '*', {ROAD: {aggregation: 'AVG'}})", "Aggregation 'AVG' is unknown"),
        ("CALL gds.graph.project('g', '*', {ROAD: {direction: 'UP'}})", "Unexpected key `direction`"),
        ("CALL gds.graph.nodeProperties.stream('no', ['n'])", "A graph with name `no` does not exist"),
        ("CALL gds.graph.nodeProperties.stream('there', ['age'])", "Could not find the node property `age`"),
        ("CALL gds.graph.relationships.stream('there', ['FLIES'])", "relationship type 'FLIES'; the graph has ROAD"),
        ("CALL gds.graph.project('there', '*', '*')", "A graph with name `there` already exists"),
        ("MATCH (n) RETURN gds.graph.project('h', n, null, {labels: 1})", "Unexpected key `labels`"),
        ("MATCH (n) RETURN gds.graph.project('h', n, null, {}, {undirectedRelationshipTypes: ['X']})", "no row has"),
        ("MATCH (n) RETURN gds.graph.project('h', n.n, null)", "a node or an integer"),
        ("MATCH (n) RETURN gds.graph.project('h' + toString(n.n), n, null)", "One query projects one graph"),
    ],
)
def test_refusals(places: Database, statement: str, said: str) -> None:
    project(places, "Place", "ROAD", name="there")
    with pytest.raises(ProcedureRefused, match=said):
        places(statement)
    assert [row["graphName"] for row in places("CALL gds.graph.list()")] == ["there"]


def test_values_that_are_no_numbers_cannot_be_projected(places: Database) -> None:
    places("MATCH (a:Town) SET a.colour = 'red'")
    with pytest.raises(ProcedureRefused, match="`colour` holds 'red'"):
        project(places, {"Town": {"properties": "colour"}}, "*")
    places("MATCH (a:Town) SET a.w = [1.0]")
    with pytest.raises(ProcedureRefused, match="same length"):
        project(places, {"Place": {"properties": "w"}}, "*")


def test_two_queries_become_a_graph(places: Database) -> None:
    nodes = "MATCH (p:Place) RETURN id(p) AS id, labels(p) AS labels, coalesce(p.n, 0) AS n"
    roads = (
        "MATCH (a:Place)-[r:ROAD]->(b) WHERE r.km > $least RETURN id(a) AS source, id(b) AS target, type(r) AS type, "
    )
    config = {"parameters": {"least": 4}}
    call = "CALL gds.graph.project.cypher($g, $n, $r, $c) YIELD nodeCount, relationshipCount"
    found = places.one(call, {"g": "q", "n": nodes, "r": roads + "r.km AS km", "c": config})
    assert (found["nodeCount"], found["relationshipCount"]) == (3, 2)
    assert arcs(places, "q") == [(0, 1, "ROAD"), (1, 2, "ROAD")]
    rows = places("CALL gds.graph.relationshipProperty.stream('q', 'km') YIELD propertyValue")
    assert [row["propertyValue"] for row in rows] == [5, 7]
    anywhere = "MATCH (a:Place)-[:ROAD]->(b) RETURN id(a) AS source, id(b) AS target"
    for relationships, said in [
        (anywhere, "an end of which the node query has not"),
        ("MATCH (a) RETURN id(a) AS source", "has no column `target`"),
        ("CREATE (a)-[:R]->(b) RETURN 1 AS source, 2 AS target", "writes"),
    ]:
        with pytest.raises(ProcedureRefused, match=said):
            places(call, {"g": "h", "n": nodes, "r": relationships, "c": {}})
    loose = {"g": "h", "n": nodes, "r": anywhere, "c": {"validateRelationships": False}}
    assert places.one(call, loose)["relationshipCount"] == 3
